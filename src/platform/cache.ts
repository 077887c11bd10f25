// Where state lives: `$XDG_CACHE_HOME/tare`. All of it can be deleted at any time; nothing in it is trusted unread.

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { CacheDirectory, CacheFolder } from "../model/context.ts";
import { makeDirectories, removeStaleTemporaries } from "./disk.ts";

export class Cache implements CacheDirectory {
  /** Absolute path. */
  readonly root: string;
  readonly #ready = new Set<CacheFolder>();

  constructor(root: string) {
    this.root = root;
  }

  /**
   * The absolute path of a name in a folder, which exists after the call.
   *
   * @throws {DiskError} When the folder cannot be made.
   */
  path(folder: CacheFolder, name: string): string {
    const directory = join(this.root, folder);
    if (!this.#ready.has(folder)) {
      makeDirectories(directory);
      removeStaleTemporaries(directory);
      this.#ready.add(folder);
    }
    return join(directory, name);
  }
}

/** The cache of this user, by the XDG base directory specification. */
export function defaultCacheRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment["XDG_CACHE_HOME"];
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "tare");
}
