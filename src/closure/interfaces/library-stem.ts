// Libraries that scripts load through a foreign function interface, by a name to which the interface adds the rest:
// find_library("sass"), ffi_lib "libsass.#{ext}", ffi.load "z". A direct dependency has `libsass.so*`.

import type { TokenKind } from "../token-kind.ts";

const LIBRARY = /^usr\/lib\/(?:[^/]+-linux-[^/]+\/)?(lib[^/]+?)(?:-[\d.]+)?\.so(?:\.[\d.]+)?$/;
const NAMED = /["'/](lib[A-Za-z][\w+-]*)["'.]/g;
const LOADED =
  /\b(?:find_library|ffi_lib|ffi\.load|dlopen|load-extension|dynamic-link|LoadLibrary|cdll\.LoadLibrary|FFI::CheckLib|load-shared-object)[ \t(]+\[?["':]([A-Za-z][\w+-]*)/g;

export const tokenKind: TokenKind = {
  name: "library-stem",
  strength: "weak",
  *uses(file) {
    if (file.language === undefined || file.language.name === "c") return;
    for (const [, name] of file.source.matchAll(NAMED)) yield name!;
    for (const [, name] of file.source.matchAll(LOADED))
      yield name!.startsWith("lib") ? name! : `lib${name!}`;
  },
  *offers({ path }) {
    const stem = LIBRARY.exec(path)?.[1];
    if (stem !== undefined) yield stem;
  },
};
