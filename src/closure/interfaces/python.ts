// Python: imports against the modules on the default path; entry points and top-level names of distributions.

import { parentOf } from "../token-index.ts";
import type { Language, TokenKind } from "../token-kind.ts";

export const LANGUAGE: Language = {
  name: "python",
  extensions: [".py", ".pyw", ".pyi"],
  interpreters: /^(?:python|pypy)[\d.]*$/,
  hashComments: true,
};

const MODULE_PATH =
  /^usr\/(?:lib\/python3\/dist-packages|lib\/python3\.\d+\/lib-dynload|lib\/python3\.\d+|lib\/pypy3\/dist-packages|lib\/[^/]+-linux-[^/]+\/python3\/dist-packages)\/(.+?)(?:\/__init__)?(?:\.(?:cpython|abi3|pypy)[\w-]*)?\.(?:py|so|pyi)$/;
const IDENTIFIER = /^[A-Za-z_]\w*$/;

const IMPORT = /^[ \t]*(?:>>> )?import[ \t]+([^#\n;]+)/gm;
const FROM = /^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^#\n;]+))/gm;
const COMPUTED = /(?:__import__|import_module|import_optional_dependency|lazy_import)\(\s*['"]([\w.]+)/g;

/** The module that a file is, by its path. */
function moduleOf(path: string): string | undefined {
  const inner = MODULE_PATH.exec(path)?.[1];
  if (inner === undefined || inner.includes("-info/")) return undefined;
  const parts = inner.split("/");
  return parts.every((part) => IDENTIFIER.test(part)) ? parts.join(".") : undefined;
}

/** The package that a relative import of so many dots starts from. */
function packageOf(path: string, dots: number): string | undefined {
  const module = moduleOf(path);
  if (module === undefined) return undefined;
  const parts = module.split(".");
  const up = path.endsWith("/__init__.py") ? dots - 1 : dots;
  return up > parts.length ? undefined : parts.slice(0, parts.length - up).join(".");
}

function* importsOf(source: string, path: string): Generator<string> {
  for (const [, list] of source.matchAll(IMPORT)) {
    for (const item of list!.split(",")) yield item.trim().split(/[ \t]/, 1)[0]!;
  }
  for (const [, origin, many, one] of source.matchAll(FROM)) {
    const dots = /^\.*/.exec(origin!)![0].length;
    const base = dots === 0 ? "" : packageOf(path, dots);
    if (base === undefined) continue;
    const module = [base, origin!.slice(dots)].filter((part) => part !== "").join(".");
    if (module !== "") yield module;
    for (const item of (many ?? one ?? "").split(",")) {
      const name = item.trim().split(/[ \t\n]/, 1)[0]!;
      if (IDENTIFIER.test(name)) yield module === "" ? name : `${module}.${name}`;
    }
  }
  for (const [, module] of source.matchAll(COMPUTED)) yield module!;
}

/** `[console_scripts]` and other groups: `name = package.module:attribute [extra]`. */
function* entryPointsOf(text: string): Generator<string> {
  for (const [, module] of text.matchAll(/^[^[\n=]+=[ \t]*([\w.]+)/gm)) yield module!;
}

export const tokenKind: TokenKind = {
  name: "python",
  strength: "strong",
  everyMatch: true,
  language: LANGUAGE,
  sharedDirectories:
    /^usr\/lib\/(?:python3|python3\.\d+|pypy3|[^/]+-linux-[^/]+\/python3)(?:\/dist-packages|\/lib-dynload)?$/,
  *uses(file) {
    if (file.isIn(LANGUAGE)) {
      for (const module of importsOf(file.source, file.path)) {
        if (/^[\w.]+$/.test(module)) yield module;
      }
    } else if (/\.(?:dist|egg)-info\/(?:entry_points|top_level)\.txt$/.test(file.path)) {
      const text = file.bytes.toString("latin1");
      if (file.baseName === "entry_points.txt") yield* entryPointsOf(text);
      else yield* text.split(/\s+/).filter((name) => IDENTIFIER.test(name));
    }
  },
  *offers(file) {
    const module = moduleOf(file.path);
    if (module !== undefined) yield module;
  },
  // Importing a.b.c runs a and a.b, too.
  find(token, _from, index) {
    const files: number[] = [];
    for (
      let module = token;
      module !== "";
      module = parentOf(module.replaceAll(".", "/")).replaceAll("/", ".")
    ) {
      files.push(...index.offering("python", module));
    }
    return files;
  },
};
