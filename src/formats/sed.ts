// A sed script applied to a text.
// Specification: POSIX.1-2017, sed, the commands `s d p y q a i c {}` with line, `$` and expression addresses.

import { compilePosixRegExp } from "./posix-pattern.ts";

interface SedCommand {
  readonly first: SedAddress | undefined;
  readonly second: SedAddress | undefined;
  readonly negated: boolean;
  readonly name: string;
  readonly expression: RegExp | undefined;
  readonly replacement: string;
  readonly print: boolean;
  readonly body: readonly SedCommand[];
}

type SedAddress =
  | { readonly kind: "line"; readonly line: number }
  | { readonly kind: "last" }
  | { readonly kind: "expression"; readonly expression: RegExp };

/**
 * Applies a sed script to a text.
 *
 * @returns What sed would print, or undefined when the script has another command.
 */
export function editStream(
  script: string,
  text: string,
  options: { readonly extended: boolean; readonly quiet: boolean },
): string | undefined {
  const commands = new SedParser(script, options.extended).parse();
  if (commands === undefined) return undefined;
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const ranges = new Map<SedCommand, boolean>();
  let output = "";
  for (let index = 0; index < lines.length; index++) {
    const state = { pattern: lines[index]!, deleted: false, quit: false, before: "", after: "" };
    const run = (list: readonly SedCommand[]): void => {
      for (const command of list) {
        if (state.deleted) return;
        if (!selects(command, state.pattern, index + 1, index + 1 === lines.length, ranges)) continue;
        if (command.name === "{") run(command.body);
        else apply(command, state);
      }
    };
    run(commands);
    output += state.before;
    if (!state.deleted && !options.quiet) output += `${state.pattern}\n`;
    output += state.after;
    if (state.quit) break;
  }
  return output;
}

interface SedState {
  pattern: string;
  deleted: boolean;
  quit: boolean;
  before: string;
  after: string;
}

function selects(
  command: SedCommand,
  pattern: string,
  line: number,
  last: boolean,
  ranges: Map<SedCommand, boolean>,
): boolean {
  const { first, second } = command;
  if (first === undefined) return !command.negated;
  const matches = (address: SedAddress) =>
    address.kind === "last"
      ? last
      : address.kind === "line"
        ? address.line === line
        : address.expression.test(pattern);
  let selected: boolean;
  if (second === undefined) selected = matches(first);
  else if (ranges.get(command) === true) {
    selected = true;
    if (second.kind === "line" ? line >= second.line : matches(second)) ranges.set(command, false);
  } else {
    selected = matches(first);
    if (selected && !(second.kind === "line" && second.line <= line)) ranges.set(command, true);
  }
  return selected !== command.negated;
}

function apply(command: SedCommand, state: SedState): void {
  switch (command.name) {
    case "s": {
      const before = state.pattern;
      let changed = false;
      state.pattern = before.replace(command.expression!, (...match: unknown[]) => {
        changed = true;
        return fillReplacement(command.replacement, match as string[]);
      });
      if (changed && command.print) state.before += `${state.pattern}\n`;
      return;
    }
    case "y":
      state.pattern = [...state.pattern]
        .map((char) => {
          const [source, target] = command.replacement.split("\0") as [string, string];
          const index = source.indexOf(char);
          return index < 0 ? char : target[index]!;
        })
        .join("");
      return;
    case "d":
      state.deleted = true;
      return;
    case "p":
      state.before += `${state.pattern}\n`;
      return;
    case "q":
      state.quit = true;
      return;
    case "a":
      state.after += `${command.replacement}\n`;
      return;
    case "i":
      state.before += `${command.replacement}\n`;
      return;
    case "c":
      state.before += `${command.replacement}\n`;
      state.deleted = true;
      return;
  }
}

function fillReplacement(replacement: string, match: readonly (string | undefined)[]): string {
  return replacement.replace(/\\([\s\S])|&/g, (all, char: string | undefined) => {
    if (all === "&") return match[0] ?? "";
    if (char !== undefined && /\d/.test(char)) {
      const group = match[Number(char)];
      return typeof group === "string" ? group : "";
    }
    return char === "n" ? "\n" : char === "t" ? "\t" : (char ?? "");
  });
}

class SedParser {
  readonly #text: string;
  readonly #extended: boolean;
  #position = 0;

  constructor(text: string, extended: boolean) {
    this.#text = text;
    this.#extended = extended;
  }

  parse(): SedCommand[] | undefined {
    const commands = this.#parseCommands();
    return this.#position >= this.#text.length ? commands : undefined;
  }

  #parseCommands(): SedCommand[] | undefined {
    const commands: SedCommand[] = [];
    for (;;) {
      while (/[\s;]/.test(this.#text[this.#position] ?? "x")) this.#position++;
      const char = this.#text[this.#position];
      if (char === undefined || char === "}") return commands;
      if (char === "#") {
        const end = this.#text.indexOf("\n", this.#position);
        this.#position = end < 0 ? this.#text.length : end;
        continue;
      }
      const command = this.#parseCommand();
      if (command === undefined) return undefined;
      commands.push(command);
    }
  }

  #parseCommand(): SedCommand | undefined {
    const first = this.#parseAddress();
    let second: SedAddress | undefined;
    if (first !== undefined && this.#text[this.#position] === ",") {
      this.#position++;
      second = this.#parseAddress();
      if (second === undefined) return undefined;
    }
    this.#skipBlanks();
    const negated = this.#text[this.#position] === "!";
    if (negated) this.#position++;
    this.#skipBlanks();
    const name = this.#text[this.#position++] ?? "";
    const common = {
      first,
      second,
      negated,
      name,
      expression: undefined,
      replacement: "",
      print: false,
      body: [],
    };
    if (name === "s") return this.#parseSubstitution(common);
    if (name === "{") {
      const body = this.#parseCommands();
      if (body === undefined || this.#text[this.#position++] !== "}") return undefined;
      return { ...common, body };
    }
    if (name === "y") {
      const delimiter = this.#text[this.#position++];
      const source = this.#readDelimited(delimiter);
      const target = this.#readDelimited(delimiter);
      if (source === undefined || target === undefined || source.length !== target.length) return undefined;
      return { ...common, replacement: `${source}\0${target}` };
    }
    if (name === "d" || name === "p" || name === "q") return common;
    if (name !== "" && "aic".includes(name)) {
      const end = this.#text.indexOf("\n", this.#position + (this.#text[this.#position] === "\\" ? 2 : 0));
      const text = this.#text.slice(this.#position, end < 0 ? undefined : end);
      this.#position = end < 0 ? this.#text.length : end;
      const trimmed = text.replace(/^\s*(?:\\\n?)?/, "");
      return trimmed === "" ? undefined : { ...common, replacement: trimmed };
    }
    return undefined;
  }

  #parseSubstitution(common: SedCommand): SedCommand | undefined {
    const delimiter = this.#text[this.#position++];
    const source = this.#readDelimited(delimiter);
    const replacement = this.#readDelimited(delimiter);
    if (source === undefined || replacement === undefined) return undefined;
    const flags = /^[gpiI]*/.exec(this.#text.slice(this.#position))?.[0] ?? "";
    this.#position += flags.length;
    if (!/^(?:[\s;}]|$)/.test(this.#text.slice(this.#position))) return undefined;
    const expression = compilePosixRegExp(
      decodeControls(source),
      this.#extended,
      (flags.includes("g") ? "g" : "") + (/i/i.test(flags) ? "i" : ""),
    );
    return expression === undefined
      ? undefined
      : { ...common, expression, replacement, print: flags.includes("p") };
  }

  /** Text up to the delimiter, which a backslash makes an ordinary character. */
  #readDelimited(delimiter: string | undefined): string | undefined {
    if (delimiter === undefined) return undefined;
    let text = "";
    for (; this.#position < this.#text.length; this.#position++) {
      const char = this.#text[this.#position]!;
      if (char === delimiter) {
        this.#position++;
        return text;
      }
      if (char === "\\") {
        const next = this.#text[++this.#position] ?? "";
        text += next === delimiter ? next : `\\${next}`;
      } else if (char === "[") {
        const end = /^\[\^?\]?(?:\[:\w+:\]|[^\]])*\]/.exec(this.#text.slice(this.#position))?.[0];
        text += end ?? char;
        this.#position += (end?.length ?? 1) - 1;
      } else text += char;
    }
    return undefined;
  }

  #parseAddress(): SedAddress | undefined {
    const rest = this.#text.slice(this.#position);
    if (rest.startsWith("$")) {
      this.#position++;
      return { kind: "last" };
    }
    const line = /^\d+/.exec(rest)?.[0];
    if (line !== undefined) {
      this.#position += line.length;
      return { kind: "line", line: Number(line) };
    }
    if (!rest.startsWith("/")) return undefined;
    this.#position++;
    const source = this.#readDelimited("/");
    const expression =
      source === undefined ? undefined : compilePosixRegExp(decodeControls(source), this.#extended);
    return expression === undefined ? undefined : { kind: "expression", expression };
  }

  #skipBlanks(): void {
    while (/[ \t]/.test(this.#text[this.#position] ?? "x")) this.#position++;
  }
}

/** GNU sed reads `\t` and the like before the expression is compiled, so also inside brackets. */
function decodeControls(source: string): string {
  const controls: Readonly<Record<string, string>> = { t: "\t", n: "\n", f: "\f", v: "\v" };
  return source.replace(/\\([\s\S])/g, (all, char: string) => controls[char] ?? all);
}
