// GObject introspection: the namespaces that scripts import against the type libraries that describe them.

import type { TokenKind } from "../token-kind.ts";

const TYPELIB = /\/girepository-1\.0\/([A-Za-z]\w*)-[\d.]+\.typelib$/;
const IMPORT =
  /\b(?:from[ \t]+gi\.repository[ \t]+import[ \t]+\(?([\w, \t]+)|gi\.require_version\(\s*['"](\w+)|imports\.gi\.(\w+))/g;

export const tokenKind: TokenKind = {
  name: "typelib",
  strength: "strong",
  scope: "declared",
  sharedDirectories: /^usr\/lib\/(?:[^/]+\/)?girepository-1\.0$/,
  *uses(file) {
    if (file.language?.name !== "python" && file.language?.name !== "node") return;
    for (const [, list, required, imported] of file.source.matchAll(IMPORT)) {
      for (const name of (list ?? required ?? imported ?? "").split(","))
        yield name.trim().split(/[ \t]/, 1)[0]!;
    }
  },
  *offers({ path }) {
    const name = TYPELIB.exec(path)?.[1];
    if (name !== undefined) yield name;
  },
};
