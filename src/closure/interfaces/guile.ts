// Guile: (use-modules (a b)) and #:use-module against the load path.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "guile",
  extensions: [".scm"],
  interpreters: /^guile[\d.-]*$/,
  hashComments: false,
};

const MODULE =
  /^usr\/(?:share\/guile\/(?:site\/)?\d[\d.]*|lib\/[^/]+\/guile\/\d[\d.]*\/(?:site-)?ccache)\/(.*)\.(?:scm|go)$/;
const USED = /\((?:use-modules|define-module|@@?)\s+\(|#:(?:use-module|autoload)\s+\(/g;
const LIST = /\(?((?:[\w+*/<>=!?-]+\s*)+)\)/y;

export const tokenKind: TokenKind = {
  name: "guile",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories: /^usr\/(?:share|lib\/[^/]+)\/guile(?:\/(?:site|\d[\d.]*))*(?:\/(?:site-)?ccache)?$/,
  *uses(file) {
    if (!file.isIn(LANGUAGE)) return;
    for (const match of file.source.matchAll(USED)) {
      LIST.lastIndex = match.index + match[0].length;
      const names = LIST.exec(file.source)?.[1];
      if (names !== undefined) yield names.trim().split(/\s+/).join("/");
    }
  },
  *offers({ path }) {
    const module = MODULE.exec(path)?.[1];
    if (module !== undefined) yield module;
  },
};
