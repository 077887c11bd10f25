// Finds the implementations that a folder holds: adding one is adding a file, and nothing else.

import { readdirSync } from "node:fs";
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
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const url = new URL(`${name}${extension}`, folder).href;
  return (await import(url)) as T;
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
