// The kinds of tokens as inference asks for them: who follows a kind's tokens, which no file can do without.

import type { TokenKind } from "./token-kind.ts";

export class KindTable {
  readonly all: readonly TokenKind[];
  /** Names of the kinds that a file cannot do without. */
  readonly hard: ReadonlySet<string>;
  /** Kinds by the name of the kind whose tokens they follow. */
  readonly #followers = new Map<string, TokenKind[]>();
  readonly #shows: ReadonlyMap<string, TokenKind["show"]>;

  /** @param only Names of the kinds whose tokens are followed; default: all. */
  constructor(kinds: readonly TokenKind[], only: readonly string[] | undefined) {
    this.all = kinds;
    this.hard = new Set(kinds.flatMap(({ name, hard }) => (hard === true ? [name] : [])));
    this.#shows = new Map(kinds.map(({ name, show }) => [name, show]));
    for (const kind of kinds) {
      if (only !== undefined && !only.includes(kind.name)) continue;
      const source = kind.reads ?? kind.name;
      this.#followers.set(source, [...(this.#followers.get(source) ?? []), kind]);
    }
  }

  /** The kinds that follow tokens of the kind of this name. */
  followersOf(name: string): readonly TokenKind[] {
    return this.#followers.get(name) ?? [];
  }

  /** Tells a token of a kind as people know it. */
  show(kind: string, token: string): string {
    return this.#shows.get(kind)?.(token) ?? token;
  }
}
