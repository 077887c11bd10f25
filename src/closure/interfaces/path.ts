// Absolute paths in any file: the file at the path. Those of programs are `program-path`'s.

import { TRAITS } from "../facts.ts";
import { isGatedFor } from "../gates.ts";
import type { ScannedFile } from "../scanned-file.ts";
import type { TokenKind } from "../token-kind.ts";

export const PROGRAM_PATH = /^usr\/(?:s?bin|games)\//;

/** Whether a data file says where it lies itself: an index of a directory does not need all that is in it. */
function isIndexOf(file: ScannedFile, path: string): boolean {
  return file.path.startsWith(`${path}/`) && file.elf === undefined && file.language === undefined;
}

/** A header in a compiled file says where an assertion of it stands (`__FILE__`); nothing that runs reads it. */
const HEADER = /\.h(?:h|pp|xx)?$/;

function* paths(file: ScannedFile): Generator<string> {
  for (const path of file.literals.paths) {
    if (!path.includes("/") || PROGRAM_PATH.test(path)) continue;
    if (file.elf !== undefined && HEADER.test(path)) continue;
    if (!isGatedFor(file, path) && !isIndexOf(file, path)) yield path;
  }
}

export const tokenKind: TokenKind = {
  name: "path",
  strength: "strong",
  everyMatch: true,
  // A static program was linked from many libraries, whose defaults it names without using them.
  scope: ({ traits }) => ((traits & TRAITS.static) !== 0 ? "direct" : "closure"),
  uses: paths,
  find(token, _from, index) {
    const files = index.atPath(token);
    const links = index.linksOn(token);
    return links.length === 0 ? files : [...files, ...links];
  },
};
