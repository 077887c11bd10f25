// Command lines in an ELF file that starts programs: the `rm` of system("rm -rf %s"). A string of this form in a
// file that calls the shell may also mean an Essential program, which nobody declares.

import { isCommonWord } from "../common-words.ts";
import { TRAITS } from "../facts.ts";
import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "elf-command",
  strength: "weak",
  namesPrograms: true,
  scope: ({ traits }) => ((traits & TRAITS.runsShell) !== 0 ? "direct-or-essential" : "direct"),
  *uses(file) {
    if (file.elf === undefined || file.elf.static || !file.runsPrograms) return;
    for (const word of file.words.commands) {
      if (word.length > 1 && !isCommonWord(word)) yield word;
    }
  },
  find: (token, _from, index) => index.program(token),
};
