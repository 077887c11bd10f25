// Taking things out of a store directory: first moved aside, so that a path is there whole or not at all, then removed.

import { lstatSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { asStorePath, STORE_DIR, type StorePath } from "../../model/store-path.ts";
import { removeTree } from "../directories.ts";
import { clearStaleTemporaries, isErrno, makeDirectories, onDisk, temporaryName } from "../disk.ts";
import type { LocalStore } from "./local-store.ts";

/** Where files that several paths share have a name of their own, as in Nix. */
export const LINKS_DIRECTORY = ".links";

/** Everything in a store directory that may be a path, valid or not; names that are none as they are. */
export function listStoreDirectory({ root }: LocalStore): string[] {
  const directory = join(root, STORE_DIR);
  return onDisk(`read ${directory}`, () => readdirSync(directory))
    .filter((name) => name !== LINKS_DIRECTORY)
    .sort();
}

/**
 * Removes what lies under a name in the store directory, unless it is a valid path.
 *
 * @returns Bytes that the disk got back, roughly; undefined when it stayed.
 */
export function removeInvalid(store: LocalStore, name: string): number | undefined {
  const place = join(store.root, STORE_DIR, name);
  const directory = join(store.root, "nix/var/tare/trash");
  makeDirectories(directory);
  clearStaleTemporaries(directory, "remove");
  const trash = temporaryName(join(directory, "gone"));
  const moved = store.database.exclusively(() => {
    const path: StorePath | undefined = asStorePath(`${STORE_DIR}/${name}`);
    if (path !== undefined && store.database.isValid(path)) return false;
    return onDisk(`remove ${place}`, () => {
      try {
        renameSync(place, trash);
        return true;
      } catch (error) {
        if (isErrno(error, "ENOENT")) return false;
        throw error;
      }
    });
  });
  if (!moved) return undefined;
  const freed = measureFreed(trash);
  removeTree(trash);
  return freed;
}

/** Bytes of the files below a path that have no name elsewhere. */
function measureFreed(path: string): number {
  let freed = 0;
  const visit = (place: Buffer): void => {
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (stats === undefined) return;
    if (!stats.isDirectory()) {
      if (stats.nlink === 1) freed += stats.size;
      return;
    }
    for (const name of namesIn(place)) visit(Buffer.concat([place, Buffer.from("/"), name]));
  };
  visit(Buffer.from(path));
  return freed;
}

function namesIn(place: Buffer): Buffer[] {
  try {
    return readdirSync(place, { encoding: "buffer" });
  } catch (error) {
    // A directory that this user cannot read is removed all the same, if it can be.
    if (isErrno(error, "EACCES", "EPERM")) return [];
    throw error;
  }
}

/** Removes shared files that no path uses any more. @returns Bytes that the disk got back. */
export function removeUnusedLinks({ root }: LocalStore): number {
  const directory = join(root, STORE_DIR, LINKS_DIRECTORY);
  let freed = 0;
  for (const name of lstatSync(directory, { throwIfNoEntry: false }) ? readdirSync(directory) : []) {
    const place = join(directory, name);
    const stats = lstatSync(place, { throwIfNoEntry: false });
    if (stats === undefined || stats.nlink > 1) continue;
    rmSync(place, { force: true });
    freed += stats.size;
  }
  return freed;
}
