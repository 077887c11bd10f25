// go.mod: text → the module's path and what it requires. Source: the Go Modules Reference, "go.mod files".

import { GoFormatError } from "./errors.ts";

export interface GoRequirement {
  readonly path: string;
  readonly version: string;
}

export interface GoMod {
  /** Path of the module: `example.com/shop/v2`. */
  readonly path: string;
  readonly requires: readonly GoRequirement[];
  /** What stands for a required module: a directory of this machine, or another module. */
  readonly replacements: ReadonlyMap<string, { readonly directory: string } | GoRequirement>;
}

/** @throws {GoFormatError} `GO_MOD_INVALID` */
export function parseGoMod(text: string): GoMod {
  let path: string | undefined;
  const requires: GoRequirement[] = [];
  const replacements = new Map<string, { directory: string } | GoRequirement>();
  for (const [verb, ...words] of directives(text)) {
    if (verb === "module") path = words[0];
    else if (verb === "require") requires.push(toRequirement(words));
    else if (verb === "replace") {
      const arrow = words.indexOf("=>");
      const [replaced, target, version] = [words[0], words[arrow + 1], words[arrow + 2]];
      if (arrow < 1 || replaced === undefined || target === undefined)
        throw invalid(`replace ${words.join(" ")}`);
      replacements.set(
        replaced,
        version === undefined ? { directory: target } : toRequirement([target, version]),
      );
    }
  }
  if (path === undefined) throw new GoFormatError("GO_MOD_INVALID", "Cannot read go.mod: it names no module");
  return { path, requires, replacements };
}

function toRequirement([path, version]: readonly string[]): GoRequirement {
  if (path === undefined || version === undefined) throw invalid([path, version].join(" ").trim());
  return { path, version };
}

function invalid(line: string): GoFormatError {
  return new GoFormatError("GO_MOD_INVALID", `Cannot read go.mod: "${line}" is no module with a version`);
}

/** Directives as words, those of blocks each with its verb; comments are left out. */
function* directives(text: string): Generator<readonly string[]> {
  let block: string | undefined;
  for (const line of text.replace(/^\uFEFF/, "").split("\n")) {
    const words = [...line.replace(/\/\/.*$/, "").matchAll(/"([^"]*)"|`([^`]*)`|([^\s"`]+)/g)].map(
      ([, quoted, raw, bare]) => quoted ?? raw ?? bare!,
    );
    if (words.length === 0) continue;
    if (block !== undefined) {
      if (words[0] === ")") block = undefined;
      else yield [block, ...words];
    } else if (words.length === 2 && words[1] === "(") block = words[0];
    else yield words;
  }
}
