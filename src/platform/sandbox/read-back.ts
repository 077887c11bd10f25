// A directory that a program has written to → a tree, or what of a tree has changed, with the contents in the cache. All
// of it is hostile. No process may write to it meanwhile; then no link is ever followed: every directory on the way to
// a name was looked at and is one.

import { createHash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
} from "node:fs";
import { crc32 } from "node:zlib";
import {
  type BytePath,
  type ByteString,
  comparePaths,
  compareStrings,
  decodeByteString,
} from "../../model/bytes.ts";
import type { CacheDirectory } from "../../model/context.ts";
import type { FileEntry, Tree, TreeEntry } from "../../model/tree.ts";
import { temporaryName, toDiskError, writeFully } from "../disk.ts";
import { yieldToEvents } from "../files.ts";
import { adoptTree, readCachedTree } from "../tree-cache.ts";
import { SandboxError } from "./errors.ts";

/** What is on disk and can be no entry of a tree. */
export interface SpecialFile {
  readonly path: BytePath;
  readonly kind: "block device" | "character device" | "fifo" | "socket";
}

export interface ReadTree {
  /** The key of the tree in the cache: the same for the same entries. */
  readonly key: string;
  /** Contents are in the cache. Set-uid and set-gid bits are kept: whoever does not want them has to look. */
  readonly tree: Tree;
  /** Left out of the tree; sorted by path. */
  readonly specialFiles: readonly SpecialFile[];
}

/** What a program did to a directory. */
export interface TreeChanges extends ReadTree {
  /** Entries that are new or differ: to be put over what was there before. */
  readonly tree: Tree;
  /** Paths that are gone, or have another type now, sorted: to be taken away first. */
  readonly removed: readonly BytePath[];
}

/** What changes whenever a name is given to something else, or that is written to, by path. */
export type Snapshot = ReadonlyMap<string, string>;

/** Bytes read at a time. */
const CHUNK = 1 << 20;
/** Bytes that one directory may hold; a sparse file costs nothing to make. */
const MOST_BYTES = 2 ** 36;
/** Entries after which other work gets its turn. */
const TURN = 200;

/** Remembers what is in a directory. Changes count when they come at least some milliseconds later. */
export function takeSnapshot(directory: string): Snapshot {
  return snapshotOf([...walk(directory)]);
}

function snapshotOf(found: readonly Found[]): Snapshot {
  return new Map(found.map(({ path, stats }) => [path, identify(stats)]));
}

/** Adds paths to a snapshot as they are now. */
export function extendSnapshot(before: Snapshot, directory: string, paths: readonly string[]): Snapshot {
  const more = paths.map((path) => {
    const file = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, "latin1")]);
    return [path, identify(onTree(path, () => lstatSync(file, { bigint: true })))] as const;
  });
  return new Map([...before, ...more]);
}

/** The kernel's ctime cannot be set by programs, so that nothing is changed unseen. */
function identify(stats: BigIntStats): string {
  const owner = [stats.mode, stats.uid, stats.gid];
  // A directory does not change when something is put into it.
  if (stats.isDirectory()) return owner.join(":");
  return [...owner, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":");
}

/** Reads a whole directory. @throws {SandboxError} `SANDBOX_BAD_TREE`; {@link DiskError}; the signal's reason. */
export async function readTree(
  directory: string,
  cache: CacheDirectory,
  signal: AbortSignal,
): Promise<ReadTree> {
  return readEntries([...walk(directory)], cache, signal);
}

/** Reads what has changed in a directory, with its snapshot as it is now. @throws As {@link readTree}. */
export async function readChanges(
  directory: string,
  before: Snapshot,
  cache: CacheDirectory,
  signal: AbortSignal,
): Promise<{ readonly changes: TreeChanges; readonly now: Snapshot }> {
  const now = [...walk(directory)];
  const types = new Map(now.map(({ path, stats }) => [path as string, typeBits(stats)]));
  const removed = [...before].flatMap(([path, identity]) => {
    const type = Number.parseInt(identity, 10) & constants.S_IFMT;
    return types.get(path) === type ? [] : [path as BytePath];
  });
  const changed = now.filter(({ path, stats }) => before.get(path) !== identify(stats));
  const read = await readEntries(changed, cache, signal);
  return { changes: { ...read, removed: removed.sort(comparePaths) }, now: snapshotOf(now) };
}

interface Found {
  readonly path: BytePath;
  readonly file: Buffer;
  readonly stats: BigIntStats;
}

function typeBits(stats: BigIntStats): number {
  return Number(stats.mode) & constants.S_IFMT;
}

/** All below a directory, itself left out, parents first. */
function* walk(directory: string, path = ""): Generator<Found> {
  const at = (name: string) => Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, "latin1")]);
  const names = onTree(path, () => readdirSync(at(path), { encoding: "latin1" }));
  for (const name of names.sort(compareStrings)) {
    const child = (path === "" ? name : `${path}/${name}`) as BytePath;
    const file = at(child);
    const stats = onTree(child, () => lstatSync(file, { bigint: true }));
    yield { path: child, file, stats };
    if (stats.isDirectory()) yield* walk(directory, child);
  }
}

async function readEntries(
  found: readonly Found[],
  cache: CacheDirectory,
  signal: AbortSignal,
): Promise<ReadTree> {
  const specialFiles = found.flatMap(({ path, stats }): SpecialFile[] => {
    const kind = specialKind(stats);
    return kind === undefined ? [] : [{ path, kind }];
  });
  const ordinary = found.filter(({ stats }) => specialKind(stats) === undefined);
  using archive = new Archive(cache);
  const entries: TreeEntry[] = [];
  const inodes = new Map<bigint, FileEntry>();
  for (const [index, one] of ordinary.entries()) {
    if (index % TURN === TURN - 1) {
      await yieldToEvents();
      signal.throwIfAborted();
    }
    const entry = readEntry(one, archive, inodes);
    if (entry.type === "file" && one.stats.nlink > 1n && !inodes.has(one.stats.ino))
      inodes.set(one.stats.ino, entry);
    entries.push(entry);
  }
  const sorted = entries.sort((a, b) => comparePaths(a.path, b.path));
  return { ...archive.commit(nameInodes(sorted)), specialFiles };
}

function specialKind(stats: BigIntStats): SpecialFile["kind"] | undefined {
  if (stats.isBlockDevice()) return "block device";
  if (stats.isCharacterDevice()) return "character device";
  if (stats.isFIFO()) return "fifo";
  return stats.isSocket() ? "socket" : undefined;
}

function readEntry(
  { path, file, stats }: Found,
  archive: Archive,
  inodes: ReadonlyMap<bigint, FileEntry>,
): TreeEntry {
  const common = {
    path,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
  };
  if (stats.isDirectory()) return { ...common, type: "directory" };
  if (stats.isSymbolicLink()) {
    const target = onTree(path, () => readlinkSync(file, "latin1")) as ByteString;
    return { ...common, type: "symlink", mode: 0o777, target };
  }
  const same = inodes.get(stats.ino);
  if (same !== undefined) return { ...same, path };
  const inode = stats.nlink > 1n ? String(stats.ino) : undefined;
  return { ...common, type: "file", ...archive.add(path, file), inode };
}

/** Gives files with several names an `inode` that is unique among all trees and the same on every machine. */
function nameInodes(entries: readonly TreeEntry[]): TreeEntry[] {
  const names = new Map<string, BytePath[]>();
  for (const entry of entries) {
    if (entry.type !== "file" || entry.inode === undefined) continue;
    const group = names.get(entry.inode);
    if (group === undefined) names.set(entry.inode, [entry.path]);
    else group.push(entry.path);
  }
  return entries.map((entry) => {
    if (entry.type !== "file") return entry;
    const { inode, ...rest } = entry;
    const group = inode === undefined ? undefined : names.get(inode);
    return group === undefined || group.length === 1
      ? rest
      : { ...rest, inode: `read:${entry.content.sha256}:${group[0]}` };
  });
}

/** The bytes of files, one after the other, in the cache. */
class Archive implements Disposable {
  readonly #cache: CacheDirectory;
  readonly #path: string;
  #fd: number | undefined;
  #size = 0;
  readonly #buffer = Buffer.allocUnsafe(CHUNK);

  constructor(cache: CacheDirectory) {
    this.#cache = cache;
    this.#path = temporaryName(cache.path("trees", "read"));
    this.#fd = onTree(this.#path, () => openSync(this.#path, "wx", 0o600));
  }

  add(path: BytePath, file: Buffer): Pick<FileEntry, "size" | "content"> {
    const offset = this.#size;
    const hash = createHash("sha256");
    let sum = 0;
    onTree(path, () => {
      const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        for (;;) {
          const count = readSync(fd, this.#buffer, 0, CHUNK, null);
          if (count === 0) break;
          const chunk = this.#buffer.subarray(0, count);
          this.#size += count;
          if (this.#size > MOST_BYTES) refuse(path, `there are more than ${MOST_BYTES} bytes with it`);
          hash.update(chunk);
          sum = crc32(chunk, sum);
          writeFully(this.#fd!, chunk);
        }
      } finally {
        closeSync(fd);
      }
    });
    const content = { kind: "range", file: "", offset, crc32: sum, sha256: hash.digest("hex") } as const;
    return { size: this.#size - offset, content };
  }

  commit(entries: readonly TreeEntry[]): Pick<ReadTree, "key" | "tree"> {
    const fd = this.#fd!;
    this.#fd = undefined;
    onTree(this.#path, () => closeSync(fd));
    const key = computeKey(entries);
    const known = readCachedTree(this.#cache, key);
    const archive = { path: this.#path, size: this.#size };
    return { key, tree: (known ?? adoptTree(this.#cache, key, archive, entries)).tree };
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }
}

/** The same for the same entries, whatever else the archive of one of them holds: offsets are part of it. */
function computeKey(entries: readonly TreeEntry[]): string {
  const hash = createHash("sha256").update("read-back 1\n");
  for (const entry of entries) {
    const { type, path, mode, uid, gid } = entry;
    const what =
      entry.type === "file"
        ? [entry.size, entry.content.sha256, entry.content.kind === "range" ? entry.content.offset : -1]
        : entry.type === "symlink"
          ? [entry.target]
          : [];
    hash.update(
      `${JSON.stringify([type, path, mode, uid, gid, entry.type === "file" ? (entry.inode ?? "") : "", ...what])}\n`,
    );
  }
  return hash.digest("hex");
}

function onTree<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENAMETOOLONG") {
      refuse(path, "its path is too long");
    }
    throw toDiskError(error, `read back "${decodeByteString(path)}"`);
  }
}

function refuse(path: string, problem: string): never {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  throw new SandboxError("SANDBOX_BAD_TREE", `Cannot read back "${decodeByteString(shown)}": ${problem}`);
}
