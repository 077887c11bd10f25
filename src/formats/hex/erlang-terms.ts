// Files of Erlang terms, such as rebar.config and rebar.lock → the terms. Source: file:consult/1; Erlang Reference Manual,
// "Data Types". What only programs hold (variables, funs, records) is an error.

import type { Term } from "./term.ts";
import { TermScanner } from "./term-scanner.ts";

/**
 * Parses terms that each end with a full stop.
 *
 * @param thing What is read, for messages.
 * @throws {FormatError} `BAD_TERM`.
 *
 * Pure.
 */
export function parseErlangTerms(text: string, thing: string): Term[] {
  const scanner = new TermScanner(text, thing, "%");
  const terms: Term[] = [];
  for (scanner.skipSpace(); !scanner.isAtEnd; scanner.skipSpace()) {
    terms.push(parseTerm(scanner));
    scanner.expect(".");
  }
  return terms;
}

function parseTerm(scanner: TermScanner): Term {
  if (scanner.accept("{")) return { type: "tuple", items: scanner.items("}", () => parseTerm(scanner)) };
  if (scanner.accept("[")) return { type: "list", items: parseList(scanner) };
  if (scanner.accept("#{")) return { type: "map", entries: scanner.items("}", () => parseEntry(scanner)) };
  if (scanner.accept("<<")) return { type: "text", text: parseBinary(scanner) };
  if (scanner.accept('"')) return { type: "text", text: parseTexts(scanner) };
  if (scanner.accept("'")) return { type: "atom", name: scanner.quoted("'") };
  const character = scanner.match(/\$\\?./suy);
  if (character !== undefined)
    return {
      type: "number",
      value: character[0].codePointAt(character[0].length > 2 && character[0][1] === "\\" ? 2 : 1)!,
    };
  const number = scanner.number();
  if (number !== undefined) return number;
  const atom = scanner.match(/[a-z\xdf-\xff][\w@]*/y);
  if (atom === undefined) throw scanner.error("a term was expected");
  return { type: "atom", name: atom[0] };
}

/** Items, and the tail of a list that has one. */
function parseList(scanner: TermScanner): Term[] {
  return scanner
    .items("]", () => {
      const item = parseTerm(scanner);
      return scanner.accept("|") ? [item, parseTerm(scanner)] : [item];
    })
    .flat();
}

function parseEntry(scanner: TermScanner): readonly [Term, Term] {
  const key = parseTerm(scanner);
  scanner.expect("=>");
  return [key, parseTerm(scanner)];
}

/** Strings side by side are one. */
function parseTexts(scanner: TermScanner): string {
  let text = scanner.quoted('"');
  while (scanner.accept('"')) text += scanner.quoted('"');
  return text;
}

/** A binary of texts or bytes: `<<"cowboy">>`, `<<"é"/utf8>>`, `<<99,111>>`. */
function parseBinary(scanner: TermScanner): string {
  return scanner
    .items(">>", () => {
      const part = parseTerm(scanner);
      scanner.match(/\/utf8/y);
      if (part.type === "number") return String.fromCharCode(part.value & 0xff);
      if (part.type === "text") return part.text;
      throw scanner.error("a text or a byte was expected");
    })
    .join("");
}
