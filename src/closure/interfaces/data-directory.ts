// Data directories whose path is composed of a library directory and a name: `%s/name`, or `/name` alone, in an
// ELF file means a directory of that name that a direct dependency has below /usr/lib, /usr/share or /etc.

import type { TokenKind } from "../token-kind.ts";

const SHORTEST = 4;

export const tokenKind: TokenKind = {
  name: "data-directory",
  strength: "weak",
  bulk: true,
  *uses(file) {
    if (file.elf === undefined || file.elf.static) return;
    const { paths, suffixes } = file.literals;
    for (const path of [...paths, ...suffixes]) {
      if (!path.includes("/") && path.length >= SHORTEST) yield path;
    }
  },
  find: (token, _from, index) => index.dataDirectory(token),
};
