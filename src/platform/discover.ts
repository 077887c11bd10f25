// Finds the implementations that a folder holds: adding one is adding a file, and nothing else.

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { compareStrings } from "../model/bytes.ts";

/** Modules are `.ts` in a checkout and `.js` in a package. */
const MODULE = /^(?<name>[^.]+)\.(?:ts|js)$/;

/** The names of the modules in a folder, sorted by bytes; tests and declarations are no modules. */
export function moduleNames(folder: URL): string[] {
  return readdirSync(fileURLToPath(folder))
    .flatMap((file) => MODULE.exec(file)?.groups?.["name"] ?? [])
    .sort(compareStrings);
}

/** Imports one module of a folder by its name. */
export async function importModule<T>(folder: URL, name: string): Promise<T> {
  return (await import(moduleUrl(folder, name).href)) as T;
}

const require = createRequire(import.meta.url);

/** Loads one module of a folder where nobody can wait for it. */
export function requireModule<T>(folder: URL, name: string): T {
  return require(fileURLToPath(moduleUrl(folder, name))) as T;
}

function moduleUrl(folder: URL, name: string): URL {
  return new URL(`${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, folder);
}

/**
 * Imports every module of a folder.
 *
 * @param folder URL with a final slash: `new URL("./fixes/", import.meta.url)`.
 * @returns In the order of {@link moduleNames}.
 */
export async function importModules<T>(
  folder: URL,
): Promise<{ readonly name: string; readonly module: T }[]> {
  return Promise.all(
    moduleNames(folder).map(async (name) => ({ name, module: await importModule<T>(folder, name) })),
  );
}
