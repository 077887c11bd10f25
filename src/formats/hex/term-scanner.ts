// What the term syntaxes of Erlang and Elixir have in common: spaces, numbers, quoted text, brackets.
// Input is hostile: nesting is limited.

import { FormatError } from "../errors.ts";
import type { Term } from "./term.ts";

const DEEPEST = 256;

export class TermScanner {
  readonly #text: string;
  readonly #thing: string;
  readonly #space: RegExp;
  #at = 0;
  #depth = 0;

  /**
   * @param thing What is read, for messages.
   * @param comment The character that begins comments.
   */
  constructor(text: string, thing: string, comment: "#" | "%") {
    this.#text = text;
    this.#thing = thing;
    this.#space = new RegExp(`(?:\\s|${comment}[^\\n]*)*`, "y");
  }

  skipSpace(): void {
    this.match(this.#space);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Consumes what a sticky pattern matches here. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }

  /** Consumes spaces and a token, when it is next. */
  accept(token: string): boolean {
    this.skipSpace();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token)) throw this.error(`"${token}" was expected`);
  }

  /** Items with commas between them, and one behind the last if need be, up to a closing bracket. */
  items<T>(close: string, item: () => T): T[] {
    if (++this.#depth > DEEPEST) throw this.error(`brackets are nested deeper than ${DEEPEST}`);
    const items: T[] = [];
    while (!this.accept(close)) {
      items.push(item());
      if (this.accept(",")) continue;
      this.expect(close);
      break;
    }
    this.#depth--;
    return items;
  }

  /** Text behind an opening quote, up to the closing one. */
  quoted(quote: string): string {
    let text = "";
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) throw this.error(`a text is not closed by ${quote}`);
      if (character === quote) return text;
      text += character === "\\" ? this.#escaped() : character;
    }
  }

  #escaped(): string {
    const hex = this.match(/x(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/y);
    if (hex !== undefined) {
      const code = Number.parseInt(hex[1] ?? hex[2]!, 16);
      if (code > 0x10ffff) throw this.error("an escape is no character");
      return String.fromCodePoint(code);
    }
    const character = this.#text[this.#at++] ?? "";
    return ESCAPES[character] ?? character;
  }

  number(): Term | undefined {
    const found = this.match(/[+-]?\d[\d_]*(?:\.\d+(?:[eE][+-]?\d+)?)?/y);
    return found && { type: "number", value: Number(found[0].replaceAll("_", "")) };
  }

  error(problem: string): FormatError {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    return new FormatError("BAD_TERM", this.#thing, `line ${line}: ${problem}`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  e: "\x1b",
  s: " ",
  b: "\b",
  f: "\f",
  v: "\v",
  d: "\x7f",
};
