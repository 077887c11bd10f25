// Names of libraries and plugins in any file: `libfoo.so.1`, `mod_foo.so`. dlopen finds them at run time.

import { gateOf } from "../gates.ts";
import type { TokenKind } from "../token-kind.ts";

const PROGRAM_DIRECTORY = /^usr\/(?:s?bin|games)\//;

export const tokenKind: TokenKind = {
  name: "dlopen",
  strength: "strong",
  *uses(file) {
    // An index of what is behind a gate names all of it.
    if (gateOf(file.path) !== undefined) return;
    for (const name of file.literals.libraries) {
      if (name !== file.elf?.soname && name !== file.baseName) yield name;
    }
  },
  *offers(file) {
    const { baseName, elf } = file;
    if (baseName.includes(".so") && !PROGRAM_DIRECTORY.test(file.path)) yield baseName;
    if (elf?.soname !== undefined && elf.soname !== baseName) yield elf.soname;
  },
};
