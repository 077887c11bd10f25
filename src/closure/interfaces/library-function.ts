// Functions of the C library that need files of their own: whoever imports `system` needs the shell. See gates.ts;
// charset conversion, which needs some of many files, is `charset`'s.

import { GATES, gateOf } from "../gates.ts";
import type { TokenKind } from "../token-kind.ts";
import { CHARSET_CONVERSION } from "./charset.ts";

export const tokenKind: TokenKind = {
  name: "library-function",
  strength: "strong",
  everyMatch: true,
  *uses(file) {
    for (const { name, functions, exporter } of GATES) {
      if (name !== CHARSET_CONVERSION && file.imports(functions) && !file.exports(exporter)) yield name;
    }
  },
  *offers({ path }) {
    const gate = gateOf(path);
    if (gate !== undefined) yield gate.name;
  },
};
