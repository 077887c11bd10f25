// Libraries that the loader must find for a program or library to start: DT_NEEDED against DT_SONAME and file names.

import type { ScannedFile } from "../scanned-file.ts";
import type { TokenKind } from "../token-kind.ts";

const LIBRARY_LINK = /\.so(?:\.|$)/;
/** The loader opens a name, which may be a link's: its processor is that of what it points to. */
const LINK = "link/";

/** A library of another processor or word size has another name: `62.64/libc.so.6`. */
function* qualified({ elf }: ScannedFile, names: Iterable<string | undefined>): Generator<string> {
  if (elf === undefined) return;
  for (const name of names) {
    if (name !== undefined && !name.includes("/")) yield `${elf.machine}.${elf.class}/${name}`;
  }
}

/** The library's own name: `libc.so.6`. */
function nameOf(token: string): string {
  return token.slice(token.indexOf("/") + 1);
}

export const tokenKind: TokenKind = {
  name: "elf-needed",
  strength: "strong",
  hard: true,
  uses: (file) => qualified(file, file.elf?.needed ?? []),
  *offers(file) {
    if (file.target !== undefined && LIBRARY_LINK.test(file.baseName)) yield LINK + file.baseName;
    // Programs are no libraries; plugins are found by name even without a soname.
    if (file.elf === undefined || file.elf.type !== "shared" || file.elf.pie) return;
    yield* qualified(file, [file.elf.soname, file.baseName]);
  },
  show: nameOf,
  find(token, _from, index) {
    const files = index.offering("elf-needed", token);
    const links = index.offering("elf-needed", LINK + nameOf(token));
    return links.length === 0 ? files : [...files, ...links];
  },
};
