// The merged root file system while fixes work on it: lookups as a running system would do them, and changes, each
// of which keeps the unit that an entry belongs to. What the closure left out stays readable, but is not in the image.

import { createHash } from "node:crypto";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { baseName, comparePaths, joinPath, parentPath, ROOT_PATH } from "../model/bytes.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { DirectoryEntry, FileEntry, TreeEntry } from "../model/tree.ts";
import { walkPath } from "../model/walk-path.ts";

/** An entry and the unit that brings it. */
export interface PlacedEntry {
  readonly entry: TreeEntry;
  readonly unit: string;
}

export interface Attributes {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export class Root {
  readonly #entries: Map<BytePath, PlacedEntry>;
  /** Files of the packages that the closure left out; scripts find them, the image does not have them. */
  readonly #absent: Map<BytePath, PlacedEntry>;
  readonly #children = new Map<BytePath, Set<string>>();
  readonly #inodes = new Map<string, Set<BytePath>>();
  /** Files that a script wrote with content that cannot be known. */
  readonly #opaque = new Set<BytePath>();
  readonly #read: (entry: FileEntry) => Uint8Array;

  /**
   * @param entries What is in the image: parents included.
   * @param absent What the packages ship beside it.
   * @param read Reads the bytes of a file.
   */
  constructor(
    entries: Map<BytePath, PlacedEntry>,
    absent: Map<BytePath, PlacedEntry>,
    read: (entry: FileEntry) => Uint8Array,
  ) {
    this.#entries = entries;
    this.#absent = absent;
    this.#read = read;
    for (const path of absent.keys()) this.#addChild(path);
    for (const [path, { entry }] of entries) {
      this.#addChild(path);
      this.#indexInode(entry);
    }
  }

  /** All that is in the image, sorted by path. */
  list(): PlacedEntry[] {
    return [...this.#entries.values()].sort((a, b) => comparePaths(a.entry.path, b.entry.path));
  }

  /** What its packages ship beside the image. */
  listAbsent(): PlacedEntry[] {
    return [...this.#absent].filter(([path]) => !this.#entries.has(path)).map(([, placed]) => placed);
  }

  /** What the image has at a canonical path. */
  get(path: BytePath): TreeEntry | undefined {
    return this.#entries.get(path)?.entry;
  }

  /** The unit that brings the entry of a canonical path. */
  unitOf(path: BytePath): string | undefined {
    return (this.#entries.get(path) ?? this.#absent.get(path))?.unit;
  }

  /** What is at a canonical path, in the image or only in a package. */
  peek(path: BytePath): TreeEntry | undefined {
    return (this.#entries.get(path) ?? this.#absent.get(path))?.entry;
  }

  /** Whether a file was written whose content cannot be known. */
  isOpaque(path: BytePath): boolean {
    return this.#opaque.has(path);
  }

  /** The names in a directory (canonical path), sorted, with those of left-out files. */
  names(directory: BytePath): string[] {
    return [...(this.#children.get(directory) ?? [])].sort();
  }

  /** The entries of the image below a directory, itself left out, sorted. */
  below(directory: BytePath): TreeEntry[] {
    const found: TreeEntry[] = [];
    const visit = (path: BytePath) => {
      for (const name of this.names(path)) {
        const child = joinPath(path, name);
        const entry = this.get(child);
        if (entry !== undefined) found.push(entry);
        visit(child);
      }
    };
    visit(directory);
    return found.sort((a, b) => comparePaths(a.path, b.path));
  }

  /** Paths below a directory with those of left-out files, sorted; links are not followed. */
  pathsBelow(directory: BytePath): BytePath[] {
    return this.names(directory)
      .map((name) => joinPath(directory, name))
      .flatMap((path) => [path, ...this.pathsBelow(path)]);
  }

  /**
   * The canonical path of a path: every link on the way is followed, and the last one if `follow` says so.
   * What does not exist is taken as written.
   *
   * @param path Absolute, or relative to the root; `..` stops at the root.
   * @returns Undefined when links lead round in a circle.
   */
  resolve(path: string, follow: boolean): BytePath | undefined {
    const walk = walkPath(path, (at) => this.peek(at), { followLast: follow, throughMissing: true });
    return walk.kind === "arrived" ? walk.path : undefined;
  }

  /** The entry at a path after following links, in the image or only in a package. */
  find(path: string): TreeEntry | undefined {
    const resolved = this.resolve(path, true);
    return resolved === undefined ? undefined : this.peek(resolved);
  }

  /** Whether a path leads to something that is in the image. */
  has(path: string): boolean {
    const resolved = this.resolve(path, true);
    return resolved !== undefined && (resolved === ROOT_PATH || this.get(resolved) !== undefined);
  }

  /**
   * Whether a path belongs to a part of /usr that the closure left out, such as manual pages: what scripts would put
   * there is of no use. Configuration and state are never left out.
   */
  isLeftOut(path: BytePath): boolean {
    if (!path.startsWith("usr/") || path.startsWith("usr/local/")) return false;
    for (let at = path; at !== ROOT_PATH; at = parentPath(at)) {
      if (this.#entries.has(at)) return false;
      if (this.#absent.has(at)) return true;
    }
    return false;
  }

  /** The bytes of a file of the image or of a package. */
  readFile(entry: FileEntry): Uint8Array {
    return this.#read(entry);
  }

  /** The text (latin1) of a file that a path leads to: undefined when there is none, null when it is not known. */
  readText(path: string): string | null | undefined {
    const resolved = this.resolve(path, true);
    if (resolved === undefined) return undefined;
    if (this.#opaque.has(resolved)) return null;
    const entry = this.peek(resolved);
    return entry?.type === "file" ? Buffer.from(this.#read(entry)).toString("latin1") : undefined;
  }

  /** Puts an entry at its path, in place of what is there. Parents are made (0755, root's) where they are missing. */
  put(entry: TreeEntry, unit: string = ROOTFS_UNIT_ID): void {
    this.makeParents(entry.path);
    this.#forget(entry.path);
    this.#entries.set(entry.path, { entry, unit });
    this.#addChild(entry.path);
    this.#indexInode(entry);
  }

  /** Makes the directories that hold a canonical path. */
  makeParents(path: BytePath): void {
    if (path === ROOT_PATH) return;
    const parent = parentPath(path);
    if (this.#entries.has(parent)) return;
    this.put(
      this.#absentDirectory(parent) ?? { path: parent, type: "directory", mode: 0o755, uid: 0, gid: 0 },
    );
  }

  /** A directory that a package ships and the closure left out comes back as the package has it. */
  #absentDirectory(path: BytePath): DirectoryEntry | undefined {
    const entry = this.#absent.get(path)?.entry;
    return entry?.type === "directory" ? entry : undefined;
  }

  /**
   * Makes a directory when there is none.
   *
   * @returns True when it was made.
   */
  makeDirectory(path: BytePath, attributes: Attributes = {}): boolean {
    if (this.#entries.has(path)) return false;
    const { mode = 0o755, uid = 0, gid = 0 } = { ...this.#absentDirectory(path), ...defined(attributes) };
    this.put({ path, type: "directory", mode, uid, gid });
    return true;
  }

  /** Writes a file; one that is there keeps its owner and mode unless they are given. */
  writeFile(path: BytePath, content: Uint8Array | string, attributes: Attributes = {}): void {
    const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const before = this.peek(path);
    const kept = before?.type === "file" ? before : undefined;
    this.put({
      path,
      type: "file",
      mode: attributes.mode ?? kept?.mode ?? 0o644,
      uid: attributes.uid ?? kept?.uid ?? 0,
      gid: attributes.gid ?? kept?.gid ?? 0,
      size: bytes.length,
      content: { kind: "bytes", bytes, sha256 },
    });
  }

  /**
   * Records that a script gave a file content that is not known: the file exists for scripts, and the image cannot
   * have it. A file that a package brings stays as it is.
   *
   * @returns False when a file stays as it is.
   */
  writeOpaque(path: BytePath): boolean {
    const before = this.#entries.get(path);
    if (before !== undefined && before.unit !== ROOTFS_UNIT_ID) return false;
    if (before === undefined) this.writeFile(path, "");
    this.#opaque.add(path);
    return true;
  }

  /** Puts a copy of a file under another path; the bytes are shared. */
  copyFile(source: FileEntry, path: BytePath, attributes: Attributes = {}): void {
    const { inode: _, ...rest } = source;
    this.put({ ...rest, uid: 0, gid: 0, ...defined(attributes), path });
    if (this.#opaque.has(source.path)) this.#opaque.add(path);
  }

  makeLink(path: BytePath, target: string): void {
    this.put({ path, type: "symlink", mode: 0o777, uid: 0, gid: 0, target: target as ByteString });
  }

  /** Sets owner, group or mode of an entry of the image, and of all its hard links; false when there is none. */
  setAttributes(path: BytePath, attributes: Attributes): boolean {
    const entry = this.get(path);
    if (entry === undefined) return false;
    const inode = entry.type === "file" ? entry.inode : undefined;
    const names = inode === undefined ? [path] : this.#inodes.get(inode)!;
    for (const name of names) {
      const placed = this.#entries.get(name)!;
      const { mode, ...owner } = defined(attributes);
      // A link has no mode of its own.
      const change = placed.entry.type === "symlink" || mode === undefined ? owner : { ...owner, mode };
      this.#entries.set(name, { ...placed, entry: { ...placed.entry, ...change } });
    }
    return true;
  }

  /** Removes an entry and all below it, for scripts as well. */
  remove(path: BytePath): void {
    for (const name of [...this.names(path)]) this.remove(joinPath(path, name));
    this.#forget(path);
    this.#absent.delete(path);
    this.#children.get(parentPath(path))?.delete(baseName(path));
  }

  /** Gives an entry, with all below it, another path. */
  rename(from: BytePath, to: BytePath): void {
    const placed = this.#entries.get(from);
    if (placed === undefined) return;
    const below = this.names(from);
    const opaque = this.#opaque.has(from);
    this.#forget(from);
    this.put({ ...placed.entry, path: to }, placed.unit);
    if (opaque) this.#opaque.add(to);
    for (const name of below) this.rename(joinPath(from, name), joinPath(to, name));
    this.remove(from);
  }

  #forget(path: BytePath): void {
    const before = this.#entries.get(path)?.entry;
    if (before?.type === "file" && before.inode !== undefined) this.#inodes.get(before.inode)?.delete(path);
    this.#entries.delete(path);
    this.#opaque.delete(path);
  }

  #addChild(path: BytePath): void {
    for (let child = path; child !== ROOT_PATH; child = parentPath(child)) {
      const parent = parentPath(child);
      let names = this.#children.get(parent);
      if (names === undefined) {
        names = new Set();
        this.#children.set(parent, names);
      }
      if (names.has(baseName(child))) return;
      names.add(baseName(child));
    }
  }

  #indexInode(entry: TreeEntry): void {
    if (entry.type !== "file" || entry.inode === undefined) return;
    const names = this.#inodes.get(entry.inode) ?? new Set();
    names.add(entry.path);
    this.#inodes.set(entry.inode, names);
  }
}

function defined(attributes: Attributes): { mode?: number; uid?: number; gid?: number } {
  return {
    ...(attributes.mode === undefined ? {} : { mode: attributes.mode }),
    ...(attributes.uid === undefined ? {} : { uid: attributes.uid }),
    ...(attributes.gid === undefined ? {} : { gid: attributes.gid }),
  };
}
