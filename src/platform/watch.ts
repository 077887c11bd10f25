// Waits until something on this machine changes: files, watched by way of their directories, since editors replace
// files rather than write to them; and directories, one by one, with whatever comes or goes in them.

import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isErrno, toDiskError } from "./disk.ts";
import { fileIdentity } from "./files.ts";

/** What is watched; absolute paths. */
export interface WatchedPaths {
  /** May be missing: that they come is a change. */
  readonly files: Iterable<string>;
  /** Not what is below the directories in them. */
  readonly directories: Iterable<string>;
}

/** Milliseconds of quiet after which a change is told: a save is several events. */
const QUIET_MS = 10;

/** Milliseconds after which it is told, quiet or not. */
const LATEST_MS = 1000;

/** Watches from the moment that it is made. Dispose of it when done. */
export class Watcher implements Disposable {
  readonly #watchers: FSWatcher[] = [];
  readonly #changed = new Set<string>();
  readonly #own = new Map<string, string | undefined>();
  readonly #told = Promise.withResolvers<readonly string[]>();
  #quiet: NodeJS.Timeout | undefined;
  #latest: NodeJS.Timeout | undefined;
  #isQuiet = false;
  #isAwaited = false;

  /** @throws {DiskError} When there are more directories than this machine lets a user watch. */
  constructor({ files, directories }: WatchedPaths) {
    this.#told.promise.catch(() => {});
    const whole = new Set(directories);
    const names = Map.groupBy(new Set(files), dirname);
    try {
      for (const directory of whole) this.#watch(directory, undefined);
      for (const [directory, paths] of names) {
        if (!whole.has(directory)) this.#watch(directory, new Set(paths.map((path) => basename(path))));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #watch(directory: string, names: ReadonlySet<string> | undefined): void {
    try {
      const watcher = watch(directory, { persistent: true }, (_event, name) => {
        if (name === null || names === undefined || names.has(name)) this.#note(join(directory, name ?? ""));
      });
      // A directory that goes away has changed.
      watcher.on("error", () => this.#note(directory));
      this.#watchers.push(watcher);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      throw toDiskError(error, `watch ${directory}`);
    }
  }

  /** Takes a file as it is now, so that only later changes of it are told: for what the caller wrote itself. */
  settle(path: string): void {
    this.#own.set(path, fileIdentity(path));
    if (!this.#changed.delete(path) || this.#changed.size > 0) return;
    clearTimeout(this.#quiet);
    clearTimeout(this.#latest);
    this.#latest = undefined;
  }

  #note(path: string): void {
    if (this.#own.has(path) && this.#own.get(path) === fileIdentity(path)) return;
    this.#changed.add(path);
    clearTimeout(this.#quiet);
    this.#isQuiet = false;
    const becomeQuiet = () => {
      clearTimeout(this.#latest);
      this.#latest = undefined;
      this.#isQuiet = true;
      this.#tell();
    };
    this.#quiet = setTimeout(becomeQuiet, QUIET_MS);
    this.#latest ??= setTimeout(becomeQuiet, LATEST_MS);
  }

  /** Tells nothing that nobody waits for: it may still be settled. */
  #tell(): void {
    if (this.#isAwaited && this.#isQuiet && this.#changed.size > 0) this.#told.resolve([...this.#changed]);
  }

  /**
   * Waits for the first change since the watcher was made.
   *
   * @returns The paths that changed, when it has become quiet.
   * @throws The signal's reason.
   */
  async changed(signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const onAbort = () => this.#told.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#isAwaited = true;
    this.#tell();
    try {
      return await this.#told.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#quiet);
    clearTimeout(this.#latest);
    for (const watcher of this.#watchers) watcher.close();
  }
}
