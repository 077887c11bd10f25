// What the cache holds and when it was last used, and its removal: a cache never shrinks by itself, but for the root file
// systems of builds, which are large and made again in seconds.

import { existsSync, lstatSync, readdirSync, renameSync, rmSync, type Stats, utimesSync } from "node:fs";
import { join } from "node:path";
import { compareStrings } from "../model/bytes.ts";
import { CACHE_FOLDERS, type CacheFolder } from "../model/context.ts";
import { nowMs } from "./clock.ts";
import { removeTree } from "./directories.ts";
import { isErrno, onDisk, temporaryName } from "./disk.ts";

/** What belongs to one key of a folder: one file, several that differ in what follows a dot, or a directory. */
export interface CacheEntry {
  readonly folder: CacheFolder;
  readonly key: string;
  readonly paths: readonly string[];
  /** Bytes on the disk. */
  readonly size: number;
  /** Seconds since it was last read or written, as far as the disk tells: to a day where it is mounted `relatime`. */
  readonly idleSeconds: number;
}

/** What running processes hold is no entry. */
const LISTED = CACHE_FOLDERS.filter((folder) => folder !== "tmp" && folder !== "partial");

const BLOCK = 512;

/** Everything in a cache, by folder and key. */
export function listCacheEntries(root: string): CacheEntry[] {
  return LISTED.flatMap((folder) => listFolder(root, folder));
}

function listFolder(root: string, folder: CacheFolder): CacheEntry[] {
  const directory = join(root, folder);
  const keys = Map.groupBy(readNames(directory), (name) => name.split(".")[0]!);
  return [...keys]
    .filter(([key]) => key !== "")
    .sort(([a], [b]) => compareStrings(a, b))
    .map(([key, names]) =>
      measure(
        folder,
        key,
        names.map((name) => join(directory, name)),
      ),
    );
}

function measure(folder: CacheFolder, key: string, paths: readonly string[]): CacheEntry {
  let [size, usedMs] = [0, 0];
  for (const path of paths) {
    const stats = readStats(path);
    if (stats === undefined) continue;
    // Reading a directory's files does not change it, looking for what to remove does: its users set its mtime.
    usedMs = Math.max(usedMs, stats.mtimeMs, stats.isDirectory() ? 0 : stats.atimeMs);
    size += stats.isDirectory() ? measureDirectory(path) : stats.blocks * BLOCK;
  }
  return { folder, key, paths, size, idleSeconds: Math.max(0, (nowMs() - usedMs) / 1000) };
}

function measureDirectory(directory: string): number {
  let size = 0;
  const seen = new Set<number>();
  const pending = [directory];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stats = readStats(path);
    if (stats === undefined || (stats.nlink > 1 && !stats.isDirectory() && seen.has(stats.ino))) continue;
    seen.add(stats.ino);
    size += stats.blocks * BLOCK;
    if (stats.isDirectory()) pending.push(...readNames(path).map((name) => join(path!, name)));
  }
  return size;
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES")) return [];
    throw error;
  }
}

function readStats(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Notes that a directory of the cache is used now. */
export function markUsed(path: string): void {
  const now = new Date(nowMs());
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EPERM", "EACCES", "EROFS")) throw error;
  }
}

/**
 * Removes what was not used for a while from a folder, oldest first.
 *
 * @param keep The number of entries that stay, those used last.
 * @param idleSeconds Entries that were used since stay as well: somebody may be at them.
 */
export function trimFolder(
  root: string,
  folder: CacheFolder,
  { keep, idleSeconds }: { readonly keep: number; readonly idleSeconds: number },
): void {
  const directory = join(root, folder);
  const aged = readNames(directory)
    .filter((name) => !name.startsWith("."))
    .map((name) => ({ path: join(directory, name), usedMs: readStats(join(directory, name))?.mtimeMs ?? 0 }))
    .sort((a, b) => b.usedMs - a.usedMs || compareStrings(a.path, b.path));
  for (const { path, usedMs } of aged.slice(keep)) {
    if (nowMs() - usedMs > idleSeconds * 1000) removeCacheEntry({ paths: [path] });
  }
}

/** Removes an entry; a process that uses it now may have to make it again. */
export function removeCacheEntry({ paths }: Pick<CacheEntry, "paths">): void {
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const doomed = temporaryName(path);
    onDisk(`remove ${path}`, () => renameSync(path, doomed));
    if (readStats(doomed)?.isDirectory() === true) removeTree(doomed);
    else rmSync(doomed, { force: true });
  }
}
