// What is in a directory of this machine, by byte names: for sources that are chosen and copied.

import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type BytePath, type ByteString, compareStrings, joinPath, ROOT_PATH } from "../model/bytes.ts";
import { onDisk } from "./disk.ts";

export interface DirectoryItem {
  /** One component, latin1. */
  readonly name: ByteString;
  /** Relative to the directory that was asked for first. */
  readonly path: BytePath;
  /** `other` is a device, a fifo or a socket. */
  readonly type: "file" | "directory" | "symlink" | "other";
}

/** The path of an entry below a directory, as system calls take it. */
export function entryPath(root: string, path: string): Buffer {
  return path === ""
    ? Buffer.from(root)
    : Buffer.concat([Buffer.from(root.endsWith("/") ? root : `${root}/`), Buffer.from(path, "latin1")]);
}

/**
 * Lists one directory of a tree, sorted by bytes.
 *
 * @param root Absolute path of the tree.
 * @param path The directory, relative to `root`; empty is `root` itself.
 * @throws {DiskError}
 */
export function listEntries(root: string, path: BytePath): DirectoryItem[] {
  const entries = onDisk(`read the directory ${join(root, path)}`, () =>
    readdirSync(entryPath(root, path), { encoding: "buffer", withFileTypes: true }),
  );
  return entries
    .map((entry) => {
      const name = Buffer.from(entry.name).toString("latin1") as ByteString;
      const type = entry.isFile()
        ? "file"
        : entry.isDirectory()
          ? "directory"
          : entry.isSymbolicLink()
            ? "symlink"
            : "other";
      return { name, path: joinPath(path, name), type } as const;
    })
    .sort((a, b) => compareStrings(a.name, b.name));
}

/** What a symbolic link of a tree says. @throws {DiskError} */
export function readLinkTarget(root: string, path: BytePath): ByteString {
  return onDisk(`read the link ${join(root, path)}`, () =>
    readlinkSync(entryPath(root, path), { encoding: "latin1" }),
  ) as ByteString;
}

/** A directory that is read when its entries are asked for. */
export interface StoreDirectory {
  entries(): readonly { readonly name: ByteString; readonly directory: StoreDirectory | undefined }[];
}

/** The tree at a path; undefined when no directory is there. Links are not followed. */
export function listTree(root: string): StoreDirectory | undefined {
  if (lstatSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const list = (below: BytePath): StoreDirectory => ({
    entries: () =>
      listEntries(root, below).map(({ name, path, type }) => ({
        name,
        directory: type === "directory" ? list(path) : undefined,
      })),
  });
  return list(ROOT_PATH);
}
