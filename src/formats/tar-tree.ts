// Chunks of a tar archive → the entries of a tree, whose contents stay where they are in the archive. Whatever would
// reach outside the tree, or that tar programs would unpack in different ways, is refused. All input is hostile.

import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { bytePathProblem, decodeByteString, parentPath } from "../model/bytes.ts";
import type { Content, FileEntry, TreeEntry } from "../model/tree.ts";
import { createTree } from "../model/tree.ts";
import { FormatError } from "./errors.ts";
import type { TarHandler, TarHeader } from "./tar-reader.ts";
import { TarReader } from "./tar-reader.ts";

export interface TarTreeOptions {
  /** Absolute path of the file that will hold the uncompressed archive: where contents say they are. */
  readonly file: string;
  /** Text that is unique to this archive: the `inode` of hard links begins with it. */
  readonly inodePrefix: string;
}

/** Bytes of the longest symbolic link that Linux makes. */
const LONGEST_LINK = 4095;

/**
 * Builds a tree while an archive streams by.
 *
 * Owners, modes and setuid bits are kept as the archive has them, as numbers; owner names and times are dropped.
 * A hard link becomes another entry of the same content, mode and owner as the member that it links to.
 */
export class TarTreeBuilder implements TarHandler {
  readonly #options: TarTreeOptions;
  readonly #reader: TarReader;
  readonly #entries = new Map<BytePath, TreeEntry>();
  #open:
    | { readonly path: BytePath; readonly header: TarHeader; readonly sha256: Hash; crc32: number }
    | undefined;

  constructor(options: TarTreeOptions) {
    this.#options = options;
    this.#reader = new TarReader(this);
  }

  /**
   * Reads on.
   *
   * @throws {FormatError} `BAD_TAR`, `UNSUPPORTED_TAR` or `UNSAFE_TAR`; the message names the member.
   */
  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  /**
   * Ends the archive.
   *
   * @returns The entries in the order of trees.
   * @throws {FormatError} As {@link write}.
   */
  end(): readonly TreeEntry[] {
    this.#reader.end();
    for (const path of this.#entries.keys()) this.#checkParents(path);
    return createTree(this.#entries.values()).entries;
  }

  /** Takes one member; called by the reader. */
  member(header: TarHeader): void {
    const path = toTreePath(header.path, header.type === "directory");
    const { mode, uid, gid } = header;
    switch (header.type) {
      case "directory":
        this.#add({ type: "directory", path, mode, uid, gid }, header);
        break;
      case "symlink":
        this.#add({ type: "symlink", path, mode: 0o777, uid, gid, target: checkLink(header) }, header);
        break;
      case "hardlink":
        this.#addHardLink(path, header);
        break;
      case "file":
        this.#open = { path, header, sha256: createHash("sha256"), crc32: 0 };
        break;
      default:
        unsafe(`the member "${show(header.path)}" is a ${header.type.replace("-", " ")}`);
    }
  }

  /** Takes bytes of the present file; called by the reader. */
  content(chunk: Uint8Array): void {
    const open = this.#open!;
    open.sha256.update(chunk);
    open.crc32 = crc32(chunk, open.crc32);
  }

  /** Ends the present member; called by the reader. */
  memberEnd(): void {
    if (this.#open === undefined) return;
    const { path, header, sha256, crc32 } = this.#open;
    this.#open = undefined;
    const { mode, uid, gid, size, contentOffset: offset } = header;
    const content: Content = {
      kind: "range",
      file: this.#options.file,
      offset,
      crc32,
      sha256: sha256.digest("hex"),
    };
    this.#add({ type: "file", path, mode, uid, gid, size, content }, header);
  }

  #add(entry: TreeEntry, header: TarHeader): void {
    const before = this.#entries.get(entry.path);
    if (before !== undefined && !isSameDirectory(before, entry)) {
      unsafe(`it has the member "${show(header.path)}" twice`);
    }
    if (entry.path === "" && entry.type !== "directory") unsafe("its root is no directory");
    this.#entries.set(entry.path, entry);
  }

  #addHardLink(path: BytePath, header: TarHeader): void {
    const targetPath = toTreePath(header.linkTarget, false);
    const target = this.#entries.get(targetPath);
    if (target === undefined || target.type !== "file") {
      unsafe(
        `the member "${show(header.path)}" is a hard link to "${show(header.linkTarget)}", which is no file before it`,
      );
    }
    const inode = target.inode ?? `${this.#options.inodePrefix}:${target.path}`;
    const shared: FileEntry = target.inode === undefined ? { ...target, inode } : target;
    this.#entries.set(target.path, shared);
    this.#add({ ...shared, path }, header);
  }

  /** Refuses what lies below a file or a symbolic link of the same archive: it would be written through the link. */
  #checkParents(path: BytePath): void {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      const entry = this.#entries.get(parent);
      if (entry === undefined) continue;
      // Its own parents are looked at when its turn comes.
      if (entry.type === "directory") return;
      unsafe(
        `the member "${show(path)}" lies below "${show(parent)}", which is a ${entry.type} of the archive`,
      );
    }
  }
}

function unsafe(problem: string): never {
  throw new FormatError("UNSAFE_TAR", "the tar archive", problem);
}

function show(path: string): string {
  return decodeByteString(path);
}

/** The path in a tree of a member's name: `./usr/bin/` is `usr/bin`, `./` is the root. */
function toTreePath(name: ByteString, isDirectory: boolean): BytePath {
  let path: string = name === "." ? "" : name.startsWith("./") ? name.slice(2) : name;
  if (isDirectory && path.endsWith("/")) path = path.slice(0, -1);
  const problem = name === "" ? "the path is empty" : bytePathProblem(path);
  if (problem !== undefined) unsafe(`the member "${show(name)}" cannot be placed: ${problem}`);
  return path as BytePath;
}

function checkLink(header: TarHeader): ByteString {
  const { length } = header.linkTarget;
  if (length === 0 || length > LONGEST_LINK) {
    unsafe(`the symbolic link "${show(header.path)}" has a target of ${length} bytes`);
  }
  return header.linkTarget;
}

function isSameDirectory(a: TreeEntry, b: TreeEntry): boolean {
  return (
    a.type === "directory" &&
    b.type === "directory" &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid
  );
}
