// Names of libraries and plugins in any file: `libfoo.so.1`, `mod_foo.so`. dlopen finds them at run time.

import { TRAITS } from "../facts.ts";
import { gateOf } from "../gates.ts";
import type { TokenKind } from "../token-kind.ts";

const PROGRAM_DIRECTORY = /^usr\/(?:s?bin|games)\//;

const ELF_MAGIC = Buffer.from("\x7fELF", "latin1");

export const tokenKind: TokenKind = {
  name: "dlopen",
  strength: "strong",
  optional: true,
  // A static C library names what it would load for a program that looks up users or converts texts.
  scope: ({ traits }) => ((traits & TRAITS.static) !== 0 ? "direct" : "closure"),
  *uses(file) {
    // An index of what is behind a gate names all of it.
    if (gateOf(file.path) !== undefined) return;
    for (const name of file.literals.libraries) {
      if (name !== file.elf?.soname && name !== file.baseName) yield name;
    }
  },
  *offers(file) {
    const { baseName, elf } = file;
    // What dlopen loads is an ELF file, or a link to one: a linker script such as libc.so of libc6-dev is neither.
    if (file.target === undefined && !file.bytes.subarray(0, ELF_MAGIC.length).equals(ELF_MAGIC)) return;
    if (baseName.includes(".so") && !PROGRAM_DIRECTORY.test(file.path)) yield baseName;
    if (elf?.soname !== undefined && elf.soname !== baseName) yield elf.soname;
  },
};
