// A file, link or directory of this machine → what it holds, each file by the SHA-256 of its bytes.

import { createHash, type Hash } from "node:crypto";
import { closeSync, constants, openSync, readSync } from "node:fs";
import type { NarNode } from "../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../formats/nix/nar-reader.ts";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { entryPath } from "./directory-entries.ts";
import { onDisk } from "./disk.ts";
import { type WalkOptions, walkNar } from "./store-files.ts";

/** Paths are below the root; its own is empty. */
export type IndexedEntry =
  | { readonly type: "directory"; readonly path: BytePath }
  | { readonly type: "symlink"; readonly path: BytePath; readonly target: ByteString }
  | {
      readonly type: "file";
      readonly path: BytePath;
      readonly executable: boolean;
      /** Bytes. */
      readonly size: number;
      /** Lower-case hex. */
      readonly sha256: string;
    };

/**
 * Reads a source as it is now.
 *
 * @returns Parents before what they hold.
 * @throws {StoreFileError} `STORE_FILE_UNSUPPORTED` or `STORE_FILE_CHANGED`; {DiskError}.
 */
export async function indexSource(root: string, options: WalkOptions): Promise<readonly IndexedEntry[]> {
  const indexer = new Indexer();
  await walkNar(root, indexer, options);
  return indexer.entries;
}

class Indexer implements NarHandler {
  readonly entries: IndexedEntry[] = [];
  #file: { readonly node: NarNode & { readonly type: "file" }; readonly hash: Hash } | undefined;

  node(node: NarNode): void {
    if (node.type === "file") this.#file = { node, hash: createHash("sha256") };
    else if (node.type === "symlink") this.entries.push({ ...node });
    else this.entries.push({ type: "directory", path: node.path });
  }

  content(chunk: Uint8Array): void {
    this.#file!.hash.update(chunk);
  }

  nodeEnd(): void {
    if (this.#file === undefined) return;
    const { node, hash } = this.#file;
    this.#file = undefined;
    const { path, executable, size } = node;
    this.entries.push({ type: "file", path, executable, size, sha256: hash.digest("hex") });
  }
}

/**
 * Reads a file of a source.
 *
 * @param size Bytes that it had when it was listed: of a file that has grown since, no more than these and one.
 * @throws {DiskError}
 */
export function readSourceFile(root: string, path: BytePath, size: number): Buffer {
  const place = entryPath(root, path);
  return onDisk(`read ${place}`, () => {
    const fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const buffer = Buffer.allocUnsafe(size + 1);
      let length = 0;
      for (let count = 1; count > 0 && length < buffer.length; length += count)
        count = readSync(fd, buffer, length, buffer.length - length, length);
      return buffer.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  });
}
