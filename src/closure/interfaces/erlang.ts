// Erlang and Elixir: modules that compiled modules call by a fixed name, and the applications that .app files list.
// What was built with a kernel application in it is a release: its run-time system loads nothing from elsewhere.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "erlang",
  extensions: [".erl", ".app", ".rel", ".ex", ".exs", ".es"],
  interpreters: /^(?:escript|elixir)$/,
  hashComments: false,
};

const LISTED = /\{\s*(?:applications|included_applications|optional_applications)\s*,\s*\[([^\]]*)\]/g;
const APPLICATION_PREFIX = "application ";
export const tokenKind: TokenKind = {
  name: "erlang",
  strength: "strong",
  language: LANGUAGE,
  sharedDirectories: /^usr\/(?:lib|share)\/(?:erlang(?:\/lib)?|elixir(?:\/lib)?)$/,
  *uses(file) {
    if (file.beam !== undefined) yield* file.beam.importedModules;
    if (!file.path.endsWith(".app")) return;
    for (const [, list] of file.source.matchAll(LISTED)) {
      for (const [name] of list!.matchAll(/[a-z]\w*/g)) yield APPLICATION_PREFIX + name;
    }
  },
  *offers(file) {
    if (file.path.endsWith(".beam")) yield file.baseName.slice(0, -".beam".length);
    if (file.path.endsWith(".app")) yield APPLICATION_PREFIX + file.baseName.slice(0, -".app".length);
  },
  bundle: `${APPLICATION_PREFIX}kernel`,
};
