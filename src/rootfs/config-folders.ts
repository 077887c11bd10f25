// The files of configuration folders such as sysusers.d, of which one in an earlier folder hides its namesakes.
// Specification: systemd's "Configuration Directories and Precedence".

import type { BytePath } from "../model/bytes.ts";
import { compareStrings, joinPath } from "../model/bytes.ts";
import type { Root } from "./root.ts";

export interface ConfigFile {
  readonly name: string;
  readonly path: BytePath;
  readonly text: string;
  /** The unit that brings it. */
  readonly unit: string | undefined;
}

/** Reads every `*.conf` of the folders, also those that the closure left out, sorted by name. */
export function readConfigFolders(root: Root, folders: readonly string[]): ConfigFile[] {
  const files = new Map<string, ConfigFile>();
  for (const folder of folders) {
    const directory = root.resolve(folder, true);
    if (directory === undefined) continue;
    for (const name of root.names(directory)) {
      if (!name.endsWith(".conf") || files.has(name)) continue;
      const path = joinPath(directory, name);
      const text = root.readText(`/${path}`);
      if (typeof text === "string") files.set(name, { name, path, text, unit: root.unitOf(path) });
    }
  }
  return [...files.values()].sort((a, b) => compareStrings(a.name, b.name));
}
