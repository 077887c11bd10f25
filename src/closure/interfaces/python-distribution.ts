// Python distributions: metadata names what a distribution requires, and scripts ask for one by its name.
// Specification: "Core metadata" and "Entry points" of the Python Packaging User Guide; names as PEP 503 compares them.

import type { TokenKind } from "../token-kind.ts";
import { LANGUAGE } from "./python.ts";

const METADATA =
  /\/([^/]+?)(?:-[^/]+)?\.(?:dist|egg)-info(?:\/(?:METADATA|PKG-INFO|entry_points\.txt|top_level\.txt))?$/;
const ASKED =
  /(?:load_entry_point|get_distribution|distribution|metadata|version|require|iter_entry_points|EASY-INSTALL-ENTRY-SCRIPT:|EASY-INSTALL-SCRIPT:)\s*\(?\s*['"]([A-Za-z0-9][\w.-]*)(?:[=<>!~][^'"]*)?['"]/g;

function canonical(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

export const tokenKind: TokenKind = {
  name: "python-distribution",
  strength: "strong",
  scope: "declared",
  *uses(file) {
    if (file.isIn(LANGUAGE)) {
      for (const [, name] of file.source.matchAll(ASKED)) yield canonical(name!);
    } else if (METADATA.test(file.path)) {
      const text = file.bytes.toString("latin1");
      for (const [, name, rest] of text.matchAll(/^Requires-Dist:[ \t]*([A-Za-z0-9][\w.-]*)(.*)$/gm)) {
        if (!/;.*\bextra\b/.test(rest!)) yield canonical(name!);
      }
    }
  },
  *offers({ path }) {
    const name = METADATA.exec(path)?.[1];
    if (name !== undefined) yield canonical(name);
  },
};
