// Trees from a short description: `{ "etc/": {}, "etc/motd": "hello", "bin/su": { text: "…", mode: 0o4755 } }`.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { BytePath } from "../../src/model/bytes.ts";
import { encodeByteString } from "../../src/model/bytes.ts";
import type { FileEntry, Tree, TreeEntry } from "../../src/model/tree.ts";
import { createTree } from "../../src/model/tree.ts";

export interface EntryDescription {
  /** Content of a file. */
  readonly text?: string | Uint8Array;
  /** What a symbolic link says; the entry is one when this is given. */
  readonly target?: string;
  /** Default 0755 for directories, 0777 for links, 0644 for files. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Files with the same inode are hard links of each other. */
  readonly inode?: string;
}

/** By path; one that ends in `/` is a directory, `/` alone the root. A string is the content of a file. */
export type TreeDescription = Readonly<Record<string, string | Uint8Array | EntryDescription>>;

/** Makes a tree whose contents are in memory. */
export function makeTree(description: TreeDescription): Tree {
  return createTree(Object.entries(description).map(([path, value]) => makeEntry(path, value)));
}

function makeEntry(name: string, value: string | Uint8Array | EntryDescription): TreeEntry {
  const described: EntryDescription =
    typeof value === "string" || value instanceof Uint8Array ? { text: value } : value;
  const { uid = 0, gid = 0 } = described;
  const path = encodeByteString(name.replace(/\/$/, "")) as string as BytePath;
  if (name.endsWith("/")) return { path, type: "directory", mode: described.mode ?? 0o755, uid, gid };
  if (described.target !== undefined) {
    return {
      path,
      type: "symlink",
      mode: described.mode ?? 0o777,
      uid,
      gid,
      target: encodeByteString(described.target),
    };
  }
  const bytes = Buffer.from(described.text ?? "");
  const content = { kind: "bytes", bytes, sha256: createHash("sha256").update(bytes).digest("hex") } as const;
  return {
    path,
    type: "file",
    mode: described.mode ?? 0o644,
    uid,
    gid,
    size: bytes.length,
    content,
    ...(described.inode === undefined ? {} : { inode: described.inode }),
  };
}

/** The same tree with its contents as ranges of one file, as trees of the cache have them. */
export function storeTree(tree: Tree, file: string): Tree {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  const entries = tree.entries.map((entry): TreeEntry => {
    if (entry.type !== "file" || entry.content.kind !== "bytes") return entry;
    const { bytes, sha256 } = entry.content;
    const stored: FileEntry = {
      ...entry,
      content: { kind: "range", file, offset, crc32: crc32(bytes), sha256 },
    };
    chunks.push(bytes);
    offset += bytes.length;
    return stored;
  });
  writeFileSync(file, Buffer.concat(chunks));
  return { entries };
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer).subarray(0, length);
}
