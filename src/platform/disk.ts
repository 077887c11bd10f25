// Files: atomic writes, temporary names, and errors of the operating system told as ours.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { TareError } from "../model/errors.ts";

export type DiskErrorCode = "DISK_FULL" | "READ_ONLY" | "NO_PERMISSION" | "DISK_ERROR";

export class DiskError extends TareError<DiskErrorCode> {}

const HINTS: Readonly<Record<string, readonly [DiskErrorCode, string, string]>> = {
  ENOSPC: [
    "DISK_FULL",
    "no space is left on the device",
    "Free some space, or set XDG_CACHE_HOME to a larger disk",
  ],
  EDQUOT: [
    "DISK_FULL",
    "the disk quota is used up",
    "Free some space, or set XDG_CACHE_HOME to another disk",
  ],
  EROFS: [
    "READ_ONLY",
    "the file system is read-only",
    "Set XDG_CACHE_HOME to a directory that can be written",
  ],
  EACCES: ["NO_PERMISSION", "permission denied", "Set XDG_CACHE_HOME to a directory that can be written"],
  EPERM: [
    "NO_PERMISSION",
    "the operation is not permitted",
    "Set XDG_CACHE_HOME to a directory that can be written",
  ],
};

/** Whether an error is one of the operating system with this code. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes(String((error as NodeJS.ErrnoException).code));
}

/** Tells an error of the operating system as a {@link DiskError}; other errors are returned unchanged. */
export function toDiskError(error: unknown, doing: string): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const errno = error as NodeJS.ErrnoException;
  const [code, said, hint] = HINTS[errno.code ?? ""] ?? ["DISK_ERROR" as const, errno.message, undefined];
  return new DiskError(code, `Cannot ${doing}: ${said}`, { hint, cause: error });
}

/** Runs `action`; an error of the operating system in it becomes a {@link DiskError} that says what was tried. */
export function onDisk<T>(doing: string, action: () => T): T {
  try {
    const result = action();
    if (result instanceof Promise) {
      return result.catch((error: unknown) => {
        throw toDiskError(error, doing);
      }) as T;
    }
    return result;
  } catch (error) {
    throw toDiskError(error, doing);
  }
}

/** Writes all bytes at the file's present position; a short write (as on a full disk) is continued or throws. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
}

/** Makes a directory and those that hold it. */
export function makeDirectories(path: string): void {
  onDisk(`create the directory ${path}`, () => {
    try {
      mkdirSync(path, { recursive: true });
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      // Node says ENOENT where a parent cannot be made; making that parent alone says why.
      let first = path;
      while (!existsSync(dirname(first))) first = dirname(first);
      mkdirSync(first);
      mkdirSync(path, { recursive: true });
    }
  });
}

/** A name beside `path` that no other process uses; {@link clearStaleTemporaries} knows whose it was. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`);
}

/**
 * Writes a file so that other processes see all of it or nothing.
 *
 * @throws {DiskError} When the disk is full, read-only or not ours; nothing is left behind.
 */
export function writeFileAtomically(path: string, bytes: Uint8Array | string, mode = 0o666): void {
  const temporary = temporaryName(path);
  onDisk(`write ${path}`, () => {
    makeDirectories(dirname(path));
    let fd: number | undefined;
    try {
      fd = openSync(temporary, "wx", mode);
      writeFully(fd, typeof bytes === "string" ? Buffer.from(bytes) : bytes);
      closeSync(fd);
      fd = undefined;
      renameSync(temporary, path);
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/**
 * Deals with temporary files in one directory whose process is gone, as after kill -9: removes them, or gives each the
 * name that it was to have, where what is unfinished can be continued.
 */
export function clearStaleTemporaries(directory: string, what: "remove" | "keep-unfinished"): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return;
  }
  for (const name of names) {
    const [, final, pid] = /^\.(.*)\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name) ?? [];
    if (final === undefined || isAlive(Number(pid))) continue;
    try {
      if (what === "remove") rmSync(join(directory, name), { recursive: true, force: true });
      else renameSync(join(directory, name), join(directory, final));
    } catch {
      // Another process may be at it, or it may belong to another user.
    }
  }
}

/** Whether a process of this machine exists; one of another user counts. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, "EPERM");
  }
}

/** The size of a file in bytes, or undefined when there is none. */
export function fileSize(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
