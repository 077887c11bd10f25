// Tcl: package require against what pkgIndex.tcl and modules provide.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "tcl",
  extensions: [".tcl", ".tm", ".exp"],
  interpreters: /^(?:tclsh|wish|expect)[\d.]*$/,
  hashComments: true,
};

const REQUIRE = /\bpackage\s+require\s+(?:-exact\s+)?([A-Za-z_][\w:.-]*)/g;
const PROVIDE = /\bpackage\s+(?:ifneeded|provide)\s+([A-Za-z_][\w:.-]*)/g;
const MODULE_FILE = /\/([A-Za-z_][\w]*)-\d[\w.]*\.tm$/;

export const tokenKind: TokenKind = {
  name: "tcl",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories: /^usr\/(?:share|lib|lib\/[^/]+)\/tcltk(?:\/tcl\d(?:\.\d)?)?$/,
  *uses(file) {
    if (!file.isIn(LANGUAGE)) return;
    for (const [, name] of file.source.matchAll(REQUIRE)) yield name!;
  },
  *offers(file) {
    if (!file.isIn(LANGUAGE)) return;
    if (file.baseName === "pkgIndex.tcl") {
      for (const [, name] of file.source.matchAll(PROVIDE)) yield name!;
    }
    const module = MODULE_FILE.exec(file.path)?.[1];
    if (module !== undefined) yield module;
  },
};
