// Lua: require against package.path and package.cpath.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "lua",
  extensions: [".lua"],
  interpreters: /^lua(?:jit)?[\d.]*$/,
  hashComments: false,
  strip: (text) => text.replace(/--\[\[[\s\S]*?\]\]/g, "").replace(/^[ \t]*--.*$/gm, ""),
};

const MODULE = /^usr\/(?:share\/lua\/5\.\d|lib\/[^/]+\/lua\/5\.\d)\/(.*?)(?:\/init)?\.(?:lua|so)$/;
const REQUIRE = /\b(?:require|prequire)\b[ \t(,]*['"]([\w./-]+)['"]/g;

export const tokenKind: TokenKind = {
  name: "lua",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories: /^usr\/(?:share|lib|lib\/[^/]+)\/lua(?:\/5\.\d)?$/,
  *uses(file) {
    if (!file.isIn(LANGUAGE)) return;
    for (const [, name] of file.source.matchAll(REQUIRE)) yield name!.replaceAll("/", ".");
  },
  *offers({ path }) {
    const module = MODULE.exec(path)?.[1];
    if (module !== undefined) yield module.replaceAll("/", ".");
  },
};
