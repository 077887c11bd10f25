// Quoted words in scripts of other languages than the shell's: any of them may be handed to a call that runs it.

import { isCommonWord } from "../common-words.ts";
import type { TokenKind } from "../token-kind.ts";

const QUOTED = /["'`]([A-Za-z0-9_][\w.+-]{1,60})(?=["'`\s|])/g;

export const tokenKind: TokenKind = {
  name: "script-word",
  strength: "weak",
  namesPrograms: true,
  meansPrograms: true,
  *uses(file) {
    const { language } = file;
    if (language === undefined || language.name === "shell") return;
    for (const [, word] of file.source.matchAll(QUOTED)) {
      if (!isCommonWord(word!)) yield word!;
    }
  },
  find: (token, _from, index) => index.program(token),
};
