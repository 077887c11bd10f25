// DT_NEEDED entries with a slash: the loader opens them as paths, without a search.

import { normalizePath } from "../literals.ts";
import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "elf-needed-path",
  strength: "strong",
  hard: true,
  *uses({ elf }) {
    for (const name of elf?.needed ?? []) {
      if (name.startsWith("/")) yield normalizePath(name.slice(1));
    }
  },
  find: (token, _from, index) => index.atPath(token),
};
