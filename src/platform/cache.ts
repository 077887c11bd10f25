// Where state lives: `$XDG_CACHE_HOME/tare`. All of it can be deleted at any time; nothing in it is trusted unread.

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { CACHE_FOLDERS, type CacheDirectory, type CacheFolder } from "../model/context.ts";
import { clearStaleTemporaries, makeDirectories } from "./disk.ts";

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
      clearStaleTemporaries(directory, folder === "partial" ? "keep-unfinished" : "remove");
      this.#ready.add(folder);
    }
    return join(directory, name);
  }

  tidy(): void {
    for (const folder of CACHE_FOLDERS) this.path(folder, "");
  }
}

/** The cache of this user, by the XDG base directory specification. */
export function defaultCacheRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment["XDG_CACHE_HOME"];
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache"), "tare");
}
