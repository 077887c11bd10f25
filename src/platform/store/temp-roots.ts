// What running processes use of a store: paths that no garbage collection may take, while the process that named them
// lives. Each process has a list of its own, and holds a lock beside it.

import { closeSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { asStorePath, type StorePath } from "../../model/store-path.ts";
import { isErrno, makeDirectories, onDisk, temporaryName, writeFully } from "../disk.ts";
import { ProcessLock } from "../process-lock.ts";

/** The list of this process; made when the first path is added. Dispose of it when nothing is used any more. */
export class TempRoots implements Disposable {
  readonly #directory: string;
  readonly #known = new Set<StorePath>();
  #list: { readonly file: string; readonly fd: number; readonly lock: ProcessLock } | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Of some paths those that are not in the list yet. */
  missing(paths: readonly StorePath[]): StorePath[] {
    return paths.filter((path) => !this.#known.has(path));
  }

  /** Adds paths; the caller sees to it that no collection decides meanwhile what goes. */
  add(paths: readonly StorePath[]): void {
    const added = this.missing(paths);
    if (added.length === 0) return;
    this.#list ??= createList(this.#directory);
    const { file, fd } = this.#list;
    onDisk(`write ${file}`, () => writeFully(fd, Buffer.from(added.map((path) => `${path}\0`).join(""))));
    for (const path of added) this.#known.add(path);
  }

  [Symbol.dispose](): void {
    if (this.#list === undefined) return;
    const { file, fd, lock } = this.#list;
    this.#list = undefined;
    this.#known.clear();
    closeSync(fd);
    rmSync(file, { force: true });
    lock[Symbol.dispose]();
  }
}

const LIST = ".roots";
const LOCK = ".lock";

function createList(directory: string) {
  makeDirectories(directory);
  const name = temporaryName(join(directory, "process"));
  // The lock first: a list whose lock nobody holds is one that a killed process left.
  const lock = ProcessLock.take(`${name}${LOCK}`)!;
  const file = `${name}${LIST}`;
  return { file, fd: onDisk(`write ${file}`, () => openSync(file, "ax", 0o644)), lock };
}

/** All that living processes use; the lists of others are removed. */
export function readTempRoots(directory: string): StorePath[] {
  const roots: StorePath[] = [];
  for (const name of namesIn(directory).filter((name) => name.endsWith(LIST))) {
    const file = join(directory, name);
    const lockFile = `${file.slice(0, -LIST.length)}${LOCK}`;
    const lock = ProcessLock.take(lockFile);
    if (lock === undefined) {
      roots.push(...readList(file));
      continue;
    }
    rmSync(file, { force: true });
    lock[Symbol.dispose]();
  }
  return roots;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function readList(file: string): StorePath[] {
  try {
    return readFileSync(file, "utf8")
      .split("\0")
      .flatMap((path) => asStorePath(path) ?? []);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
