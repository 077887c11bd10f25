// The interpreter of a script: the path after `#!`, or the program that `env` is asked for.

import { normalizePath } from "../literals.ts";
import type { TokenKind } from "../token-kind.ts";

/** Marks names that are looked up as a shell does. */
const SEARCHED = "env ";

export const tokenKind: TokenKind = {
  name: "shebang",
  strength: "strong",
  *uses({ shebang }) {
    if (shebang === undefined) return;
    if (shebang.interpreter.startsWith("/")) yield normalizePath(shebang.interpreter.slice(1));
    if (shebang.command !== undefined) yield SEARCHED + shebang.command.replace(/^.*\//, "");
  },
  find: (token, _from, index) =>
    token.startsWith(SEARCHED) ? index.program(token.slice(SEARCHED.length)) : index.atPath(token),
};
