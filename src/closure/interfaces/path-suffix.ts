// Paths behind something computed: the `lib/foo/bar.conf` of `$prefix/lib/foo/bar.conf`, when one package has it.

import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "path-suffix",
  strength: "weak",
  *uses(file) {
    for (const path of file.literals.suffixes) {
      if (path.includes("/")) yield path;
    }
  },
  find(token, _from, index) {
    const files = index.endingWith(token);
    const first = files[0];
    if (first === undefined) return [];
    return files.every((file) => index.unitOf(file) === index.unitOf(first)) ? files : [];
  },
};
