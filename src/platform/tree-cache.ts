// Trees in the cache: one uncompressed archive each, with an index beside it that says what lies where.
//
// `trees/<key>.tar` holds the bytes; contents are ranges of it. `trees/<key>.json` is one line of text (name and
// version of the format, CRC-32 and length of the rest), then JSON in Latin-1, since names are byte strings. The index
// is written last: where it is whole and the archive has the size it says, the tree is there. The bytes of files are
// checked by their CRC when they are read (content.ts).

import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { BytePath, ByteString } from "../model/bytes.ts";
import type { CacheDirectory } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { Tree, TreeEntry } from "../model/tree.ts";
import { fileSize, onDisk, temporaryName, writeFileAtomically, writeFully } from "./disk.ts";
import { readSmallFile } from "./files.ts";

/** Raised whenever the layout of the index changes, or what unpacking makes of the same bytes. */
const FORMAT = "tare-tree 1";
/** Bytes; a larger index is taken for damage. */
const LARGEST_INDEX = 1 << 29;

/** JSON; may hold any text. */
export type TreeMetadata = unknown;

export interface CachedTree {
  readonly tree: Tree;
  /** What the source stored beside the tree; it was whole when it was read, but any version may have written it. */
  readonly metadata: TreeMetadata;
}

/** An entry as the index has it; a tuple parses several times faster than an object. */
type IndexEntry =
  | readonly ["d", path: BytePath, mode: number, uid: number, gid: number]
  | readonly ["l", path: BytePath, mode: number, uid: number, gid: number, target: ByteString]
  | readonly [
      "f",
      path: BytePath,
      mode: number,
      uid: number,
      gid: number,
      size: number,
      offset: number,
      crc32: number,
      sha256: string,
      inode?: string,
    ];

interface Index {
  readonly key: string;
  readonly archiveSize: number;
  readonly entries: readonly IndexEntry[];
  readonly metadata: TreeMetadata;
}

function archivePath(cache: CacheDirectory, key: string): string {
  return cache.path("trees", `${key}.tar`);
}

function indexPath(cache: CacheDirectory, key: string): string {
  return cache.path("trees", `${key}.json`);
}

/**
 * Reads a tree from the cache.
 *
 * @param key What was unpacked: the sha256 of the artifact, lower-case hex.
 * @returns Undefined when it is not there, damaged, cut short, or of another version: it must be made again.
 * @throws {DiskError} When the cache cannot be read.
 */
export function readCachedTree(cache: CacheDirectory, key: string): CachedTree | undefined {
  const bytes = readSmallFile(indexPath(cache, key), LARGEST_INDEX);
  if (bytes === undefined || bytes === "too-large") return undefined;
  const index = parseIndex(bytes);
  if (index === undefined || index.key !== key) return undefined;
  const file = archivePath(cache, key);
  if (onDisk(`look at ${file}`, () => fileSize(file)) !== index.archiveSize) return undefined;
  return {
    tree: { entries: index.entries.map((entry) => toTreeEntry(entry, file)) },
    metadata: index.metadata,
  };
}

function parseIndex(bytes: Buffer): Index | undefined {
  const start = bytes.indexOf(0x0a) + 1;
  const body = bytes.subarray(start);
  if (bytes.toString("latin1", 0, start) !== formatHeader(body)) return undefined;
  // What has the right checksum is JSON that this version wrote.
  return JSON.parse(body.toString("latin1")) as Index;
}

function formatIndex(index: Index): Buffer {
  const toEscape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const body = Buffer.from(JSON.stringify(index).replace(/[\u0100-\uffff]/g, toEscape), "latin1");
  return Buffer.concat([Buffer.from(formatHeader(body)), body]);
}

function formatHeader(body: Uint8Array): string {
  return `${FORMAT} ${crc32(body).toString(16).padStart(8, "0")} ${body.length}\n`;
}

function toTreeEntry(entry: IndexEntry, file: string): TreeEntry {
  const [tag, path, mode, uid, gid] = entry;
  if (tag === "d") return { type: "directory", path, mode, uid, gid };
  if (tag === "l") return { type: "symlink", path, mode, uid, gid, target: entry[5] };
  const [, , , , , size, offset, crc32, sha256, inode] = entry;
  const content = { kind: "range", file, offset, crc32, sha256 } as const;
  return inode === undefined
    ? { type: "file", path, mode, uid, gid, size, content }
    : { type: "file", path, mode, uid, gid, size, content, inode };
}

function toIndexEntry(entry: TreeEntry, file: string): IndexEntry {
  const { path, mode, uid, gid } = entry;
  if (entry.type === "directory") return ["d", path, mode, uid, gid];
  if (entry.type === "symlink") return ["l", path, mode, uid, gid, entry.target];
  const { size, content, inode } = entry;
  if (content.kind !== "range" || content.file !== file) {
    throw new InternalError(`the content of ${path} is not in ${file}`);
  }
  const { offset, crc32, sha256 } = content;
  const known = ["f", path, mode, uid, gid, size, offset, crc32, sha256] as const;
  return inode === undefined ? known : [...known, inode];
}

/**
 * Takes an archive that was written before its key was known into the cache.
 *
 * @param archive A file of the folder `trees`, with its size in bytes; it is renamed.
 * @param entries Sorted as trees are; the contents of files are ranges of the archive, whatever `file` they name.
 * @throws {DiskError}
 */
export function adoptTree(
  cache: CacheDirectory,
  key: string,
  archive: { readonly path: string; readonly size: number },
  entries: readonly TreeEntry[],
): CachedTree {
  const file = archivePath(cache, key);
  const adopted = entries.map((entry): TreeEntry => {
    if (entry.type !== "file" || entry.content.kind !== "range") return entry;
    return { ...entry, content: { ...entry.content, file } };
  });
  const index = formatIndex({
    key,
    archiveSize: archive.size,
    entries: adopted.map((entry) => toIndexEntry(entry, file)),
    metadata: null,
  });
  onDisk(`write ${file}`, () => renameSync(archive.path, file));
  writeFileAtomically(indexPath(cache, key), index);
  return { tree: { entries: adopted }, metadata: null };
}

/**
 * Writes one tree into the cache: the bytes as they come, then the index. Dispose of it in any case; without
 * {@link commit} nothing is left. Several writers of one key do not disturb each other.
 */
export class TreeCacheWriter implements Disposable {
  /** Absolute path that the archive will have: the `file` of the contents. */
  readonly file: string;
  readonly #key: string;
  readonly #index: string;
  readonly #temporary: string;
  #fd: number | undefined;
  #size = 0;

  /** @throws {DiskError} */
  constructor(cache: CacheDirectory, key: string) {
    this.file = archivePath(cache, key);
    this.#key = key;
    this.#index = indexPath(cache, key);
    this.#temporary = temporaryName(this.file);
    this.#fd = onDisk(`write ${this.file}`, () => openSync(this.#temporary, "wx"));
  }

  /** Appends bytes to the archive. */
  write(chunk: Uint8Array): void {
    onDisk(`write ${this.file}`, () => writeFully(this.#fd!, chunk));
    this.#size += chunk.length;
  }

  /**
   * Gives archive and index their names.
   *
   * @param entries Sorted as trees are; the contents of files are ranges of {@link file}.
   * @param metadata What {@link readCachedTree} shall give back; JSON.
   * @throws {DiskError}
   */
  commit(entries: readonly TreeEntry[], metadata: TreeMetadata): CachedTree {
    const index = formatIndex({
      key: this.#key,
      archiveSize: this.#size,
      entries: entries.map((entry) => toIndexEntry(entry, this.file)),
      metadata,
    });
    this.#close();
    onDisk(`write ${this.file}`, () => renameSync(this.#temporary, this.file));
    writeFileAtomically(this.#index, index);
    return { tree: { entries }, metadata };
  }

  #close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    onDisk(`write ${this.file}`, () => closeSync(fd));
  }

  [Symbol.dispose](): void {
    try {
      this.#close();
    } finally {
      rmSync(this.#temporary, { force: true });
    }
  }
}
