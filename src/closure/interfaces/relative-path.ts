// Source files that other source files load by a path relative to themselves: require_relative "a", import "./b".

import { joinTarget, parentOf } from "../token-index.ts";
import type { TokenKind } from "../token-kind.ts";

const DOTTED = /["'`](\.{1,2}\/[\w./-]+)["'`]/g;
const RUBY = /\brequire_relative[ \t(]*["']([\w./-]+)["']/g;
const PHP = /(?:__DIR__|dirname\(__FILE__\))\s*\.\s*["']\/([\w./-]+)["']/g;
/** What loaders add to a name. */
const ENDINGS = [
  "",
  ".rb",
  ".js",
  ".cjs",
  ".mjs",
  ".json",
  ".node",
  ".so",
  "/index.js",
  "/index.cjs",
  "/package.json",
];

export const tokenKind: TokenKind = {
  name: "relative-path",
  strength: "strong",
  everyMatch: true,
  *uses(file) {
    if (file.language === undefined) return;
    for (const pattern of [DOTTED, RUBY, PHP]) {
      for (const [, path] of file.source.matchAll(pattern)) yield joinTarget(parentOf(file.path), path!);
    }
  },
  find(token, _from, index) {
    for (const ending of ENDINGS) {
      const files = index.atPath(token + ending);
      if (files.length > 0) return files;
    }
    return [];
  },
};
