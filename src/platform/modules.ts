// Imports a user's TypeScript file with `tare` resolved to this very Tare, installed there or not.

import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

let registered = false;

/**
 * Imports a module as TypeScript (types are stripped, nothing is compiled).
 *
 * @param path Absolute path.
 * @param packages Bare specifiers and the URLs that they mean.
 * @throws Whatever the module throws while it is loaded.
 */
export async function importUserModule(
  path: string,
  packages: Readonly<Record<string, string>>,
): Promise<object> {
  if (!registered) {
    registered = true;
    registerHooks({
      resolve(specifier, hookContext, next) {
        const url = Object.hasOwn(packages, specifier) ? packages[specifier] : undefined;
        if (url !== undefined) return { url, shortCircuit: true };
        const resolved = next(specifier, hookContext);
        // A file outside any package has no say about its module system: image.ts is always a module.
        return resolved.url.startsWith("file:") &&
          /\.ts$/.test(resolved.url) &&
          !resolved.url.includes("/node_modules/")
          ? { ...resolved, format: "module-typescript" }
          : resolved;
      },
    });
  }
  return (await import(pathToFileURL(path).href)) as object;
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
