// Files of a store that are equal → one file with several names: hard links to `.links/<hash>`, as Nix has them.

import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { isErrno, onDisk, temporaryName } from "../disk.ts";

/** What became of a file: `first` of its kind, `shared` already, `linked` now, `alone` since it cannot be shared. */
export type Sharing = "first" | "shared" | "linked" | "alone";

/**
 * Makes a file the same as the one at `link`, which begins to be when there is none.
 *
 * @param file As bytes, in a directory that is read-only and as old as all directories of a store.
 * @param link Absolute path; what is there must have the same bytes, or `file` stays as it is.
 */
export function shareFile(file: Buffer, link: string): Sharing {
  return onDisk(`link ${file} to ${link}`, () => {
    const own = lstatSync(file);
    if (!tryToLink(file, link)) return "alone";
    const shared = lstatSync(link);
    if (shared.ino === own.ino) return own.nlink === 1 ? "first" : "shared";
    if (shared.size !== own.size || shared.mode !== own.mode || !hasEqualBytes(file, link)) return "alone";
    const directory = Buffer.from(file.subarray(0, file.lastIndexOf(0x2f)));
    const parent = lstatSync(directory);
    const temporary = temporaryName(link);
    try {
      linkSync(link, temporary);
      chmodSync(directory, 0o755);
      renameSync(temporary, file);
      return "linked";
    } catch (error) {
      // The file system allows no more names of one file.
      if (isErrno(error, "EMLINK")) return "alone";
      throw error;
    } finally {
      rmSync(temporary, { force: true });
      chmodSync(directory, parent.mode & 0o7777);
      lutimesSync(directory, parent.atimeMs / 1000, parent.mtimeMs / 1000);
    }
  });
}

/** Whether there is a file at `link` afterwards. */
function tryToLink(file: Buffer, link: string): boolean {
  try {
    linkSync(file, link);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return true;
    if (isErrno(error, "EMLINK", "EPERM", "EXDEV")) return false;
    throw error;
  }
}

/** A shared file that was damaged must not spread. */
function hasEqualBytes(a: Buffer, b: string): boolean {
  const files = [openSync(a, "r"), openSync(b, "r")] as const;
  const buffers = [Buffer.allocUnsafe(1 << 18), Buffer.allocUnsafe(1 << 18)] as const;
  try {
    for (;;) {
      const counts = files.map((fd, i) => readSync(fd, buffers[i]!));
      if (counts[0] !== counts[1]) return false;
      if (counts[0] === 0) return true;
      if (!buffers[0].subarray(0, counts[0]).equals(buffers[1].subarray(0, counts[1]))) return false;
    }
  } finally {
    for (const fd of files) closeSync(fd);
  }
}
