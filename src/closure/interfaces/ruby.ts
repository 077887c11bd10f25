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
/** Where a gem's modules lie, unless in its `lib`. */
const REQUIRE_PATHS = /^[ \t]*\w+\.require_paths[ \t]*=[ \t]*\[([^\]\n]*)\]/m;
const REQUIRE_PATH_PREFIX = "require path ";

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
  *offers(file) {
    const { path } = file;
    const feature = LOAD_PATH.exec(path)?.[1] ?? GEM_PATH.exec(path)?.[1];
    if (feature !== undefined) yield feature;
    const gem = SPECIFICATION.exec(path)?.[1];
    if (gem === undefined) return;
    yield GEM_PREFIX + gem;
    const directory = path.slice(path.lastIndexOf("/") + 1, -".gemspec".length);
    for (const [, place] of REQUIRE_PATHS.exec(file.source)?.[1]?.matchAll(/["']([\w./-]+)["']/g) ?? []) {
      if (place !== "lib") yield `${REQUIRE_PATH_PREFIX}${directory}/${place}`;
    }
  },
  find(token, _from, index) {
    const found = index.offering("ruby", token);
    if (found.length > 0 || token.startsWith(GEM_PREFIX)) return found;
    return index
      .offeredWith("ruby", REQUIRE_PATH_PREFIX)
      .flatMap((place) => [".rb", ".so"].flatMap((ending) => index.endingWith(`${place}/${token}${ending}`)));
  },
};
