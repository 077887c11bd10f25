// An Elixir literal, such as the map that mix.lock is → a term. Source: Elixir, "Syntax reference"; Mix.Dep.Lock. What
// only programs hold (variables, calls, interpolation) is an error.

import type { Term } from "./term.ts";
import { TermScanner } from "./term-scanner.ts";

/**
 * Parses one literal.
 *
 * @param thing What is read, for messages.
 * @throws {FormatError} `BAD_TERM`.
 *
 * Pure.
 */
export function parseElixirTerm(text: string, thing: string): Term {
  const scanner = new TermScanner(text, thing, "#");
  const term = parseTerm(scanner);
  scanner.skipSpace();
  if (!scanner.isAtEnd) throw scanner.error("the end was expected");
  return term;
}

const KEY = /(?:([A-Za-z_][\w@]*[?!]?)|"((?:[^"\\]|\\.)*)"):(?=\s)/y;

function parseTerm(scanner: TermScanner): Term {
  if (scanner.accept("%{")) return { type: "map", entries: scanner.items("}", () => parseEntry(scanner)) };
  if (scanner.accept("{")) return { type: "tuple", items: scanner.items("}", () => parseItem(scanner)) };
  if (scanner.accept("[")) return { type: "list", items: scanner.items("]", () => parseItem(scanner)) };
  if (scanner.accept('"')) return { type: "text", text: scanner.quoted('"') };
  if (scanner.accept(':"')) return { type: "atom", name: scanner.quoted('"') };
  const atom = scanner.match(/:([A-Za-z_][\w@]*[?!]?)/y) ?? scanner.match(/(true|false|nil|[A-Z][\w.]*)\b/y);
  if (atom !== undefined) return { type: "atom", name: atom[1]! };
  const number = scanner.number();
  if (number === undefined) throw scanner.error("a literal was expected");
  return number;
}

/** `name: value` in a list is a tuple of an atom and a value. */
function parseItem(scanner: TermScanner): Term {
  const key = parseKey(scanner);
  return key === undefined ? parseTerm(scanner) : { type: "tuple", items: [key, parseTerm(scanner)] };
}

function parseEntry(scanner: TermScanner): readonly [Term, Term] {
  const key = parseKey(scanner);
  if (key !== undefined) return [key, parseTerm(scanner)];
  const written = parseTerm(scanner);
  scanner.expect("=>");
  return [written, parseTerm(scanner)];
}

function parseKey(scanner: TermScanner): Term | undefined {
  scanner.skipSpace();
  const found = scanner.match(KEY);
  return found && { type: "atom", name: found[1] ?? found[2]! };
}
