// Modules that an ELF file with an embedded Lua loads by name: lua_getglobal(L, "require"), "resty.core".

import type { TokenKind } from "../token-kind.ts";

export const tokenKind: TokenKind = {
  name: "lua-embedded",
  strength: "weak",
  *uses(file) {
    if (!file.imports(/^lua_(?:pcallk?|callk?)$/) && !file.exports("lua_pcall")) return;
    for (const word of file.words.words) {
      if (/^[a-z][\w.-]*$/.test(word)) yield word;
    }
  },
  find: (token, _from, index) => index.offering("lua", token),
};
