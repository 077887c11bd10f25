// What of a file's facts can decide which files stay: two contents of one file for which it is the same give the same
// closure. Facts in, a text out; pure.

import { compareStrings } from "../model/bytes.ts";
import type { ObjectFacts, Tokens } from "./facts.ts";
import type { TokenKind } from "./token-kind.ts";

/**
 * Describes the facts of one file.
 *
 * @param programs The names of all programs: other words of kinds that mean programs decide nothing.
 */
export function describeDecisiveFacts(
  facts: ObjectFacts,
  file: number,
  kinds: readonly TokenKind[],
  programs: ReadonlySet<string>,
): string {
  const meanPrograms = new Set(kinds.filter((kind) => kind.meansPrograms === true).map(({ name }) => name));
  const uses = facts.uses(file).map(({ kind, tokens }) => ({
    kind,
    tokens: meanPrograms.has(kind) ? tokens.filter((token) => programs.has(token)) : tokens,
  }));
  return JSON.stringify([facts.traits(file), inOrder(uses), inOrder(facts.offers(file))]);
}

function inOrder(lists: readonly Tokens[]): readonly (readonly string[])[] {
  return lists
    .filter(({ tokens }) => tokens.length > 0)
    .map(({ kind, tokens }) => [kind, ...tokens])
    .sort(([a], [b]) => compareStrings(a!, b!));
}
