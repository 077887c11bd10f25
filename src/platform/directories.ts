// Temporary directories: made for this user alone, taken away even when modes stand in the way, and found when the
// process that made them is dead.

import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isAlive, isErrno, onDisk } from "./disk.ts";

/** Makes a directory, in one that exists, that no other user can enter. */
export function makePrivateDirectory(path: string): void {
  onDisk(`create ${path}`, () => mkdirSync(path, { mode: 0o700 }));
}

/**
 * Removes a tree; directories of this user that cannot be entered are opened first.
 *
 * @returns Whether all of it is gone: files of other users, and mounts, may stay.
 */
export function removeTree(path: string): boolean {
  if (tryToRemove(path)) return true;
  openDirectories(Buffer.from(path));
  return tryToRemove(path);
}

function tryToRemove(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch {
    // What is wrong is not told by a code on every system.
    return false;
  }
}

function openDirectories(path: Buffer): void {
  try {
    if (!lstatSync(path).isDirectory()) return;
    chmodSync(path, 0o700);
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      openDirectories(Buffer.concat([path, Buffer.from("/"), name]));
    }
  } catch (error) {
    if (!isErrno(error, "EACCES", "EPERM", "ENOENT")) throw error;
  }
}

/** The temporary names in a directory whose process is gone: see `temporaryName`. */
export function listStaleTemporaries(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => {
      const pid = /^\..*\.(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
      return pid !== undefined && !isAlive(Number(pid));
    })
    .map((name) => join(directory, name));
}
