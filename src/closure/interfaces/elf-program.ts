// Names of programs that are whole strings in an ELF file that starts programs: execvp("ssh", …).

import { isCommonWord } from "../common-words.ts";
import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "elf-program",
  strength: "weak",
  namesPrograms: true,
  *uses(file) {
    if (file.elf === undefined || file.elf.static || !file.runsPrograms) return;
    for (const word of file.words.words) {
      if (!isCommonWord(word)) yield word;
    }
  },
  find: (token, _from, index) => index.program(token),
};
