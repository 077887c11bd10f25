// Locks among processes that end with the process, however it ends and in whatever container it runs: Node has none but
// SQLite's. Each is a file that whoever holds the lock removes.

import { lstatSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sleep } from "./clock.ts";
import { isErrno, makeDirectories, onDisk } from "./disk.ts";

/** Milliseconds between two looks at a lock that another process has. */
const PATIENCE = 50;

/** Dispose of it to let the next one in. */
export class ProcessLock implements Disposable {
  readonly #file: string;
  readonly #database: DatabaseSync;

  private constructor(file: string, database: DatabaseSync) {
    this.#file = file;
    this.#database = database;
  }

  /**
   * Takes a lock; undefined when another process has it, or this one.
   *
   * @throws {DiskError}
   */
  static take(file: string): ProcessLock | undefined {
    makeDirectories(dirname(file));
    createFile(file);
    const before = inodeOf(file);
    const database = onDisk(`lock ${file}`, () => new DatabaseSync(file, { timeout: 0 }));
    try {
      database.exec("pragma journal_mode = memory; begin exclusive");
      // Whoever had it has removed the file meanwhile: then this is a lock that nobody else will look at.
      if (before !== undefined && inodeOf(file) === before) return new ProcessLock(file, database);
    } catch {
      // It is held.
    }
    database.close();
    return undefined;
  }

  /**
   * Takes a lock as soon as nobody has it.
   *
   * @param onWait Called once when another process has it.
   * @throws {DiskError}; the signal's reason.
   */
  static async wait(file: string, signal: AbortSignal, onWait: () => void = () => {}): Promise<ProcessLock> {
    for (let tries = 0; ; tries++) {
      const lock = ProcessLock.take(file);
      if (lock !== undefined) return lock;
      if (tries === 1) onWait();
      await sleep(PATIENCE, signal);
      signal.throwIfAborted();
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#file, { force: true });
    this.#database.close();
  }
}

/** Removes the files of locks in a directory that killed processes held. */
export function clearStaleLocks(directory: string): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  for (const name of names) ProcessLock.take(join(directory, name))?.[Symbol.dispose]();
}

/** An empty file is a database; opening and closing it otherwise would end locks of this process. */
function createFile(file: string): void {
  onDisk(`write ${file}`, () => {
    try {
      writeFileSync(file, "", { flag: "wx" });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  });
}

function inodeOf(file: string): number | undefined {
  return lstatSync(file, { throwIfNoEntry: false })?.ino;
}
