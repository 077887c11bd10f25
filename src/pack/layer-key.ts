// Layer contents → the key under which the cache holds what they were packed to.

import { createHash } from "node:crypto";
import type { LayerContents } from "../model/layer-plan.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";

/** They change when the same contents would be written as another tar. */
const TAR_FLAVOUR = "tare-layer-1";
const STORE_FLAVOUR = "store-layer-1";

/** Entries encoded at a time. */
const BATCH = 1024;

/**
 * Computes the key of a layer: equal for equal blobs' sake, so of everything that the blob's bytes depend on and of
 * nothing else. Where contents lie on this machine, and what the layer is called, are no part of it.
 *
 * @param codecId The id of the codec that writes the blob.
 * @returns 64 hex digits: SHA-256 of the entries, one record each with NUL-ended fields.
 *
 * Pure.
 */
export function computeLayerKey(contents: LayerContents, codecId: string, mtimeSeconds: number): string {
  const { storePaths, ownerNames } = contents;
  const flavour =
    storePaths === undefined
      ? TAR_FLAVOUR
      : `${STORE_FLAVOUR}\0${storePaths.length}\0${[...storePaths, ...Object.values(ownerNames ?? {})].join("\0")}`;
  const hash = createHash("sha256").update(`${flavour}\0${codecId}\0${mtimeSeconds}\0`, "latin1");
  const linked = linkedInodes(storePaths === undefined ? contents.entries : []);
  for (let i = 0; i < contents.entries.length; i += BATCH) {
    let records = "";
    for (const entry of contents.entries.slice(i, i + BATCH)) records += encodeEntry(entry, linked);
    hash.update(records, "latin1");
  }
  return hash.digest("hex");
}

function encodeEntry(entry: TreeEntry, linked: ReadonlyMap<string, string>): string {
  const { type, path, mode, uid, gid } = entry;
  return `${type}\0${path}\0${mode}\0${uid}\0${gid}\0${encodeRest(entry, linked)}\n`;
}

function encodeRest(entry: TreeEntry, linked: ReadonlyMap<string, string>): string {
  if (entry.type === "directory") return "";
  if (entry.type === "symlink") return `${entry.target}\0`;
  return `${entry.size}\0${entry.content.sha256}\0${linkTarget(entry, linked) ?? ""}\0`;
}

/** Inodes that files of this layer have, each with the path of the first file that has it. */
export function linkedInodes(entries: readonly TreeEntry[]): ReadonlyMap<string, string> {
  const first = new Map<string, string>();
  for (const entry of entries) {
    if (entry.type === "file" && entry.inode !== undefined && !first.has(entry.inode)) {
      first.set(entry.inode, entry.path);
    }
  }
  return first;
}

/** The path of which a file is a hard link in this layer; undefined when its own bytes are to be written. */
export function linkTarget(entry: FileEntry, linked: ReadonlyMap<string, string>): string | undefined {
  if (entry.inode === undefined) return undefined;
  const first = linked.get(entry.inode);
  return first === entry.path ? undefined : first;
}
