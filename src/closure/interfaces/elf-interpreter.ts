// The program interpreter of an ELF file, which the kernel starts in its place: the dynamic loader.

import { normalizePath } from "../literals.ts";
import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "elf-interpreter",
  strength: "strong",
  hard: true,
  *uses({ elf }) {
    if (elf?.interpreter?.startsWith("/")) yield normalizePath(elf.interpreter.slice(1));
  },
  find: (token, _from, index) => [...index.atPath(token), ...index.linksOn(token)],
};
