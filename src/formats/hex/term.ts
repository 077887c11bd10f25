// Terms of Erlang and Elixir, as their configuration and lock files write them.

export type Term =
  | { readonly type: "atom"; readonly name: string }
  /** A string of either language, or an Erlang binary. */
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "number"; readonly value: number }
  | { readonly type: "tuple"; readonly items: readonly Term[] }
  | { readonly type: "list"; readonly items: readonly Term[] }
  | { readonly type: "map"; readonly entries: readonly (readonly [Term, Term])[] };

/** The items of a tuple whose first is an atom of a name. */
export function taggedItems(term: Term | undefined, tag: string): readonly Term[] | undefined {
  if (term?.type !== "tuple") return undefined;
  const [first] = term.items;
  return first?.type === "atom" && first.name === tag ? term.items : undefined;
}

/** The text of a string, binary or atom: where a name is meant, people write any of them. */
export function nameOfTerm(term: Term | undefined): string | undefined {
  if (term?.type === "atom") return term.name;
  return term?.type === "text" ? term.text : undefined;
}

export function itemsOf(term: Term | undefined): readonly Term[] {
  return term?.type === "list" || term?.type === "tuple" ? term.items : [];
}
