// Node.js: require and import against the packages on the module path, and the dependencies of package.json.

import type { Language, TokenKind } from "../token-kind.ts";

const LANGUAGE: Language = {
  name: "node",
  extensions: [".js", ".mjs", ".cjs", ".node"],
  interpreters: /^node(?:js)?$/,
  hashComments: false,
  strip: (text) => (text.includes("/*") ? text.replace(/\/\*[\s\S]*?\*\//g, "") : text),
};

const MODULE = /^usr\/(?:share|lib|lib\/[^/]+)\/(?:nodejs|node_modules)\/((?:@[^/]+\/)?[^/]+)(\/.*)?$/;
const IMPORT = /(?:\brequire(?:\.resolve)?\(\s*|\bfrom\s*|\bimport\s*\(?\s*)['"]([@\w./:-]+)['"]/g;

/** The package of a specifier: `@scope/name/file` → `@scope/name`. */
function packageOf(specifier: string): string | undefined {
  const plain = specifier.replace(/^node:/, "");
  if (plain.startsWith(".") || plain.startsWith("/")) return undefined;
  return plain.split("/", plain.startsWith("@") ? 2 : 1).join("/");
}

function dependenciesOf(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return [];
    return ["dependencies", "optionalDependencies"].flatMap((field) => {
      const map = (value as Record<string, unknown>)[field];
      return typeof map === "object" && map !== null ? Object.keys(map) : [];
    });
  } catch {
    return [];
  }
}

export const tokenKind: TokenKind = {
  name: "node",
  strength: "strong",
  scope: "declared",
  language: LANGUAGE,
  sharedDirectories: /^usr\/(?:share|lib|lib\/[^/]+)\/(?:nodejs|node_modules)(?:\/@[^/]+)?$/,
  *uses(file) {
    if (file.isIn(LANGUAGE)) {
      for (const [, specifier] of file.source.matchAll(IMPORT)) {
        const name = packageOf(specifier!);
        if (name !== undefined) yield name;
      }
    } else if (file.baseName === "package.json" && MODULE.test(file.path)) {
      yield* dependenciesOf(file.bytes.toString("utf8"));
    }
  },
  *offers({ path, target }) {
    const match = MODULE.exec(path);
    if (match === null) return;
    const [, name, rest] = match;
    // A package offers itself by its manifest, a lone file or link by its name.
    if (rest === "/package.json") yield name!;
    else if (rest === undefined) yield* [name!, name!.replace(/\.(?:js|mjs|cjs|json|node)$/, "")];
    else if (target === undefined && /^\/index\.\w+$/.test(rest)) yield name!;
  },
};
