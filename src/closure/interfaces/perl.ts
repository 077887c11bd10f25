// Perl: use, require, base classes and class names against the modules on @INC.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "perl",
  extensions: [".pl", ".pm", ".al", ".ph", ".t", ".psgi"],
  interpreters: /^perl[\d.]*$/,
  hashComments: true,
  strip: (text) =>
    text
      .replace(/\n__(?:END|DATA)__\b[\s\S]*/, "\n")
      .replace(/^=[a-zA-Z][\s\S]*?(?:^=cut\b.*$|(?![\s\S]))/gm, "")
      .replace(/^[ \t]*#(?!!).*$/gm, ""),
};

const INC =
  /^usr\/(?:local\/)?(?:share\/perl5|share\/perl\/[\d.]+|lib\/[^/]+\/perl5\/[\d.]+|lib\/[^/]+\/perl\/[\d.]+|lib\/[^/]+\/perl-base|lib\/perl5)\/(.*)$/;

const USE = /\b(?:use|require|no)[ \t]+([A-Za-z_]\w*(?:::\w+)*)(?:[ \t]+([^;]*))?/g;
const REQUIRE_FILE = /\b(?:require|do)[ \t(]+['"]([\w./:-]+)['"]/g;
const QUOTED_CLASS = /['"]([A-Z]\w*(?:::\w+)+)['"]/g;
const CLASS_CALL = /\b([A-Z]\w*(?:::\w+)+)->/g;
/** Pragmas whose arguments are modules. */
const LOADERS = new Set(["base", "parent", "if", "autouse", "aliased", "fields", "Mojo::Base"]);

function asFile(module: string): string {
  return `${module.replaceAll("::", "/")}.pm`;
}

export const tokenKind: TokenKind = {
  name: "perl",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories:
    /^usr\/(?:share\/perl5?|share\/perl\/[\d.]+|lib\/[^/]+\/perl5?|lib\/[^/]+\/perl5?\/[\d.]+|lib\/[^/]+\/perl-base)(?:\/auto)?$/,
  *uses(file) {
    if (!file.isIn(LANGUAGE)) return;
    const { source } = file;
    for (const [, module, rest] of source.matchAll(USE)) {
      yield asFile(module!);
      if (rest === undefined || !LOADERS.has(module!)) continue;
      for (const [argument] of rest.replace(/\bqw?\b/g, " ").matchAll(/[A-Za-z_]\w*(?:::\w+)*/g)) {
        yield asFile(argument);
      }
    }
    for (const [, path] of source.matchAll(REQUIRE_FILE)) yield path!;
    for (const pattern of [QUOTED_CLASS, CLASS_CALL]) {
      for (const [, module] of source.matchAll(pattern)) yield asFile(module!);
    }
  },
  *offers({ path }) {
    const file = INC.exec(path)?.[1];
    if (file !== undefined && /\.(?:pm|pl|ph|al)$/.test(file)) yield file;
  },
};
