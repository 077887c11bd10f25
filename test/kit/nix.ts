// The vectors of test/fixtures/nix: what real Nix made of known inputs.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { NixFormatErrorCode } from "../../src/formats/nix/errors.ts";
import { NixFormatError } from "../../src/formats/nix/errors.ts";
import { writeNar } from "../../src/formats/nix/nar-writer.ts";
import type { BytePath, ByteString } from "../../src/model/bytes.ts";
import { joinPath } from "../../src/model/bytes.ts";
import type { FileEntry, Tree, TreeEntry } from "../../src/model/tree.ts";
import { createTree } from "../../src/model/tree.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/nix");

/** Reads a file of the vectors, uncompressed. */
export function readVector(name: string): Buffer {
  const bytes = readFileSync(join(FIXTURES, name));
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** Reads a JSON file of the vectors; the caller says what is in it. */
export function loadVectors<Vectors>(name: string): Vectors {
  return JSON.parse(readVector(name).toString("utf8")) as Vectors;
}

export type VectorBytes =
  | { readonly utf8: string }
  | { readonly base64: string }
  | { readonly repeat: string; readonly count: number };

export function vectorBytes(value: VectorBytes): Buffer {
  if ("utf8" in value) return Buffer.from(value.utf8, "utf8");
  if ("base64" in value) return Buffer.from(value.base64, "base64");
  return Buffer.from(value.repeat.repeat(value.count), "utf8");
}

export type VectorNode =
  | { readonly type: "regular"; readonly executable: boolean; readonly contents: VectorBytes }
  | { readonly type: "symlink"; readonly target: VectorBytes }
  | {
      readonly type: "directory";
      readonly entries: readonly { readonly name: VectorBytes; readonly node: VectorNode }[];
    };

const latin1 = (value: VectorBytes): ByteString => vectorBytes(value).toString("latin1") as ByteString;

/** The tree of a vector. */
export function vectorTree(node: VectorNode): Tree {
  return createTree(entriesOf(node, "" as BytePath));
}

function entriesOf(node: VectorNode, path: BytePath): TreeEntry[] {
  const owner = { path, uid: 0, gid: 0 };
  switch (node.type) {
    case "regular":
      return [fileEntry(path, vectorBytes(node.contents), node.executable)];
    case "symlink":
      return [{ type: "symlink", mode: 0o777, ...owner, target: latin1(node.target) }];
    case "directory":
      return [
        { type: "directory", mode: 0o555, ...owner },
        ...node.entries.flatMap((entry) => entriesOf(entry.node, joinPath(path, latin1(entry.name)))),
      ];
  }
}

/** A file in memory, as in a store. */
export function fileEntry(path: BytePath, bytes: Uint8Array, executable = false): FileEntry {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const mode = executable ? 0o555 : 0o444;
  return {
    type: "file",
    path,
    mode,
    uid: 0,
    gid: 0,
    size: bytes.length,
    content: { kind: "bytes", bytes, sha256 },
  };
}

/** The bytes of a file that is in memory. */
export function bytesOf(entry: FileEntry): Uint8Array {
  if (entry.content.kind !== "bytes") throw new Error(`${entry.path} is not in memory`);
  return entry.content.bytes;
}

/** The NAR of a tree that is in memory. */
export function narOf(tree: Tree): Buffer {
  const chunks: Uint8Array[] = [];
  writeNar(
    tree,
    (entry) => [bytesOf(entry)],
    (chunk) => chunks.push(chunk),
  );
  return Buffer.concat(chunks);
}

/** For assert.throws: an error of that code whose message matches, told as all errors are. */
export function nixError(code: NixFormatErrorCode, message: RegExp): (error: unknown) => true {
  return (error) => {
    if (!(error instanceof NixFormatError)) throw error;
    if (error.code !== code || !message.test(error.message) || !/^Cannot \w.*[^.]$/s.test(error.message)) {
      throw new Error(`${code} ${message} was wanted, ${error.code} ${JSON.stringify(error.message)} came`, {
        cause: error,
      });
    }
    return true;
  };
}

/** Cuts bytes at the given places, modulo their length. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i]!, end));
}
