// PHP: extensions that ini files load, and files that sources include from the include path.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "php",
  extensions: [".php", ".phtml", ".inc"],
  interpreters: /^php[\d.]*$/,
  hashComments: true,
  strip: (text) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^[ \t]*\/\/.*$/gm, ""),
};

const EXTENSION_FILE = /^usr\/lib\/php\/[^/]+\/([^/]+)\.so$/;
const LIBRARY_FILE = /^usr\/share\/php\/(.*\.(?:php|inc))$/;
const LOADED = /^[ \t]*(?:zend_)?extension[ \t]*=[ \t]*"?(?:[^"\s]*\/)?([\w-]+?)(?:\.so)?"?[ \t\r]*$/gm;
const INCLUDED = /\b(?:require|include)(?:_once)?[ \t(]*['"]([\w./-]+)['"]/g;
const EXTENSION_PREFIX = "extension ";

export const tokenKind: TokenKind = {
  name: "php",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories:
    /^(?:usr\/share\/php|usr\/lib\/php|etc\/php(?:\/[\d.]+(?:\/(?:mods-available|\w+(?:\/conf\.d)?))?)?)$/,
  *uses(file) {
    if (file.isIn(LANGUAGE)) {
      for (const [, name] of file.source.matchAll(INCLUDED)) yield name!;
    } else if (file.path.endsWith(".ini") && file.isText) {
      for (const [, name] of file.source.matchAll(LOADED)) yield EXTENSION_PREFIX + name!;
    }
  },
  *offers({ path }) {
    const extension = EXTENSION_FILE.exec(path)?.[1];
    if (extension !== undefined) yield EXTENSION_PREFIX + extension;
    const file = LIBRARY_FILE.exec(path)?.[1];
    if (file !== undefined) yield file;
  },
};
