// R: packages that DESCRIPTION, library(), requireNamespace() and `pkg::name` ask for.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "r",
  extensions: [".R", ".r"],
  interpreters: /^(?:Rscript|r|littler)$/,
  hashComments: true,
};

const PACKAGE = /^usr\/(?:lib\/R|local\/lib\/R)\/(?:site-)?library\/([^/]+)\/DESCRIPTION$/;
const FIELDS = /^(?:Depends|Imports|LinkingTo):(.*(?:\n[ \t].*)*)/gm;
const CALL = /\b(?:library|require|requireNamespace|loadNamespace)\(\s*['"]?([A-Za-z][\w.]*)/g;
const QUALIFIED = /\b([A-Za-z][\w.]*):::?[A-Za-z.]/g;

export const tokenKind: TokenKind = {
  name: "r",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories: /^usr\/(?:local\/)?lib\/R(?:\/(?:site-)?library)?$/,
  *uses(file) {
    if (PACKAGE.test(file.path)) {
      for (const [, list] of file.bytes.toString("latin1").matchAll(FIELDS)) {
        for (const [name] of list!.replace(/\([^)]*\)/g, "").matchAll(/[A-Za-z][\w.]*/g)) yield name;
      }
    } else if (file.isIn(LANGUAGE)) {
      for (const pattern of [CALL, QUALIFIED]) {
        for (const [, name] of file.source.matchAll(pattern)) yield name!;
      }
    }
  },
  *offers({ path }) {
    const name = PACKAGE.exec(path)?.[1];
    if (name !== undefined) yield name;
  },
};
