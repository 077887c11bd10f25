// JSON ⇄ values as Python's json module has them: order of keys, integers of any size, and the text that
// `json.dumps(value, indent=4)` gives. JavaScript's own JSON moves keys that are numbers, and forgets which number was
// an integer; an image ID depends on both. Specification: RFC 8259, and Python's documentation of json and repr().

import { FormatError } from "./errors.ts";

/** A number as Python prints it. */
export interface JsonNumber {
  readonly number: string;
}

export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;

/** Arrays and objects inside each other. */
const DEEPEST = 500;
/** Python's own limit. */
const MOST_DIGITS = 4300;

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\0-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

/**
 * Parses a document. Of a key that is there twice the last value counts, at the place of the first.
 *
 * @param thing What it is, for messages.
 * @throws {FormatError} `BAD_JSON`
 */
export function parseJson(bytes: Uint8Array, thing: string): JsonValue {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError("BAD_JSON", thing, "it is not UTF-8", cause);
  }
  return new Parser(text, thing).document();
}

class Parser {
  readonly #text: string;
  readonly #thing: string;
  #at = 0;

  constructor(text: string, thing: string) {
    this.#text = text;
    this.#thing = thing;
  }

  document(): JsonValue {
    const value = this.#value(0);
    if (this.#at < this.#text.length) this.#fail("something follows the document");
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > DEEPEST) this.#fail(`more than ${DEEPEST} arrays and objects are inside each other`);
    this.#match(SPACE);
    const first = this.#text[this.#at];
    let value: JsonValue;
    if (first === "{") value = this.#object(depth);
    else if (first === "[") value = this.#array(depth);
    else if (first === '"') value = this.#string();
    else value = this.#scalar();
    this.#match(SPACE);
    return value;
  }

  #object(depth: number): JsonObject {
    const object = new Map<string, JsonValue>();
    this.#at++;
    this.#match(SPACE);
    if (this.#take("}")) return object;
    do {
      this.#match(SPACE);
      const key = this.#string();
      this.#match(SPACE);
      if (!this.#take(":")) this.#fail('a ":" was expected');
      object.set(key, this.#value(depth + 1));
    } while (this.#take(","));
    if (!this.#take("}")) this.#fail('a "," or "}" was expected');
    return object;
  }

  #array(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.#at++;
    this.#match(SPACE);
    if (this.#take("]")) return array;
    do array.push(this.#value(depth + 1));
    while (this.#take(","));
    if (!this.#take("]")) this.#fail('a "," or "]" was expected');
    return array;
  }

  #string(): string {
    const found = this.#match(STRING);
    if (found === undefined) this.#fail("a string was expected");
    return JSON.parse(found[0]) as string;
  }

  #scalar(): JsonValue {
    const word = this.#match(WORD);
    if (word !== undefined) return WORDS[word[0]]!;
    const found = this.#match(NUMBER);
    if (found === undefined) this.#fail("a value was expected");
    const [text, fraction, exponent] = found;
    if (text.length > MOST_DIGITS) this.#fail("a number has too many digits");
    if (fraction === undefined && exponent === undefined) return { number: text === "-0" ? "0" : text };
    if (!Number.isFinite(Number(text))) this.#fail("a number is too large");
    return { number: formatFloat(Number(text)) };
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  #fail(problem: string): never {
    throw new FormatError("BAD_JSON", this.#thing, `${problem} at character ${this.#at + 1}`);
  }
}

/** A float as Python's repr() has it: the shortest digits, an exponent below 1e-4 and from 1e16 on. */
function formatFloat(value: number): string {
  const [mantissa = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (Object.is(value, -0)) return "-0.0";
  if (value === 0) return "0.0";
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** Writes a value as `json.dumps(value, indent=4)` does: ASCII only, no newline at the end. */
export function formatJson(value: JsonValue, margin = ""): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quote(value);
  const inner = `${margin}    `;
  if (value instanceof Map) {
    const members = [...(value as JsonObject)].map(
      ([key, member]) => `${inner}${quote(key)}: ${formatJson(member, inner)}`,
    );
    return members.length === 0 ? "{}" : `{\n${members.join(",\n")}\n${margin}}`;
  }
  if (isNumber(value)) return value.number;
  const items = (value as readonly JsonValue[]).map((item) => `${inner}${formatJson(item, inner)}`);
  return items.length === 0 ? "[]" : `[\n${items.join(",\n")}\n${margin}]`;
}

function isNumber(value: JsonValue): value is JsonNumber {
  return typeof value === "object" && value !== null && "number" in value;
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A list of strings as Python's repr() has it: `['a', 'b']`. */
export function formatPythonList(items: readonly string[]): string {
  return `[${items.map(formatPythonString).join(", ")}]`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function formatPythonString(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = Array.from(text, (char) => {
    if (char === mark) return `\\${char}`;
    return ESCAPES[char] ?? (char === " " || !/[\p{C}\p{Z}]/u.test(char) ? char : escapeCodePoint(char));
  });
  return `${mark}${body.join("")}${mark}`;
}

function escapeCodePoint(char: string): string {
  const point = char.codePointAt(0)!;
  const [letter, digits] = point < 0x100 ? ["x", 2] : point < 0x10000 ? ["u", 4] : (["U", 8] as const);
  return `\\${letter}${point.toString(16).padStart(digits as number, "0")}`;
}
