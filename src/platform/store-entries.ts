// Store paths on disk: what is in them, and the bytes of their files. Unlike a NAR's, modes are those of the disk.

import type { Stats } from "node:fs";
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { decodeByteString } from "../model/bytes.ts";
import { isErrno, toDiskError } from "./disk.ts";
import { StoreFileError } from "./store-file-error.ts";

/** One file, directory or link below a store path, or the store path itself. */
export interface DiskEntry {
  /** What follows the store path, a byte string: empty, or begins with a slash. */
  readonly rest: string;
  readonly type: "file" | "directory" | "symlink";
  /** Permission bits. */
  readonly mode: number;
  /** Bytes; 0 for what is no file. */
  readonly size: number;
  /** What a symbolic link says, a byte string; else empty. */
  readonly target: string;
  /** Changes whenever the file is written to, replaced or touched. */
  readonly identity: string;
}

/**
 * Lists a store path with all that is in it, each directory before what it holds.
 *
 * @param root Where it is, a byte string; may be a file or a link.
 * @param compare The order of the names in one directory.
 * @returns undefined when nothing is there.
 * @throws {StoreFileError} `STORE_FILE_UNSUPPORTED`; {DiskError}.
 */
export function listStorePath(
  root: string,
  compare: (a: string, b: string) => number,
): DiskEntry[] | undefined {
  const entries: DiskEntry[] = [];
  // Not by recursion: how deep a tree is, is not for this stack to say.
  const waiting: string[] = [root];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    try {
      const entry = describe(place, place.slice(root.length));
      entries.push(entry);
      if (entry.type !== "directory") continue;
      const names = readdirSync(toPath(place), "latin1").sort(compare);
      for (let i = names.length - 1; i >= 0; i--) waiting.push(`${place}/${names[i]!}`);
    } catch (error) {
      if (place === root && isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
      throw toDiskError(error, `read ${decodeByteString(place)}`);
    }
  }
  return entries;
}

function describe(place: string, rest: string): DiskEntry {
  const stats = lstatSync(toPath(place));
  const mode = stats.mode & 0o7777;
  const identity = `${stats.ino} ${stats.mtimeMs} ${stats.ctimeMs}`;
  if (stats.isFile()) return { rest, type: "file", mode, size: stats.size, target: "", identity };
  if (stats.isDirectory()) return { rest, type: "directory", mode, size: 0, target: "", identity };
  if (stats.isSymbolicLink()) {
    const target = readlinkSync(toPath(place), "latin1");
    return { rest, type: "symlink", mode, size: 0, target, identity };
  }
  throw new StoreFileError(
    "STORE_FILE_UNSUPPORTED",
    `Cannot read ${decodeByteString(place)}: it is a ${kindOf(stats)}; files, directories and links were expected`,
  );
}

function kindOf(stats: Stats): string {
  return stats.isFIFO() ? "fifo" : stats.isSocket() ? "socket" : "device";
}

/** Names that are ASCII need no bytes of their own. */
function toPath(place: string): string | Buffer {
  return /^[\x01-\x7f]*$/.test(place) ? place : Buffer.from(place, "latin1");
}

/** A file of a store path, read from its first byte to its last. Dispose of it when done. */
export class StoreFile implements Disposable {
  readonly #place: string;
  readonly #fd: number;

  /** @throws {DiskError} */
  constructor(place: string) {
    this.#place = place;
    try {
      this.#fd = openSync(toPath(place), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      throw toDiskError(error, `read ${decodeByteString(place)}`);
    }
  }

  /**
   * Fills the target with the next bytes.
   *
   * @throws {StoreFileError} `STORE_FILE_CHANGED` when the file is shorter than it was.
   */
  readInto(target: Buffer): void {
    for (let done = 0; done < target.length; ) {
      let count: number;
      try {
        count = readSync(this.#fd, target, done, target.length - done, null);
      } catch (error) {
        throw toDiskError(error, `read ${decodeByteString(this.#place)}`);
      }
      if (count === 0) {
        throw new StoreFileError(
          "STORE_FILE_CHANGED",
          `Cannot read ${decodeByteString(this.#place)}: it changed while it was read`,
          { hint: "Try again when nothing writes to it" },
        );
      }
      done += count;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
