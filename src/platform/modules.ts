// Imports a user's TypeScript file with `tare` resolved to this very Tare, installed there or not.

import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The user's own modules of each variant, as they were resolved; absolute paths. */
const loaded = new Map<string, Set<string>>();

/** What an import is asked for beside its path. */
export interface ImportOptions {
  /** Bare specifiers and the URLs that they mean. */
  readonly packages: Readonly<Record<string, string>>;
  /**
   * Modules of another variant are not those that were loaded before: neither the module nor the user's own modules that
   * it imports. What is installed is the same in all variants.
   */
  readonly variant?: string | undefined;
}

/** The user's own modules that were loaded for a variant: the module and what it imports, packages left out. */
export function listUserModules(variant: string): readonly string[] {
  return [...(loaded.get(variant) ?? [])];
}

/**
 * Imports a module as TypeScript (types are stripped, nothing is compiled).
 *
 * @param path Absolute path.
 * @throws Whatever the module throws while it is loaded.
 */
export async function importUserModule(path: string, { packages, variant }: ImportOptions): Promise<object> {
  // Only while the user's modules are loaded: every import of Tare's own would pay for it.
  for (const url of Object.values(packages)) await import(url);
  const hooks = registerHooks({
    resolve(specifier, hookContext, next) {
      const url = Object.hasOwn(packages, specifier) ? packages[specifier] : undefined;
      if (url !== undefined) return { url, shortCircuit: true };
      const resolved = next(specifier, hookContext);
      if (!resolved.url.startsWith("file:") || resolved.url.includes("/node_modules/")) return resolved;
      const of = variantOf(resolved.url) ?? variantOf(hookContext.parentURL ?? "");
      const place = resolved.url.replace(/\?.*$/s, "");
      if (of !== undefined) remember(of, place);
      const own = of === undefined ? resolved : { ...resolved, url: withVariant(place, of) };
      // A file outside any package has no say about its module system: image.ts is always a module.
      return place.endsWith(".ts") ? { ...own, format: "module-typescript" } : own;
    },
  });
  const { href } = pathToFileURL(path);
  try {
    return (await import(variant === undefined ? href : withVariant(href, variant))) as object;
  } finally {
    hooks.deregister();
  }
}

const VARIANT = "tare-variant";

function withVariant(url: string, variant: string): string {
  return `${url}?${VARIANT}=${encodeURIComponent(variant)}`;
}

function variantOf(url: string): string | undefined {
  const query = url.indexOf("?");
  return query < 0 ? undefined : (new URLSearchParams(url.slice(query)).get(VARIANT) ?? undefined);
}

function remember(variant: string, url: string): void {
  const paths = loaded.get(variant) ?? new Set();
  loaded.set(variant, paths.add(fileURLToPath(url)));
}

/** A place in a source file of the user. */
export interface SourceLocation {
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number | undefined;
}

/**
 * Where in the user's files an error came from: the first frame of its stack that is not Node's, not of a package and
 * not below `ownDirectory`.
 */
export function locateError(error: unknown, ownDirectory: string): SourceLocation | undefined {
  if (!(error instanceof Error)) return undefined;
  for (const line of (error.stack ?? "").split("\n")) {
    const match = /(file:\/\/\/\S+?|\/\S+?):(\d+)(?::(\d+))?\)?$/.exec(line);
    if (match === null) continue;
    const file = match[1]!.startsWith("file:") ? fileURLToPath(match[1]!) : match[1]!;
    if (file.startsWith(ownDirectory) || file.includes("/node_modules/") || !existsSync(file)) continue;
    return { file, line: Number(match[2]), column: match[3] === undefined ? undefined : Number(match[3]) };
  }
  return undefined;
}
