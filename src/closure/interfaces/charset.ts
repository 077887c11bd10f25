// Modules of iconv: whoever imports iconv_open needs those that the C library's own list has (gconv-modules), those
// of the charsets it names, and all of them when it is a library of a language, whose users name charsets that no
// scan sees, or the iconv program itself. What a locale's charset needs is in the list or built in.
// Source: glibc's iconvdata/gconv-modules; the rest is in gconv-modules-extra.conf, which systems may leave out.

import { GATES } from "../gates.ts";
import type { TokenKind } from "../token-kind.ts";

export const CHARSET_CONVERSION = "charset conversion";

const GATE = GATES.find(({ name }) => name === CHARSET_CONVERSION)!;
/** What only programs that belong to the C library import. */
const PRIVATE = /^__gconv_open$/;
const ANY = "any charset";
const LISTED = "listed charset";

/** Modules that iconvdata/gconv-modules lists, and what these need; the lists themselves are files beside them. */
const LISTED_MODULES =
  /\/gconv\/(?:(?:ISO8859-1|ISO8859-15|CP1252|ANSI_X3\.110|UNICODE|UTF-16|UTF-32|UTF-7)\.so|gconv-modules.*)$/;
const MODULE = /\/gconv\/(.*)\.so$/;
const CHARSET = /^[A-Za-z][A-Za-z0-9_.:-]{2,30}$/;

/** `ISO-8859-2` and `ISO8859-2` are one charset. */
function canonical(name: string): string {
  return name.toUpperCase().replace(/[-_.:]/g, "");
}

export const tokenKind: TokenKind = {
  name: "charset",
  strength: "strong",
  everyMatch: true,
  *uses(file) {
    if (!file.imports(GATE.functions) || file.exports(GATE.exporter)) return;
    yield LISTED;
    if (file.imports(PRIVATE)) yield ANY;
    for (const word of file.words.words) {
      if (CHARSET.test(word) && /\d/.test(word)) yield canonical(word);
    }
  },
  *offers({ path }) {
    if (!GATE.paths.test(path)) return;
    yield ANY;
    if (LISTED_MODULES.test(path)) yield LISTED;
    const module = MODULE.exec(path)?.[1];
    if (module !== undefined) yield canonical(module);
  },
  find: (token, from, index) =>
    index.offering("charset", token === LISTED && index.holdsModules(from.unit) ? ANY : token),
};
