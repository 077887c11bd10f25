// Names of programs that are whole strings in an ELF file that starts programs: execvp("ssh", …). All programs of GNU
// coreutils have a table of those whose manual is under another name, for `--help` (emit_ancillary_info).

import { isCommonWord } from "../common-words.ts";
import type { TokenKind } from "../token-kind.ts";

const MANUAL_TABLE = ["sha224sum", "sha256sum", "sha384sum", "sha512sum"];

export const tokenKind: TokenKind = {
  name: "elf-program",
  strength: "weak",
  namesPrograms: true,
  *uses(file) {
    if (file.elf === undefined || file.elf.static || !file.runsPrograms) return;
    const words = new Set(file.words.words);
    const hasTable = MANUAL_TABLE.every((name) => words.has(name));
    for (const word of words) {
      if (!isCommonWord(word) && !(hasTable && MANUAL_TABLE.includes(word))) yield word;
    }
  },
  find: (token, _from, index) => index.program(token),
};
