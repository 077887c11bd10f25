// Ruby: require, load and autoload against the load path, and the gems that specifications and scripts ask for.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "ruby",
  extensions: [".rb", ".rake", ".gemspec", ".ru"],
  interpreters: /^j?ruby[\d.]*$/,
  hashComments: true,
};

const LOAD_PATH =
  /^(?:usr|var)\/lib\/(?:[^/]+-linux-[^/]+\/)?ruby\/(?:vendor_ruby|\d[\d.]*)(?:\/\d[\d.]*)?(?:\/[^/]+-linux[^/]*)?\/(.*)\.(?:rb|so)$/;
const GEM_PATH =
  /^(?:usr\/(?:share|lib|lib\/[^/]+)\/(?:rubygems-integration|ruby\/gems)\/[^/]+|var\/lib\/gems\/[^/]+)\/gems\/[^/]+\/lib\/(.*)\.(?:rb|so)$/;
const SPECIFICATION = /\/specifications\/(?:default\/)?(.+?)-\d[^/]*\.gemspec$/;

const REQUIRE = /\b(?:require|load|autoload)\b[ \t(]*(?::\w+[ \t]*,[ \t]*)?['"]([\w./-]+)['"]/g;
const GEM =
  /\b(?:gem|Gem\.activate_bin_path|Gem\.bin_path|add_(?:runtime_)?dependency)[ \t(]*(?:%q<|['"])([\w.-]+)/g;
const GEM_PREFIX = "gem ";

export const tokenKind: TokenKind = {
  name: "ruby",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories:
    /^(?:usr\/lib\/(?:[^/]+-linux-[^/]+\/)?ruby(?:\/(?:vendor_ruby|gems|\d[\d.]*))?(?:\/\d[\d.]*)?(?:\/(?:gems|specifications))?|usr\/share\/(?:rubygems-integration|ruby-vendor)(?:\/[^/]+(?:\/(?:gems|specifications))?)?|var\/lib\/gems)$/,
  *uses(file) {
    if (!file.isIn(LANGUAGE)) return;
    for (const [, name] of file.source.matchAll(REQUIRE)) yield name!.replace(/\.(?:rb|so)$/, "");
    for (const [, name] of file.source.matchAll(GEM)) yield GEM_PREFIX + name!;
  },
  *offers({ path }) {
    const feature = LOAD_PATH.exec(path)?.[1] ?? GEM_PATH.exec(path)?.[1];
    if (feature !== undefined) yield feature;
    const gem = SPECIFICATION.exec(path)?.[1];
    if (gem !== undefined) yield GEM_PREFIX + gem;
  },
};
