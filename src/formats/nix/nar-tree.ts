// Chunks of a NAR → the tree in it, its hash, its size and the references in it, in one pass. Contents stay where they
// are in the NAR.

import type { Hash } from "node:crypto";
import { createHash, hash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { FileEntry, Tree, TreeEntry } from "../../model/tree.ts";
import type { NarNode } from "./nar-grammar.ts";
import type { NarConsumer, NarHandler, NarLimits } from "./nar-reader.ts";
import { NarReader } from "./nar-reader.ts";
import { ReferenceScanner } from "./references.ts";

export interface NarTreeOptions extends NarLimits {
  /** Absolute path of the file that will hold the uncompressed NAR: where contents say they are. */
  readonly file: string;
  /** Offset of the NAR in that file; default 0. */
  readonly offset?: number;
  /** Hash parts of the store paths that are looked for; default none. */
  readonly hashParts?: Iterable<string>;
}

export interface NarTree {
  /** As in a store: files 0444 or 0555, directories 0555, owned by root. One entry with the empty path may be a file. */
  readonly tree: Tree;
  /** SHA-256 of the NAR, lower-case hex. */
  readonly narHash: string;
  /** Bytes of the NAR. */
  readonly narSize: number;
  /** The hash parts that occur in it, sorted. */
  readonly references: readonly string[];
}

/** Builds a tree while a NAR streams by. */
export class NarTreeBuilder implements NarConsumer {
  readonly #reader: NarReader;
  readonly #collector: TreeCollector;
  readonly #hash = createHash("sha256");
  readonly #scanner: ReferenceScanner;

  constructor(options: NarTreeOptions) {
    this.#collector = new TreeCollector(options.file, options.offset ?? 0);
    this.#reader = new NarReader(this.#collector, options);
    this.#scanner = new ReferenceScanner(options.hashParts ?? []);
  }

  get ended(): boolean {
    return this.#reader.ended;
  }

  /** Reads on, up to the end of the NAR; see {@link NarConsumer}. */
  read(chunk: Uint8Array): number {
    const length = this.#reader.read(chunk);
    if (length > 0) this.#observe(length === chunk.length ? chunk : chunk.subarray(0, length));
    return length;
  }

  /**
   * Reads on; nothing may follow the NAR.
   *
   * @throws {NixFormatError} `NAR_INVALID`
   */
  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
    this.#observe(chunk);
  }

  /** @throws {NixFormatError} `NAR_INVALID` when the NAR is not whole. */
  end(): NarTree {
    this.#reader.end();
    return {
      tree: { entries: this.#collector.entries },
      narHash: this.#hash.digest("hex"),
      narSize: this.#reader.size,
      references: [...this.#scanner.found].sort(),
    };
  }

  #observe(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#scanner.update(chunk);
  }
}

class TreeCollector implements NarHandler {
  readonly entries: TreeEntry[] = [];
  readonly #file: string;
  readonly #start: number;
  #node: NarNode | undefined;
  #offset = 0;
  #crc32 = 0;
  #sha256: Hash | undefined;
  /** The hash of a content that came in one chunk. */
  #whole: string | undefined;

  constructor(file: string, start: number) {
    this.#file = file;
    this.#start = start;
  }

  node(node: NarNode, offset: number): void {
    const owner = { uid: 0, gid: 0 };
    if (node.type === "directory") {
      this.entries.push({ type: "directory", path: node.path, mode: 0o555, ...owner });
    } else if (node.type === "symlink") {
      this.entries.push({ type: "symlink", path: node.path, mode: 0o777, ...owner, target: node.target });
    } else {
      this.#node = node;
      this.#offset = offset;
      this.#crc32 = 0;
      this.#sha256 = undefined;
      this.#whole = node.size === 0 ? EMPTY_SHA256 : undefined;
    }
  }

  content(chunk: Uint8Array): void {
    this.#crc32 = crc32(chunk, this.#crc32);
    // Most files come in one chunk; hashing those at once is twice as fast.
    if (this.#node?.type === "file" && chunk.length === this.#node.size)
      this.#whole = hash("sha256", chunk, "hex");
    else {
      this.#sha256 ??= createHash("sha256");
      this.#sha256.update(chunk);
    }
  }

  nodeEnd(): void {
    const node = this.#node;
    if (node?.type !== "file") return;
    this.#node = undefined;
    this.entries.push({
      type: "file",
      path: node.path,
      mode: node.executable ? 0o555 : 0o444,
      uid: 0,
      gid: 0,
      size: node.size,
      content: {
        kind: "range",
        file: this.#file,
        offset: this.#start + this.#offset,
        crc32: this.#crc32,
        sha256: this.#whole ?? this.#sha256!.digest("hex"),
      },
    });
  }
}

const EMPTY_SHA256 = hash("sha256", "", "hex");

/**
 * Reads a NAR that is in memory.
 *
 * @returns A tree whose contents are views of `bytes`.
 * @throws {NixFormatError} `NAR_INVALID`
 */
export function readNar(bytes: Uint8Array): Tree {
  const collector = new TreeCollector("", 0);
  const reader = new NarReader(collector);
  reader.write(bytes);
  reader.end();
  return {
    entries: collector.entries.map((entry) => (entry.type === "file" ? inMemory(entry, bytes) : entry)),
  };
}

function inMemory(entry: FileEntry, nar: Uint8Array): FileEntry {
  const { content } = entry;
  if (content.kind !== "range") return entry;
  const bytes = nar.subarray(content.offset, content.offset + entry.size);
  return { ...entry, content: { kind: "bytes", bytes, sha256: content.sha256 } };
}
