// A root file system to look at: paths → entries, paths followed as a container would follow them, bytes at any
// position. It is made from a root file system that Tare composed, or from any entries; see image-root.ts for images.

import type { BytePath } from "../model/bytes.ts";
import { comparePaths, parentPath, ROOT_PATH, resolveLinkTarget } from "../model/bytes.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import type { DirectoryEntry, FileEntry, SymlinkEntry, TreeEntry } from "../model/tree.ts";
import { walkPath } from "../model/walk-path.ts";
import { ContentReader } from "../platform/content.ts";

/** A regular file; its bytes are in the view. */
export type RootFile = Omit<FileEntry, "content" | "inode">;

/** A device, fifo or socket of another tool's image. */
export interface SpecialEntry extends Omit<DirectoryEntry, "type"> {
  readonly type: "special";
}

export type RootEntry = DirectoryEntry | RootFile | SymlinkEntry | SpecialEntry;

/** Where the bytes of a view's files are. */
export interface RootContents extends Disposable {
  /** Fills `target` with the bytes of a file from `position` on, which the file has. */
  readInto(file: RootFile, position: number, target: Uint8Array): void;
  /** Orders files by where their bytes lie: in this order all are read fastest. */
  compare(a: RootFile, b: RootFile): number;
}

/** Where a path leads. */
export type Lookup =
  | { readonly kind: "found"; readonly path: BytePath; readonly entry: RootEntry }
  /** The canonical path of the first thing that is not there, and what the whole path would then mean. */
  | { readonly kind: "missing"; readonly path: BytePath; readonly wanted: BytePath }
  /** Links lead round in a circle. */
  | { readonly kind: "circular" };

/** Dispose of it when done. */
export class RootView implements Disposable {
  /** Sorted by path, every parent included; the root directory is among them. */
  readonly entries: ReadonlyMap<BytePath, RootEntry>;
  /** Files that were read as a whole for what they say. */
  readonly contentsRead = new Set<BytePath>();
  readonly #contents: RootContents;
  readonly #lookups = new Map<string, Lookup>();
  #names: Map<BytePath, string[]> | undefined;

  constructor(entries: Iterable<RootEntry>, contents: RootContents) {
    const byPath = new Map<BytePath, RootEntry>();
    for (const entry of entries) byPath.set(entry.path, entry);
    for (const path of [...byPath.keys(), ROOT_PATH]) addParents(byPath, path);
    this.entries = new Map([...byPath].sort(([a], [b]) => comparePaths(a, b)));
    this.#contents = contents;
  }

  /**
   * Follows a path: every link on the way, the last one too.
   *
   * @param path Absolute, or relative to the root; `..` stops at the root.
   */
  lookup(path: string): Lookup {
    let result = this.#lookups.get(path);
    if (result === undefined) {
      result = this.#follow(path);
      this.#lookups.set(path, result);
    }
    return result;
  }

  #follow(path: string): Lookup {
    const walk = walkPath(path, (at) => this.entries.get(at), { followLast: true, throughMissing: false });
    if (walk.kind === "circular") return walk;
    if (walk.kind === "arrived")
      return { kind: "found", path: walk.path, entry: this.entries.get(walk.path)! };
    const wanted = resolveLinkTarget(ROOT_PATH, `/${walk.path}/${walk.rest.join("/")}`);
    return { kind: "missing", path: walk.path, wanted };
  }

  /** The regular file that a path leads to. */
  findFile(path: string): RootFile | undefined {
    const found = this.lookup(path);
    return found.kind === "found" && found.entry.type === "file" ? found.entry : undefined;
  }

  /** The canonical path of the directory that a path leads to. */
  findDirectory(path: string): BytePath | undefined {
    const found = this.lookup(path);
    return found.kind === "found" && found.entry.type === "directory" ? found.path : undefined;
  }

  /** The names in a directory, given by its canonical path; sorted. */
  names(directory: BytePath): readonly string[] {
    if (this.#names === undefined) {
      this.#names = new Map();
      for (const path of this.entries.keys()) {
        if (path === ROOT_PATH) continue;
        const parent = parentPath(path);
        const name = path.slice(parent === ROOT_PATH ? 0 : parent.length + 1);
        const names = this.#names.get(parent);
        if (names === undefined) this.#names.set(parent, [name]);
        else names.push(name);
      }
    }
    return this.#names.get(directory) ?? [];
  }

  /** All regular files, in the order in which their bytes lie on the disk. */
  filesByStorage(): RootFile[] {
    return [...this.entries.values()]
      .filter((entry): entry is RootFile => entry.type === "file")
      .sort((a, b) => this.#contents.compare(a, b));
  }

  /** Fills `target` with the bytes of a file from `position` on; the file must have them. */
  readInto(file: RootFile, position: number, target: Uint8Array): void {
    this.#contents.readInto(file, position, target);
  }

  /** The bytes of a small file; undefined when there is no regular file, or it has more than `maxSize` bytes. */
  readSmall(path: string, maxSize: number): Buffer | undefined {
    const file = this.findFile(path);
    if (file === undefined || file.size > maxSize) return undefined;
    this.contentsRead.add(file.path);
    const bytes = Buffer.alloc(file.size);
    this.readInto(file, 0, bytes);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#contents[Symbol.dispose]();
  }
}

/** What trees do not name: directories of root's, mode 0755. */
function addParents(entries: Map<BytePath, RootEntry>, path: BytePath): void {
  if (!entries.has(path)) entries.set(path, { path, type: "directory", mode: 0o755, uid: 0, gid: 0 });
  for (let at = path; at !== ROOT_PATH; ) {
    at = parentPath(at);
    if (entries.has(at)) return;
    entries.set(at, { path: at, type: "directory", mode: 0o755, uid: 0, gid: 0 });
  }
}

/** Looks at a root file system that Tare composed; the bytes of its files stay where they are. */
export function viewRootFileSystem({ merged }: Pick<RootFileSystem, "merged">): RootView {
  return viewEntries(merged.values());
}

/** Looks at the entries of a tree. */
export function viewEntries(entries: Iterable<TreeEntry>): RootView {
  return new RootView(entries, new TreeContents());
}

/** Contents of tree entries: the view's files are those entries themselves. */
class TreeContents implements RootContents {
  readonly #reader = new ContentReader();

  readInto(file: RootFile, position: number, target: Uint8Array): void {
    this.#reader.readInto(file as FileEntry, position, target);
  }

  compare(a: RootFile, b: RootFile): number {
    const [x, y] = [(a as FileEntry).content, (b as FileEntry).content];
    if (x.kind === "bytes" || y.kind === "bytes") return x.kind === y.kind ? 0 : x.kind === "bytes" ? -1 : 1;
    return x.file === y.file ? x.offset - y.offset : x.file < y.file ? -1 : 1;
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }
}
