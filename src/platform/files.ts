// Files and directories as they are, hostile until checked: small documents, ranges of large ones, names.

import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { setImmediate } from "node:timers/promises";
import { isErrno, onDisk, temporaryName, toDiskError } from "./disk.ts";

export type PathKind = "file" | "directory" | "other";

/** What is at a path, links followed; undefined when there is nothing. */
export function pathKind(path: string): PathKind | undefined {
  const stats = onDisk(`look at ${path}`, () => statSync(path, { throwIfNoEntry: false }));
  if (stats === undefined) return undefined;
  return stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other";
}

/** Whether a path is a regular file itself, not a link to one. */
export function isPlainFile(path: string): boolean {
  return onDisk(`look at ${path}`, () => lstatSync(path, { throwIfNoEntry: false }))?.isFile() === true;
}

/** The names in a directory, unsorted; undefined when there is no such directory. */
export function listDirectory(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw toDiskError(error, `read the directory ${path}`);
  }
}

/** Removes a file; one that is not there is no error. */
export function removeFile(path: string): void {
  onDisk(`remove ${path}`, () => rmSync(path, { force: true }));
}

/**
 * Reads a small file whole.
 *
 * @param maxSize Bytes; of a larger file nothing is read.
 * @returns Undefined when there is no such file, `"too-large"` when it is larger than that.
 */
export function readSmallFile(path: string, maxSize: number): Buffer | "too-large" | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw toDiskError(error, `read ${path}`);
  }
  try {
    const { size } = fstatSync(fd);
    if (size > maxSize) return "too-large";
    const buffer = Buffer.allocUnsafe(size);
    return buffer.subarray(0, readFully(fd, buffer, 0));
  } catch (error) {
    throw toDiskError(error, `read ${path}`);
  } finally {
    closeSync(fd);
  }
}

/** A text file of the user's whole, as UTF-8; undefined when there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw toDiskError(error, `read ${path}`);
  }
}

/** The first bytes of a file: fewer than asked when it is shorter. */
export function readStart(path: string, size: number): Buffer {
  const fd = onDisk(`read ${path}`, () => openSync(path, "r"));
  try {
    const buffer = Buffer.allocUnsafe(size);
    return buffer.subarray(
      0,
      onDisk(`read ${path}`, () => readFully(fd, buffer, 0)),
    );
  } finally {
    closeSync(fd);
  }
}

/** Whether somebody may execute a file, links followed. */
export function isExecutable(path: string): boolean {
  return (onDisk(`look at ${path}`, () => statSync(path)).mode & 0o111) !== 0;
}

function readFully(fd: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Bytes read at a time. */
const CHUNK = 1 << 20;

/**
 * Reads a range of a file; other work gets its turn after every chunk.
 *
 * @returns Chunks of at most 1 MiB, each valid for as long as it is kept; fewer bytes than asked when the file ends.
 * @throws The signal's reason, or a {@link DiskError}; `missing()` when there is no such file.
 */
export async function* readRange(
  range: { readonly file: string; readonly offset: number; readonly size: number },
  signal: AbortSignal,
  missing: (cause: unknown) => unknown,
): AsyncGenerator<Buffer, void, undefined> {
  const { file, offset, size } = range;
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    throw isErrno(error, "ENOENT", "ENOTDIR") ? missing(error) : toDiskError(error, `read ${file}`);
  }
  try {
    for (let done = 0; done < size; ) {
      signal.throwIfAborted();
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, size - done));
      const count = onDisk(`read ${file}`, () => readFully(fd, chunk, offset + done));
      if (count === 0) return;
      yield chunk.subarray(0, count);
      done += count;
      await setImmediate();
    }
  } finally {
    closeSync(fd);
  }
}

/** A copy of a file under a temporary name beside `destination`: shared blocks where the file system has them. */
export class FileCopy implements Disposable {
  /** Absolute path. */
  readonly path: string;
  readonly #destination: string;

  /** @throws {DiskError} */
  constructor(source: string, destination: string) {
    this.path = temporaryName(destination);
    this.#destination = destination;
    try {
      copyFileSync(source, this.path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (error) {
      rmSync(this.path, { force: true });
      throw toDiskError(error, `copy ${source} to ${destination}`);
    }
  }

  /** Gives the copy its name. */
  commit(): void {
    onDisk(`write ${this.#destination}`, () => renameSync(this.path, this.#destination));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { force: true });
  }
}

/** Lets pending events happen: messages of worker threads, signals, timers. */
export async function yieldToEvents(): Promise<void> {
  await setImmediate();
}

/** What changes whenever a file is written to, replaced or touched; undefined when there is no such file. */
export function fileIdentity(path: string): string | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile()) return undefined;
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":");
}
