// Modules that an ELF file with an embedded Python, or Python itself, imports by name: PyImport_ImportModule("encodings").

import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "python-embedded",
  strength: "weak",
  *uses(file) {
    if (!file.imports(/^PyImport_/) && !file.exports("PyImport_ImportModule")) return;
    for (const word of file.words.words) {
      if (/^[a-z_][\w.]*$/.test(word)) yield word;
    }
  },
  find: (token, _from, index) => index.offering("python", token),
};
