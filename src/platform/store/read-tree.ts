// A store path on disk → its tree: contents are the files themselves, where they lie. What must be read to know it, the
// hash of every file, is computed once and kept by the hash of the NAR; a path whose bytes have another hash is refused.

import type { Hash } from "node:crypto";
import { createHash, hash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { NarNode } from "../../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../../formats/nix/nar-reader.ts";
import { NarWriter } from "../../formats/nix/nar-writer.ts";
import { type BytePath, type ByteString, decodeByteString } from "../../model/bytes.ts";
import type { CacheDirectory } from "../../model/context.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { FileEntry, Tree, TreeEntry } from "../../model/tree.ts";
import { copyToCache } from "../copy-to-cache.ts";
import { entryPath } from "../directory-entries.ts";
import { fileSize } from "../disk.ts";
import { readRecord, writeRecord } from "../records.ts";
import { walkNar } from "../store-files.ts";
import { StoreError } from "./errors.ts";

/** Raised whenever the layout of the record changes. */
const FORMAT = 1;

/** Bytes of the record of a tree of a million files. */
const LARGEST_RECORD = 1 << 28;

type IndexEntry =
  | readonly ["d", path: BytePath]
  | readonly ["l", path: BytePath, target: ByteString]
  | readonly ["f", path: BytePath, executable: 0 | 1, size: number, crc32: number, sha256: string];

interface StoreTreeIndex {
  readonly format: number;
  readonly entries: readonly IndexEntry[];
}

export interface ReadTreeOptions {
  readonly cache: CacheDirectory;
  readonly signal: AbortSignal;
}

/**
 * Reads a store path as a tree, as its NAR has it: owned by root, files 0444 or 0555. A path that is a file or a link is
 * one entry with the empty path.
 *
 * @param place Where it really is: an absolute path.
 * @throws {StoreError} `STORE_HASH_MISMATCH` when the bytes there are not those of `info`; {DiskError}.
 */
export async function readStoreTree(
  place: string,
  info: Pick<PathInfo, "path" | "narHash" | "narSize">,
  { cache, signal }: ReadTreeOptions,
): Promise<Tree> {
  const record = cache.path("trees", `nar-${info.narHash}`);
  let index = readRecord(record, LARGEST_RECORD) as StoreTreeIndex | undefined;
  if (index?.format !== FORMAT) {
    index = { format: FORMAT, entries: await indexTree(place, info, signal) };
    writeRecord(record, index);
  }
  return { entries: index.entries.map((entry) => toTreeEntry(entry, place, cache)) };
}

/** Reads all of a path, and checks that it is what was registered. */
async function indexTree(
  place: string,
  { path, narHash, narSize }: Pick<PathInfo, "path" | "narHash" | "narSize">,
  signal: AbortSignal,
): Promise<IndexEntry[]> {
  const entries: IndexEntry[] = [];
  const whole = createHash("sha256");
  let size = 0;
  const writer = new NarWriter((bytes) => {
    whole.update(bytes);
    size += bytes.length;
  });
  await walkNar(place, new IndexingHandler(writer, entries), { signal });
  const found = whole.digest("hex");
  if (found === narHash && size === narSize) return entries;
  throw new StoreError(
    "STORE_HASH_MISMATCH",
    `Cannot read ${path}: its NAR has the hash sha256:${found} and ${size} bytes, sha256:${narHash} and ${narSize} bytes were expected`,
    {
      hint: "It was changed or damaged: run tare store verify --repair, or nix-store --verify-path, and get it anew",
    },
  );
}

/** Notes what comes by, and hands it on. */
class IndexingHandler implements NarHandler {
  readonly #next: NarHandler;
  readonly #entries: IndexEntry[];
  #node: NarNode | undefined;
  #crc32 = 0;
  #hash: Hash | undefined;
  /** The hash of a content that came in one chunk. */
  #whole: string | undefined;

  constructor(next: NarHandler, entries: IndexEntry[]) {
    this.#next = next;
    this.#entries = entries;
  }

  node(node: NarNode, offset: number): void {
    this.#next.node(node, offset);
    this.#node = node;
    this.#crc32 = 0;
    this.#hash = undefined;
    this.#whole = undefined;
    if (node.type === "directory") this.#entries.push(["d", node.path]);
    else if (node.type === "symlink") this.#entries.push(["l", node.path, node.target]);
  }

  content(chunk: Uint8Array): void {
    this.#next.content(chunk);
    this.#crc32 = crc32(chunk, this.#crc32);
    if (this.#node?.type === "file" && chunk.length === this.#node.size)
      this.#whole = hash("sha256", chunk, "hex");
    else {
      this.#hash ??= createHash("sha256");
      this.#hash.update(chunk);
    }
  }

  nodeEnd(): void {
    this.#next.nodeEnd();
    const node = this.#node;
    this.#node = undefined;
    if (node?.type !== "file") return;
    const sha256 = this.#whole ?? (this.#hash ?? createHash("sha256")).digest("hex");
    this.#entries.push(["f", node.path, node.executable ? 1 : 0, node.size, this.#crc32, sha256]);
  }
}

function toTreeEntry(entry: IndexEntry, place: string, cache: CacheDirectory): TreeEntry {
  const owner = { uid: 0, gid: 0 };
  switch (entry[0]) {
    case "d":
      return { type: "directory", path: entry[1], mode: 0o555, ...owner };
    case "l":
      return { type: "symlink", path: entry[1], mode: 0o777, ...owner, target: entry[2] };
    case "f": {
      const [, path, executable, size, checksum, sha256] = entry;
      const file = contentFile(entryPath(place, path), size, sha256, cache);
      const content = { kind: "range", file, offset: 0, crc32: checksum, sha256 } as const;
      return {
        type: "file",
        path,
        mode: executable ? 0o555 : 0o444,
        ...owner,
        size,
        content,
      } satisfies FileEntry;
    }
  }
}

/** Where the bytes of a file are read: itself, or a copy where no text names it. */
function contentFile(place: Buffer, size: number, sha256: string, cache: CacheDirectory): string {
  const text = decodeByteString(place.toString("latin1"));
  if (Buffer.from(text).equals(place)) return text;
  const copy = cache.path("trees", `file-${sha256}`);
  if (fileSize(copy) !== size) copyToCache(place, copy);
  return copy;
}
