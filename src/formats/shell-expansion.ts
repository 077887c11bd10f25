// Expands the words of a script: parameters, command substitutions and arithmetic, then fields and paths.
// Specification: POSIX.1-2017 Shell Command Language 2.6, with values that may be unknown.

import { compileShellPattern, isPattern, type PatternChar, toPatternChars } from "./posix-pattern.ts";
import type { ScriptText } from "./script-text.ts";
import { known } from "./script-text.ts";
import type { Statement, Word, WordPart } from "./shell.ts";
import { runTextFilter } from "./text-filters.ts";

/** What expansion asks of the script that is followed. */
export interface ExpansionHost {
  /** `$1`, `$#` and the like are parameters too; undefined: it is not set. */
  parameter(name: string): ScriptText | undefined;
  readonly positional: readonly ScriptText[];
  assign(name: string, value: ScriptText): void;
  /** The output of a command substitution, without trailing newlines. */
  substitute(script: readonly Statement[]): ScriptText;
  /** Whether something is at a path, absolute or relative to the script's directory. */
  exists(path: string): boolean;
  /** The names in a directory, sorted. */
  listDirectory(path: string): readonly string[];
}

/** Thrown when a script asks for more work than any real one. */
export class ScriptTooLong extends Error {}

const MOST_FIELDS = 4096;

/** A piece of an expanded word; `break` begins a new field, as inside `"$@"`. */
type Piece =
  | {
      readonly kind: "text";
      readonly text: string;
      readonly known: boolean;
      readonly quoted: boolean;
      readonly split: boolean;
    }
  | { readonly kind: "break" }
  /** An expansion to nothing, which still makes a field when it is quoted. */
  | { readonly kind: "nothing" };

export class Expander {
  readonly #host: ExpansionHost;

  constructor(host: ExpansionHost) {
    this.#host = host;
  }

  /** One text, as the value of an assignment. */
  toText(word: Word): ScriptText {
    let text = "";
    let allKnown = true;
    for (const piece of this.#expand(word)) {
      if (piece.kind === "break") text += " ";
      else if (piece.kind === "text") {
        text += piece.text;
        allKnown &&= piece.known;
      }
    }
    return { text, known: allKnown };
  }

  /** A shell pattern; undefined when a part is not known. */
  toPattern(word: Word): PatternChar[] | undefined {
    const chars: PatternChar[] = [];
    for (const piece of this.#expand(word)) {
      if (piece.kind !== "text") continue;
      if (!piece.known) return undefined;
      if (piece.quoted) for (const char of piece.text) chars.push({ char, literal: true });
      else chars.push(...toPatternChars(piece.text));
    }
    return chars;
  }

  /** The fields of a command line: split, and expanded as paths. */
  toFields(words: readonly Word[]): ScriptText[] {
    const fields: ScriptText[] = [];
    for (const word of words) {
      for (const field of this.#splitFields(this.#expand(word))) {
        fields.push(...this.#expandPath(field));
        if (fields.length > MOST_FIELDS)
          throw new ScriptTooLong(`a command has more than ${MOST_FIELDS} words`);
      }
    }
    return fields;
  }

  #splitFields(pieces: readonly Piece[]): FieldBuilder[] {
    const separators = this.#host.parameter("IFS") ?? known(" \t\n");
    const fields: FieldBuilder[] = [];
    let field = new FieldBuilder();
    const flush = () => {
      if (!field.isEmpty) fields.push(field);
      field = new FieldBuilder();
    };
    for (const piece of pieces) {
      if (piece.kind === "break") {
        field.touch();
        flush();
      } else if (piece.kind === "nothing") field.touch();
      else if (!piece.split || !piece.known) field.add(piece.text, piece.quoted, piece.known);
      else {
        for (const char of piece.text) {
          if (separators.known && separators.text.includes(char)) flush();
          else field.add(char, piece.quoted, true);
        }
      }
    }
    flush();
    return fields;
  }

  #expandPath(field: FieldBuilder): ScriptText[] {
    const plain: ScriptText = { text: field.chars.map(({ char }) => char).join(""), known: field.known };
    if (!field.known || !isPattern(field.chars)) return [plain];
    const found = this.#matchPaths(field.chars);
    return found.length === 0 ? [plain] : found.map(known);
  }

  #matchPaths(chars: readonly PatternChar[]): string[] {
    const absolute = chars[0]?.char === "/";
    let paths = [""];
    let component: PatternChar[] = [];
    const parts: PatternChar[][] = [];
    for (const one of chars) {
      if (one.char === "/") {
        if (component.length > 0) parts.push(component);
        component = [];
      } else component.push(one);
    }
    if (component.length > 0) parts.push(component);
    for (const part of parts) {
      const expression = isPattern(part) ? compileShellPattern(part, "path") : undefined;
      const name = part.map(({ char }) => char).join("");
      paths = paths.flatMap((path) => {
        const prefix = path === "" ? "" : `${path}/`;
        const base = `${absolute ? "/" : ""}${path}`;
        if (expression === undefined) {
          return this.#host.exists(`${absolute ? "/" : ""}${prefix}${name}`) ? [prefix + name] : [];
        }
        return this.#host
          .listDirectory(base)
          .filter((one) => expression.test(one))
          .map((one) => prefix + one);
      });
      if (paths.length > MOST_FIELDS) throw new ScriptTooLong("a pattern matches too many files");
    }
    return absolute ? paths.map((path) => `/${path}`) : paths;
  }

  #expand(word: Word): Piece[] {
    return word.flatMap((part) => this.#expandPart(part));
  }

  #expandPart(part: WordPart): Piece[] {
    switch (part.kind) {
      case "literal":
        if (part.text === "") return [{ kind: "nothing" }];
        return [{ kind: "text", text: part.text, known: true, quoted: part.quoted, split: false }];
      case "command": {
        return toPieces(this.#host.substitute(part.script), part.quoted);
      }
      case "arithmetic":
        return toPieces(this.#calculate(this.toText(part.text)), part.quoted);
      case "parameter":
        return this.#expandParameter(part);
    }
  }

  #calculate(expression: ScriptText): ScriptText {
    const unknown = { text: "$((...))", known: false };
    if (!expression.known) return unknown;
    const named = expression.text.replace(/\b[A-Za-z_]\w*\b/g, (name) => {
      const value = this.#host.parameter(name);
      return value === undefined ? "0" : value.known ? value.text : "?";
    });
    const match = /^\s*(-?\d+)\s*(?:([-+*/%])\s*(-?\d+)\s*)?$/.exec(named);
    if (match === null) return unknown;
    const args = match[2] === undefined ? [match[1]!, "+", "0"] : [match[1]!, match[2], match[3]!];
    const result = runTextFilter("expr", args, { input: "", readFile: () => undefined });
    return result === undefined ? unknown : known(result.output.trim());
  }

  #expandParameter(part: Extract<WordPart, { kind: "parameter" }>): Piece[] {
    const { name, operator, quoted } = part;
    if ((name === "@" || name === "*") && operator === undefined) return this.#expandPositional(name, quoted);
    const value = this.#host.parameter(name);
    if (operator === undefined) return toPieces(value ?? known(""), quoted);
    const argument = part.argument ?? [];
    const empty = value === undefined || (operator.startsWith(":") && value.known && value.text === "");
    switch (operator) {
      case "-":
      case ":-":
      case "=":
      case ":=": {
        if (!empty) return toPieces(value, quoted);
        const pieces = this.#expand(argument);
        if (operator.endsWith("=")) this.#host.assign(name, this.toText(argument));
        return pieces.map((piece) =>
          piece.kind === "text" && !piece.quoted ? { ...piece, quoted, split: !quoted } : piece,
        );
      }
      case "+":
      case ":+":
        if (empty) return quoted ? [{ kind: "nothing" }] : [];
        if (operator === ":+" && !value.known) return toPieces({ text: value.text, known: false }, quoted);
        return this.#expand(argument);
      case "?":
      case ":?":
        return toPieces(value ?? known(""), quoted);
    }
    const transformed =
      value === undefined || value.known ? this.#transform(value?.text ?? "", operator, argument) : undefined;
    return toPieces(
      transformed === undefined ? { text: `\${${name}}`, known: false } : known(transformed),
      quoted,
    );
  }

  #transform(value: string, operator: string, argument: Word): string | undefined {
    if (operator === "length") return String(value.length);
    if (operator === "^^") return value.toUpperCase();
    if (operator === ",,") return value.toLowerCase();
    if (operator === ":") {
      const range = this.toText(argument);
      const match = /^ ?(-?\d+)(?::(\d+))?$/.exec(range.text);
      if (!range.known || match === null) return undefined;
      const rest = value.slice(Number(match[1]));
      return match[2] === undefined ? rest : rest.slice(0, Number(match[2]));
    }
    if (operator === "/" || operator === "//") return this.#substitute(value, operator === "//", argument);
    const chars = this.toPattern(argument);
    const expression = chars && compileShellPattern(chars, "text");
    if (expression === undefined) return undefined;
    return operator.startsWith("%")
      ? removeSuffix(value, expression, operator === "%%")
      : operator.startsWith("#")
        ? removePrefix(value, expression, operator === "##")
        : undefined;
  }

  #substitute(value: string, all: boolean, argument: Word): string | undefined {
    const both = this.toText(argument);
    const slash = both.text.indexOf("/");
    const pattern = slash < 0 ? both.text : both.text.slice(0, slash);
    if (!both.known || isPattern(toPatternChars(pattern)) || pattern === "") return undefined;
    const replacement = slash < 0 ? "" : both.text.slice(slash + 1);
    return all ? value.replaceAll(pattern, () => replacement) : value.replace(pattern, () => replacement);
  }

  #expandPositional(name: string, quoted: boolean): Piece[] {
    const pieces: Piece[] = [];
    for (const [index, value] of this.#host.positional.entries()) {
      if (index > 0) {
        pieces.push(
          name === "*" && quoted
            ? { kind: "text", text: " ", known: true, quoted: true, split: false }
            : { kind: "break" },
        );
      }
      if (!quoted && value.known && value.text === "") continue;
      pieces.push(...toPieces(value, quoted));
    }
    return pieces;
  }
}

/** A field while it is put together; it remembers which of its characters were quoted. */
class FieldBuilder {
  readonly chars: PatternChar[] = [];
  known = true;
  #touched = false;

  get isEmpty(): boolean {
    return this.chars.length === 0 && !this.#touched;
  }

  /** Makes it a field even when nothing is added. */
  touch(): void {
    this.#touched = true;
  }

  add(text: string, quoted: boolean, isKnown: boolean): void {
    for (const char of text) this.chars.push({ char, literal: quoted });
    this.known &&= isKnown;
    this.#touched ||= quoted;
  }
}

function toPieces(value: ScriptText, quoted: boolean): Piece[] {
  if (value.text === "" && value.known) return quoted ? [{ kind: "nothing" }] : [];
  return [{ kind: "text", text: value.text, known: value.known, quoted, split: !quoted }];
}

function removeSuffix(value: string, expression: RegExp, longest: boolean): string {
  const cuts = Array.from({ length: value.length + 1 }, (_, index) =>
    longest ? index : value.length - index,
  );
  const cut = cuts.find((index) => expression.test(value.slice(index)));
  return cut === undefined ? value : value.slice(0, cut);
}

function removePrefix(value: string, expression: RegExp, longest: boolean): string {
  const cuts = Array.from({ length: value.length + 1 }, (_, index) =>
    longest ? value.length - index : index,
  );
  const cut = cuts.find((index) => expression.test(value.slice(0, index)));
  return cut === undefined ? value : value.slice(cut);
}
