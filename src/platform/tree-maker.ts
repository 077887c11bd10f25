// Writes a small tree, entry by entry, below a place where nothing is; paths are relative and never leave it.

import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { encodeByteString } from "../model/bytes.ts";
import { entryPath } from "./directory-entries.ts";
import { onDisk } from "./disk.ts";

/** The empty path is the place itself. */
export interface TreeMaker {
  file(path: string, bytes: Uint8Array, executable: boolean): void;
  /** Copies a file of this machine, with the right to execute it; blocks are shared where the disk can. */
  copy(path: string, from: string): void;
  symlink(path: string, target: string): void;
  directory(path: string): void;
  /** Makes the place an empty directory when nothing was made. */
  finish(): void;
}

/**
 * Starts a tree.
 *
 * @param root Absolute path.
 * @param toBytes What paths and targets of links are turned to byte strings by. Default: they are text, in UTF-8.
 */
export function createTreeMaker(
  root: string,
  toBytes: (path: string) => string = encodeByteString,
): TreeMaker {
  const placeOf = (path: string): Buffer => entryPath(root, toBytes(path));
  const directories = new Set<string>();
  const directory = (path: string): void => {
    if (directories.has(path)) return;
    if (path !== "") directory(parentOf(path));
    onDisk(`create ${root}/${path}`, () => mkdirSync(placeOf(path), { recursive: true }));
    directories.add(path);
  };
  const parent = (path: string): void => {
    if (path !== "") directory(parentOf(path));
  };
  return {
    file(path, bytes, executable) {
      parent(path);
      onDisk(`write ${root}/${path}`, () => {
        writeFileSync(placeOf(path), bytes, { flag: "wx" });
        chmodSync(placeOf(path), executable ? 0o755 : 0o644);
      });
    },
    copy(path, from) {
      parent(path);
      onDisk(`copy ${from} to ${root}/${path}`, () => {
        copyFileSync(from, placeOf(path), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        chmodSync(placeOf(path), (lstatSync(from).mode & 0o100) !== 0 ? 0o755 : 0o644);
      });
    },
    symlink(path, target) {
      parent(path);
      onDisk(`write ${root}/${path}`, () =>
        symlinkSync(Buffer.from(toBytes(target), "latin1"), placeOf(path)),
      );
    },
    directory,
    finish() {
      if (lstatSync(root, { throwIfNoEntry: false }) === undefined) directory("");
    },
  };
}

function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === "." ? "" : parent;
}
