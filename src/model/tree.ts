// The tree: the one view of bytes. A .deb's data, an npm tarball, a wheel, a NAR and a directory are all trees.

import type { BytePath, ByteString } from "./bytes.ts";
import { comparePaths } from "./bytes.ts";

/** Where the bytes of a file are. Two contents with the same `sha256` are the same bytes. */
export type Content =
  | {
      /** A range of a file in the cache, beside which an index says what lies where. */
      readonly kind: "range";
      /** Absolute path of the archive on this machine; never part of a key or an output. */
      readonly file: string;
      /** Offset of the first byte. */
      readonly offset: number;
      /** CRC-32 of the bytes, checked whenever they are read: damage is found before it is packed. */
      readonly crc32: number;
      /** Lower-case hex. */
      readonly sha256: string;
    }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly sha256: string };

interface EntryCommon {
  /** Component-wise unique in its tree. The root directory is the empty path. */
  readonly path: BytePath;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface DirectoryEntry extends EntryCommon {
  readonly type: "directory";
}

export interface FileEntry extends EntryCommon {
  readonly type: "file";
  /** Bytes. */
  readonly size: number;
  readonly content: Content;
  /**
   * Files with the same `inode` are hard links of each other. The text is unique among all trees
   * (for a package: its archive's sha256 and the first path); absent for a file with one name.
   */
  readonly inode?: string | undefined;
}

export interface SymlinkEntry extends EntryCommon {
  readonly type: "symlink";
  /** The bytes of the link, as they are; not resolved. */
  readonly target: ByteString;
}

/** One name in a tree. Devices, fifos and sockets never become entries: sources refuse them. */
export type TreeEntry = DirectoryEntry | FileEntry | SymlinkEntry;

/**
 * An immutable, ordered sequence of entries.
 *
 * Laws: sorted by {@link comparePaths}; paths are unique; the parent of every entry that is present is a directory
 * (parents may be absent: they are then 0755, owned by root).
 */
export interface Tree {
  readonly entries: readonly TreeEntry[];
}

/** Makes a tree of entries in any order; a path given twice keeps its last entry. */
export function createTree(entries: Iterable<TreeEntry>): Tree {
  const byPath = new Map<BytePath, TreeEntry>();
  for (const entry of entries) byPath.set(entry.path, entry);
  return { entries: [...byPath.values()].sort((a, b) => comparePaths(a.path, b.path)) };
}

/** The sum of the file sizes of a tree, each hard-linked content counted once. */
export function computeTreeSize(tree: Tree): number {
  let size = 0;
  const inodes = new Set<string>();
  for (const entry of tree.entries) {
    if (entry.type !== "file") continue;
    if (entry.inode !== undefined) {
      if (inodes.has(entry.inode)) continue;
      inodes.add(entry.inode);
    }
    size += entry.size;
  }
  return size;
}
