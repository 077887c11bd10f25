// What the small text tools of a shell script write for given arguments and input: echo, printf, cut, sed, tr, grep…
// Specification: POSIX.1-2017 utilities with the GNU options that maintainer scripts use. Pure: files are handed in.

import { compilePosixRegExp } from "./posix-pattern.ts";
import { editStream } from "./sed.ts";

export interface FilterInput {
  /** What is on standard input; undefined when that is not known. */
  readonly input: string | undefined;
  /** The text of a file: undefined when there is none, `null` when its content is not known. */
  readonly readFile: (path: string) => string | null | undefined;
}

export interface FilterResult {
  /** Exit status. */
  readonly status: number;
  readonly output: string;
}

type Filter = (args: readonly string[], from: FilterInput) => FilterResult | undefined;

/** Regular expressions of scripts run over at most this much text. */
const LONGEST_INPUT = 1 << 20;

/** The names that {@link runTextFilter} knows. */
export function isTextFilter(name: string): boolean {
  return FILTERS.has(name);
}

/**
 * Computes what a text tool would print.
 *
 * @returns Undefined when the input or an option is not known; the tool's own failures have a status.
 */
export function runTextFilter(
  name: string,
  args: readonly string[],
  from: FilterInput,
): FilterResult | undefined {
  return FILTERS.get(name)?.(args, from);
}

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["echo", echo],
  ["printf", printf],
  ["cat", cat],
  ["cut", cut],
  ["sed", sed],
  ["tr", translate],
  ["grep", (args, from) => grep(args, from)],
  ["egrep", (args, from) => grep(["-E", ...args], from)],
  ["fgrep", (args, from) => grep(["-F", ...args], from)],
  ["head", (args, from) => headOrTail(args, from, (lines, count) => lines.slice(0, count))],
  [
    "tail",
    (args, from) => headOrTail(args, from, (lines, count) => (count === 0 ? [] : lines.slice(-count))),
  ],
  ["sort", sort],
  ["uniq", uniq],
  ["wc", countWords],
  ["basename", baseName],
  ["dirname", directoryName],
  ["expr", evaluateExpression],
  ["seq", sequence],
]);

function success(output: string): FilterResult {
  return { status: 0, output };
}

function echo(args: readonly string[]): FilterResult {
  // dash's echo, which is /bin/sh in Debian: only -n is an option, and backslashes are interpreted.
  const newline = args[0] !== "-n";
  const text = (newline ? args : args.slice(1)).join(" ");
  return success(decodeEscapes(text) + (newline ? "\n" : ""));
}

function decodeEscapes(text: string): string {
  return text.replace(/\\([abfnrtv\\]|0?[0-7]{1,3})/g, (_, code: string) => {
    const simple: Readonly<Record<string, string>> = {
      a: "\x07",
      b: "\b",
      f: "\f",
      n: "\n",
      r: "\r",
      t: "\t",
      v: "\v",
      "\\": "\\",
    };
    return simple[code] ?? String.fromCharCode(Number.parseInt(code, 8) & 0xff);
  });
}

function printf(args: readonly string[]): FilterResult | undefined {
  const [format, ...values] = args[0] === "--" ? args.slice(1) : args;
  if (format === undefined) return undefined;
  let output = "";
  let next = 0;
  do {
    const before = next;
    const part = decodeEscapes(format).replace(
      /%(?:%|(-?)(0?)(\d*)([sdbiux]))/g,
      (all, left, zero, width, type) => {
        if (all === "%%") return "%";
        const value = values[next++] ?? "";
        const text =
          type === "b"
            ? decodeEscapes(value)
            : type === "s"
              ? value
              : type === "x"
                ? Number(value).toString(16)
                : String(Number(value));
        const fill = zero !== "" && left === "" && type !== "s" ? "0" : " ";
        return left === "" ? text.padStart(Number(width), fill) : text.padEnd(Number(width));
      },
    );
    output += part;
    if (next === before) break;
  } while (next < values.length);
  return success(output);
}

/** The text of the named files, or of standard input when none is named. */
function gather(files: readonly string[], from: FilterInput): string | undefined {
  if (files.length === 0) return limit(from.input);
  let text = "";
  for (const file of files) {
    const content = file === "-" ? from.input : from.readFile(file);
    if (content === null || content === undefined) return undefined;
    text += content;
  }
  return limit(text);
}

function limit(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= LONGEST_INPUT ? text : undefined;
}

function toLines(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function fromLines(lines: readonly string[]): FilterResult {
  return success(lines.map((line) => `${line}\n`).join(""));
}

function cat(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const files = args.filter((one) => one !== "--");
  if (files.some((one) => one.startsWith("-") && one !== "-")) return undefined;
  if (files.some((one) => one !== "-" && from.readFile(one) === undefined)) return { status: 1, output: "" };
  const text = gather(files, from);
  return text === undefined ? undefined : success(text);
}

function cut(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const { options, operands } = readOptions(args, "dfcb", "s");
  const text = gather(operands, from);
  const list = options.get("f") ?? options.get("c") ?? options.get("b");
  if (text === undefined || list === undefined) return undefined;
  const ranges = list.split(",").map((range) => /^(\d*)(-?)(\d*)$/.exec(range));
  if (ranges.some((range) => range === null)) return undefined;
  const keeps = (index: number) =>
    ranges.some((range) => {
      const first = Number(range![1] || 1);
      const last = range![2] === "" ? first : Number(range![3] || Number.MAX_SAFE_INTEGER);
      return index >= first && index <= last;
    });
  const delimiter = options.has("f") ? (options.get("d") ?? "\t") : "";
  return fromLines(
    toLines(text).map((line) => {
      if (delimiter !== "" && !line.includes(delimiter)) return line;
      return line
        .split(delimiter)
        .filter((_, index) => keeps(index + 1))
        .join(delimiter);
    }),
  );
}

/** Splits arguments into options (`withValue` letters take one) and operands; unknown letters are kept as options. */
function readOptions(
  args: readonly string[],
  withValue: string,
  flags: string,
): { options: Map<string, string>; operands: string[]; unknown: boolean } {
  const options = new Map<string, string>();
  const operands: string[] = [];
  let unknown = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      operands.push(arg);
      continue;
    }
    if (arg.startsWith("--")) {
      unknown = true;
      continue;
    }
    for (let j = 1; j < arg.length; j++) {
      const letter = arg[j]!;
      if (withValue.includes(letter)) {
        options.set(letter, arg.slice(j + 1) || (args[++i] ?? ""));
        break;
      }
      if (!flags.includes(letter)) unknown = true;
      options.set(letter, "");
    }
  }
  return { options, operands, unknown };
}

function translate(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const { options, operands, unknown } = readOptions(args, "", "dscC");
  if (unknown || from.input === undefined) return undefined;
  let [first, second] = operands.map(expandSet);
  if (first === undefined) return undefined;
  const complement = options.has("c") || options.has("C");
  const set = new Set(first);
  const inSet = (char: string) => set.has(char) !== complement;
  if (options.has("d")) return success([...from.input].filter((char) => !inSet(char)).join(""));
  let squeezed = set;
  let text = from.input;
  if (second !== undefined) {
    const last = second.at(-1) ?? "";
    first = complement ? [] : first;
    const target = second;
    text = [...text]
      .map((char) => (complement ? (inSet(char) ? last : char) : mapChar(char, first!, target, last)))
      .join("");
    squeezed = new Set(second);
  }
  if (options.has("s"))
    text = text.replace(/([\s\S])\1+/g, (all, char: string) => (squeezed.has(char) ? char : all));
  return success(text);
}

function mapChar(char: string, from: readonly string[], to: readonly string[], last: string): string {
  const index = from.indexOf(char);
  return index < 0 ? char : (to[index] ?? last);
}

function expandSet(text: string): string[] {
  const classes: Readonly<Record<string, string>> = {
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:digit:]": "0-9",
    "[:alpha:]": "A-Za-z",
    "[:alnum:]": "0-9A-Za-z",
    "[:space:]": "\t-\r ",
    "[:blank:]": "\t ",
    "[:punct:]": "!-/:-@[-`{-~",
  };
  const plain = decodeEscapes(text.replace(/\[:[a-z]+:\]/g, (name) => classes[name] ?? name));
  const chars: string[] = [];
  for (let i = 0; i < plain.length; i++) {
    const start = plain.charCodeAt(i);
    const end = plain[i + 1] === "-" ? plain.charCodeAt(i + 2) : Number.NaN;
    if (Number.isNaN(end)) chars.push(plain[i]!);
    else {
      for (let code = start; code <= end; code++) chars.push(String.fromCharCode(code));
      i += 2;
    }
  }
  return chars;
}

function grep(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const { options, operands, unknown } = readOptions(args, "em", "EFGqsivwxcohl");
  if (unknown || options.has("c") || options.has("l")) return undefined;
  const pattern = options.get("e") ?? operands.shift();
  if (pattern === undefined) return undefined;
  const missing = operands.filter((file) => file !== "-" && from.readFile(file) === undefined);
  if (operands.length > 0 && missing.length === operands.length) return { status: 2, output: "" };
  const text = gather(
    operands.filter((file) => !missing.includes(file)),
    from,
  );
  const flags = options.has("i") ? "i" : "";
  const sources = pattern.split("\n").map((one) => {
    const source = options.has("F") ? one.replace(/[\\^$.*[\]]/g, "\\$&") : one;
    return compilePosixRegExp(source, options.has("E"), flags);
  });
  if (text === undefined || sources.includes(undefined)) return undefined;
  const expressions = sources.map((one) => {
    const source = options.has("x")
      ? `^(?:${one!.source})$`
      : options.has("w")
        ? `(?<!\\w)(?:${one!.source})(?!\\w)`
        : one!.source;
    return new RegExp(source, flags);
  });
  const hits = toLines(text).filter((line) => expressions.some((one) => one.test(line)) !== options.has("v"));
  const output = options.has("o")
    ? hits.flatMap((line) => expressions.flatMap((one) => one.exec(line)?.[0] ?? []))
    : hits;
  if (options.has("q")) return { status: hits.length > 0 ? 0 : 1, output: "" };
  return { ...fromLines(output), status: hits.length > 0 ? 0 : 1 };
}

function headOrTail(
  args: readonly string[],
  from: FilterInput,
  pick: (lines: string[], count: number) => string[],
): FilterResult | undefined {
  const normal = args.map((one) => one.replace(/^-(\d+)$/, "-n$1"));
  const { options, operands, unknown } = readOptions(normal, "n", "q");
  const count = options.get("n") ?? "10";
  const text = gather(operands, from);
  if (unknown || text === undefined || !/^\d+$/.test(count)) return undefined;
  return fromLines(pick(toLines(text), Number(count)));
}

function sort(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const { options, operands, unknown } = readOptions(args, "", "urn");
  const text = gather(operands, from);
  if (unknown || text === undefined) return undefined;
  const number = (line: string) => Number.parseFloat(line) || 0;
  let lines = toLines(text).sort(
    (a, b) => (options.has("n") ? number(a) - number(b) : 0) || (a < b ? -1 : a > b ? 1 : 0),
  );
  if (options.has("u")) lines = [...new Set(lines)];
  return fromLines(options.has("r") ? lines.reverse() : lines);
}

function uniq(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const text = gather(args, from);
  if (text === undefined || args.some((one) => one.startsWith("-"))) return undefined;
  return fromLines(toLines(text).filter((line, index, lines) => line !== lines[index - 1]));
}

function countWords(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const { options, operands, unknown } = readOptions(args, "", "lcw");
  const text = gather(operands, from);
  if (unknown || text === undefined || operands.length > 0 || options.size !== 1) return undefined;
  if (options.has("c")) return success(`${text.length}\n`);
  const count = options.has("l") ? text.split("\n").length - 1 : text.split(/\s+/).filter(Boolean).length;
  return success(`${count}\n`);
}

function baseName(args: readonly string[]): FilterResult | undefined {
  const [path, suffix] = args[0] === "--" ? args.slice(1) : args;
  if (path === undefined || path.startsWith("-")) return undefined;
  const trimmed = path.replace(/\/+$/, "");
  const name = trimmed === "" && path !== "" ? "/" : trimmed.slice(trimmed.lastIndexOf("/") + 1);
  const short =
    suffix !== undefined && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
  return success(`${short}\n`);
}

function directoryName(args: readonly string[]): FilterResult | undefined {
  const path = args[0] === "--" ? args[1] : args[0];
  if (path === undefined) return undefined;
  const trimmed = path.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  if (slash < 0) return success(trimmed === "" && path !== "" ? "/\n" : ".\n");
  return success(`${trimmed.slice(0, slash).replace(/\/+$/, "") || "/"}\n`);
}

function evaluateExpression(args: readonly string[]): FilterResult | undefined {
  const [left, operator, right] = args;
  if (args.length !== 3 || left === undefined || right === undefined) return undefined;
  if (operator === ":") {
    const expression = compilePosixRegExp(`^${right}`.replace(/^\^\^/, "^"), false);
    if (expression === undefined) return undefined;
    const match = expression.exec(left);
    const value = match?.[1] ?? (match?.length === 1 ? String(match[0].length) : "0");
    return { status: value === "0" || value === "" ? 1 : 0, output: `${value}\n` };
  }
  if (!/^-?\d+$/.test(left) || !/^-?\d+$/.test(right)) return undefined;
  const a = Number(left);
  const b = Number(right);
  const table: Readonly<Record<string, number>> = {
    "+": a + b,
    "-": a - b,
    "*": a * b,
    "/": Math.trunc(a / b),
    "%": a % b,
    "<": Number(a < b),
    "<=": Number(a <= b),
    ">": Number(a > b),
    ">=": Number(a >= b),
    "=": Number(a === b),
    "!=": Number(a !== b),
  };
  const value = table[operator ?? ""];
  if (value === undefined || !Number.isSafeInteger(value)) return undefined;
  return { status: value === 0 ? 1 : 0, output: `${value}\n` };
}

function sequence(args: readonly string[]): FilterResult | undefined {
  const numbers = args.map(Number);
  if (args.length < 1 || args.length > 3 || !numbers.every(Number.isInteger)) return undefined;
  const first = args.length === 1 ? 1 : numbers[0]!;
  const step = args.length === 3 ? numbers[1]! : 1;
  const count = Math.floor((numbers.at(-1)! - first) / step) + 1;
  if (step === 0 || count > 1000) return undefined;
  return fromLines(Array.from({ length: Math.max(0, count) }, (_, index) => String(first + index * step)));
}

function sed(args: readonly string[], from: FilterInput): FilterResult | undefined {
  const { options, operands, unknown } = readSedOptions(args);
  const script = options.get("e") ?? operands.shift();
  if (unknown || options.has("i") || script === undefined) return undefined;
  const text = gather(operands, from);
  if (text === undefined) return undefined;
  const output = editStream(script, text, { extended: options.has("E"), quiet: options.has("n") });
  return output === undefined ? undefined : success(output);
}

/** The options of sed; several `-e` scripts become one. */
export function readSedOptions(args: readonly string[]): {
  options: Map<string, string>;
  operands: string[];
  unknown: boolean;
} {
  const scripts: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const match = /^-([nErs]*)e(.*)$/s.exec(arg);
    if (match !== null) {
      if (match[1] !== "") rest.push(`-${match[1]}`);
      scripts.push(match[2] || (args[++i] ?? ""));
    } else if (arg.startsWith("--expression=")) scripts.push(arg.slice("--expression=".length));
    else if (arg === "--in-place") rest.push("-i");
    else if (arg === "--quiet" || arg === "--silent") rest.push("-n");
    else if (arg === "--regexp-extended") rest.push("-E");
    else rest.push(arg.replace(/^-i\..*$/, "-i").replace(/^-([nis]*)r([nis]*)$/, "-$1E$2"));
  }
  const read = readOptions(rest, "", "nEis");
  if (scripts.length > 0) read.options.set("e", scripts.join("\n"));
  return read;
}
