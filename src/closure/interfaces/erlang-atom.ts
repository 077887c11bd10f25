// Atoms of compiled Erlang and Elixir modules that are names of modules: apply/3, behaviours, child specifications.

import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "erlang-atom",
  strength: "weak",
  *uses({ beam }) {
    if (beam === undefined) return;
    for (const atom of beam.atoms) {
      if (/^[A-Za-z]/.test(atom)) yield atom;
    }
  },
  find: (token, _from, index) => index.offering("erlang", token),
};
