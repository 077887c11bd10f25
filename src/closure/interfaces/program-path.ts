// Absolute paths of programs in any file: `/usr/bin/ssh`. Libraries name many that only a caller would run.

import { TRAITS } from "../facts.ts";
import { isGatedFor, isProbe } from "../gates.ts";
import type { TokenKind } from "../token-kind.ts";
import { PROGRAM_PATH } from "./path.ts";

export const tokenKind: TokenKind = {
  name: "program-path",
  strength: "strong",
  everyMatch: true,
  namesPrograms: true,
  scope({ traits }) {
    if ((traits & TRAITS.static) !== 0) return "direct";
    return (traits & (TRAITS.elf | TRAITS.runsPrograms)) === TRAITS.elf ? "declared" : "closure";
  },
  *uses(file) {
    for (const path of file.literals.paths) {
      if (PROGRAM_PATH.test(path) && !isGatedFor(file, path) && !isProbe(file, path)) yield path;
    }
  },
  find: (token, _from, index) => index.atPath(token),
};
