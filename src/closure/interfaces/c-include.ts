// C and C++: #include through the include path. Headers are in an image only when it has a compiler.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "c",
  extensions: [".h", ".hh", ".hpp", ".hxx", ".c", ".cc", ".cpp", ".inl", ".tcc"],
  hashComments: false,
  strip: (text) => (text.includes("/*") ? text.replace(/\/\*[\s\S]*?\*\//g, " ") : text),
};

const HEADER =
  /^usr\/(?:include\/c\+\+\/\d+|include\/[^/]+-linux-[^/]+\/c\+\+\/\d+|include\/[^/]+-linux-[^/]+|include|lib\/gcc\/[^/]+\/\d+\/include|lib\/llvm-\d+\/lib\/clang\/[^/]+\/include)\/(.+)$/;
const INCLUDE = /^[ \t]*#[ \t]*(?:include|include_next|import)[ \t]*[<"]([^>"\n]+)[>"]/gm;

export const tokenKind: TokenKind = {
  name: "c-include",
  strength: "strong",
  scope: "declared",
  language: LANGUAGE,
  *uses(file) {
    // Headers of the C++ library have no ending.
    if (!file.isIn(LANGUAGE) && !(file.path.startsWith("usr/include/c++/") && file.isText)) return;
    for (const [, name] of file.source.matchAll(INCLUDE)) yield name!.replace(/^\.\//, "");
  },
  *offers({ path }) {
    const name = HEADER.exec(path)?.[1];
    if (name !== undefined) yield name;
  },
};
