// Tree entries, one after the other, in layers → files on disk, below one directory. All input is hostile: a path is
// resolved in memory, against what was written before, so that no symbolic link is ever followed by the kernel, no
// name leaves the directory, and no device is made. The directory must belong to this process alone while it writes.

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { type BytePath, type ByteString, decodeByteString } from "../model/bytes.ts";
import { TareError } from "../model/errors.ts";
import { toDiskError, writeFully } from "./disk.ts";

export type ExtractErrorCode =
  /** A name has a `..` component, a NUL byte, or runs through too many links. */
  | "UNSAFE_PATH"
  /** A hard link names no file that was written before. */
  | "BAD_HARD_LINK";

/** Thrown when an entry cannot be what it says without harm. */
export class ExtractError extends TareError<ExtractErrorCode> {}

/** Owner, mode and time of an entry. */
export interface EntryAttributes {
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtimeSeconds: number;
}

/** What an unnamed parent directory is. */
const IMPLICIT_DIRECTORY: EntryAttributes = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 1 };

export interface TreeWriterOptions {
  /** Whether entries get the owners that they say: only root may. Otherwise all belong to this user. */
  readonly owners: boolean;
}

/** One name that was written. */
interface Node {
  type: "directory" | "file" | "symlink";
  attributes: EntryAttributes;
  /** The layer that wrote it last. */
  layer: number;
  /** Of a symbolic link: what it says. */
  readonly target: ByteString;
  /** Of a directory: what it holds. */
  readonly children: Map<string, Node>;
}

/** Of what is no directory; never written to. */
const NO_CHILDREN = new Map<string, Node>();

/** Where a path leads. `node` is undefined when nothing is there. */
interface Place {
  readonly parent: Node;
  readonly name: string;
  readonly node: Node | undefined;
  /** The path without links: what the kernel may be given. */
  readonly path: BytePath;
}

/** What {@link TreeWriter.entries} tells of one name. */
export interface WrittenEntry {
  readonly path: BytePath;
  readonly type: Node["type"];
  readonly attributes: EntryAttributes;
}

/** As many links as Linux follows in one path. */
const MOST_LINKS = 40;

/**
 * Writes a tree below a directory.
 *
 * Paths are as archives write them: `./`, a leading and a trailing `/` mean nothing; a parent that is a symbolic link
 * leads on inside the tree, as it would for a program whose root directory the tree is; parents that are missing are
 * made. A later entry takes the place of an earlier one of its name, except that directories are merged.
 *
 * Directories have mode 0700 until {@link finish}.
 */
export class TreeWriter {
  readonly #root: Buffer;
  readonly #owners: boolean;
  readonly #rootNode = createNode("directory", IMPLICIT_DIRECTORY, 0);
  #layer = 0;
  #file: { readonly fd: number; readonly node: Node; readonly path: string } | undefined;

  /**
   * @param root Absolute path of an empty directory.
   */
  constructor(root: string, options: TreeWriterOptions) {
    this.#root = Buffer.from(`${root}/`);
    this.#owners = options.owners;
  }

  /** Begins the next layer: {@link removeLower} and {@link clearLower} take away what was written before this call. */
  beginLayer(): void {
    this.#layer++;
  }

  /** Makes a directory, or gives one that is there new attributes. */
  directory(path: string, attributes: EntryAttributes): void {
    const place = this.#place(path);
    if (place.node?.type === "directory") {
      place.node.attributes = attributes;
      place.node.layer = this.#layer;
    } else this.#makeDirectory(place, attributes);
  }

  /** Begins a file; its bytes follow in {@link write}, and {@link endFile}. */
  beginFile(path: string, attributes: EntryAttributes): void {
    const place = this.#claim(path);
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const fd = this.#on(place, (file) => openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    this.#file = { fd, node: this.#add(place, "file", attributes), path: place.path };
  }

  /** Adds bytes to the file that was begun. */
  write(chunk: Uint8Array): void {
    try {
      writeFully(this.#file!.fd, chunk);
    } catch (error) {
      throw this.#failure(this.#file!.path, error);
    }
  }

  endFile(): void {
    const { fd, node, path } = this.#file!;
    const { mode, uid, gid, mtimeSeconds } = node.attributes;
    try {
      if (this.#owners) fchownSync(fd, uid, gid);
      fchmodSync(fd, mode);
      futimesSync(fd, mtimeSeconds, mtimeSeconds);
    } catch (error) {
      throw this.#failure(path, error);
    } finally {
      this.close();
    }
  }

  /** Closes the file that was begun, if there is one: for whoever gives up. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  /** Makes a whole file. */
  file(path: string, attributes: EntryAttributes, bytes: Uint8Array): void {
    this.beginFile(path, attributes);
    this.write(bytes);
    this.endFile();
  }

  /** Makes a symbolic link; its target may be anything, since nothing here follows it on disk. */
  symlink(path: string, target: ByteString, attributes: EntryAttributes): void {
    const place = this.#claim(path);
    if (target === "" || target.includes("\0")) {
      throw new ExtractError(
        "UNSAFE_PATH",
        `Cannot unpack the link "${decodeByteString(path)}": its target is empty or has a NUL byte`,
      );
    }
    this.#on(place, (file) => {
      symlinkSync(Buffer.from(target, "latin1"), file);
      if (this.#owners) lchownSync(file, attributes.uid, attributes.gid);
      lutimesSync(file, attributes.mtimeSeconds, attributes.mtimeSeconds);
    });
    this.#add(place, "symlink", attributes, target);
  }

  /**
   * Makes another name of a file.
   *
   * @throws {ExtractError} `BAD_HARD_LINK` when `existing` is no file or symbolic link of the tree.
   */
  hardLink(path: string, existing: string): void {
    const source = this.#find(existing, false);
    const { node } = source ?? {};
    if (source === undefined || node === undefined || node.type === "directory") {
      throw new ExtractError(
        "BAD_HARD_LINK",
        `Cannot unpack the hard link "${decodeByteString(path)}": "${decodeByteString(existing)}" is no file of the tree`,
      );
    }
    if (this.#place(path).node === node) return;
    const place = this.#claim(path);
    this.#on(place, (file) => linkSync(this.#absolute(source.path), file));
    this.#add(place, node.type, node.attributes, node.target);
  }

  /** Takes away what lower layers have at a path; what this layer has there stays. */
  removeLower(path: string): void {
    const place = this.#find(path, false);
    if (place?.node !== undefined && place.node !== this.#rootNode) this.#prune(place, place.node);
  }

  /** Takes away what lower layers have inside a directory. */
  clearLower(path: string): void {
    const place = this.#find(path, true);
    if (place?.node?.type === "directory") this.#pruneChildren(place.node, place.path);
  }

  /**
   * Where a path leads inside the tree, links followed, the last one too.
   *
   * @returns Undefined when nothing is there.
   */
  resolve(path: string): WrittenEntry | undefined {
    const place = this.#find(path, true);
    return place?.node && { path: place.path, type: place.node.type, attributes: place.node.attributes };
  }

  /**
   * Makes sure that something is at a path, links followed: an empty file or a directory where there is nothing.
   *
   * @returns What is there, which may be of the other type.
   */
  ensure(path: string, type: "file" | "directory"): WrittenEntry {
    const place = this.#walk(split(path), { followLast: true, create: true })!;
    if (place.node === undefined) {
      if (type === "directory") this.#makeDirectory(place, IMPLICIT_DIRECTORY);
      else this.file(place.path, { ...IMPLICIT_DIRECTORY, mode: 0o644 }, new Uint8Array());
    }
    return this.resolve(place.path)!;
  }

  /** Everything that was written, parents first. */
  *entries(): Generator<WrittenEntry> {
    yield { path: "" as BytePath, type: "directory", attributes: this.#rootNode.attributes };
    yield* listNode(this.#rootNode, "");
  }

  /** Gives directories their owners, modes and times. Nothing may be written afterwards. */
  finish(): void {
    const directories = [...this.entries()].filter(({ type }) => type === "directory");
    for (const { path, attributes } of directories.reverse()) {
      const { mode, uid, gid, mtimeSeconds } = attributes;
      this.#on({ path }, (file) => {
        if (this.#owners) lchownSync(file, uid, gid);
        utimesSync(file, mtimeSeconds, mtimeSeconds);
        chmodSync(file, mode);
      });
    }
  }

  #absolute(path: string): Buffer {
    return Buffer.concat([this.#root, Buffer.from(path, "latin1")]);
  }

  #on<T>(place: { readonly path: string }, action: (file: Buffer) => T): T {
    try {
      return action(this.#absolute(place.path));
    } catch (error) {
      throw this.#failure(place.path, error);
    }
  }

  #failure(path: string, error: unknown): unknown {
    return toDiskError(error, `unpack "${decodeByteString(path)}" below ${this.#root}`);
  }

  #add(place: Place, type: Node["type"], attributes: EntryAttributes, target?: ByteString): Node {
    const node = createNode(type, attributes, this.#layer, target);
    place.parent.children.set(place.name, node);
    return node;
  }

  #makeDirectory(place: Place, attributes: EntryAttributes): Node {
    if (place.node !== undefined) this.#remove(place, place.node);
    this.#on(place, (file) => mkdirSync(file, 0o700));
    return this.#add(place, "directory", attributes);
  }

  /** The place of an entry: its parents are directories afterwards, and it is not followed. */
  #place(path: string): Place {
    return this.#walk(split(path), { followLast: false, create: true })!;
  }

  /** The place of an entry that is no directory, cleared of what was there. */
  #claim(path: string): Place {
    const place = this.#place(path);
    if (place.node === this.#rootNode) {
      throw new ExtractError("UNSAFE_PATH", "Cannot unpack the root directory: it is no directory");
    }
    if (place.node !== undefined) this.#remove(place, place.node);
    return place;
  }

  #find(path: string, followLast: boolean): Place | undefined {
    return this.#walk(split(path), { followLast, create: false });
  }

  /** Resolves a path as the kernel would below a root directory; undefined when a parent is missing. */
  #walk(
    components: readonly string[],
    { followLast, create }: { readonly followLast: boolean; readonly create: boolean },
  ): Place | undefined {
    const pending = components.toReversed();
    const root: Place = { parent: this.#rootNode, name: "", node: this.#rootNode, path: "" as BytePath };
    let at: Place[] = [root];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (at.length > 1) at.pop();
        continue;
      }
      const parent = at.at(-1)!;
      const node = parent.node!.children.get(name);
      const path = (parent.path === "" ? name : `${parent.path}/${name}`) as BytePath;
      const place: Place = { parent: parent.node!, name, node, path };
      const isLast = pending.length === 0;
      if (node?.type === "symlink" && (followLast || !isLast)) {
        if (++links > MOST_LINKS) {
          throw new ExtractError(
            "UNSAFE_PATH",
            `Cannot unpack "${decodeByteString(components.join("/"))}": it leads through more than ${MOST_LINKS} links`,
          );
        }
        if (node.target.startsWith("/")) at = [root];
        pending.push(...node.target.split("/").reverse());
      } else if (isLast) return place;
      else if (node?.type === "directory") at.push(place);
      else if (create) at.push({ ...place, node: this.#makeDirectory(place, IMPLICIT_DIRECTORY) });
      else return undefined;
    }
    return at.at(-1)!;
  }

  #remove({ parent, name, path }: Place, node: Node): void {
    for (const [childName, child] of [...node.children]) {
      this.#remove(
        { parent: node, name: childName, node: child, path: `${path}/${childName}` as BytePath },
        child,
      );
    }
    this.#on({ path }, node.type === "directory" ? rmdirSync : unlinkSync);
    parent.children.delete(name);
  }

  #prune(place: Place, node: Node): void {
    this.#pruneChildren(node, place.path);
    if (node.layer < this.#layer && node.children.size === 0) this.#remove(place, node);
  }

  #pruneChildren(node: Node, path: BytePath): void {
    for (const [name, child] of [...node.children]) {
      const childPath = (path === "" ? name : `${path}/${name}`) as BytePath;
      this.#prune({ parent: node, name, node: child, path: childPath }, child);
    }
  }
}

function createNode(
  type: Node["type"],
  attributes: EntryAttributes,
  layer: number,
  target: ByteString = "" as ByteString,
): Node {
  return { type, attributes, layer, target, children: type === "directory" ? new Map() : NO_CHILDREN };
}

function* listNode(node: Node, prefix: string): Generator<WrittenEntry> {
  for (const [name, child] of node.children) {
    const path = `${prefix}${name}` as BytePath;
    yield { path, type: child.type, attributes: child.attributes };
    yield* listNode(child, `${path}/`);
  }
}

/** The components of a name as an archive writes it. */
function split(path: string): string[] {
  const components = path.split("/").filter((component) => component !== "" && component !== ".");
  if (components.includes("..") || path.includes("\0")) {
    throw new ExtractError(
      "UNSAFE_PATH",
      `Cannot unpack "${decodeByteString(path)}": the name has a ".." component or a NUL byte`,
    );
  }
  return components;
}
