// Nodes or a tree → the bytes of a NAR, in the one form that it has. What the reader would refuse is never written.

import type { BytePath } from "../../model/bytes.ts";
import { baseName, decodeByteString, joinPath, parentPath } from "../../model/bytes.ts";
import type { FileEntry, Tree, TreeEntry } from "../../model/tree.ts";
import { NixFormatError } from "./errors.ts";
import {
  CLOSE,
  CONTENTS,
  DIRECTORY,
  ENTRY,
  EXECUTABLE,
  encodeNarNumber,
  encodeNarString,
  entryNameProblem,
  linkTargetProblem,
  MAGIC,
  type NarNode,
  NODE,
  narPaddingText,
  nodePlaceProblem,
  OPEN_NAME,
  OPEN_NODE,
  REGULAR,
  SYMLINK,
  TARGET,
} from "./nar-grammar.ts";
import type { NarHandler } from "./nar-reader.ts";

/** The bytes around contents, as byte strings; and the order of nodes, checked. */
class NarFrames {
  /** What was framed since {@link take}. */
  #text = MAGIC;
  /** The open nodes, the root first. */
  readonly #open: { readonly node: NarNode; previousName: string }[] = [];
  #ended = false;

  begin(node: NarNode): void {
    const parent = this.#open.at(-1);
    this.#checkPlace(node, parent?.node);
    if (parent !== undefined) {
      const name = baseName(node.path);
      const problem = entryNameProblem(name, parent.previousName);
      if (problem !== undefined) fail(problem);
      parent.previousName = name;
      this.#text += ENTRY + OPEN_NAME + encodeNarString(name) + NODE;
    }
    this.#text += OPEN_NODE + headOf(node);
    this.#open.push({ node, previousName: "" });
  }

  end(): void {
    const { node } = this.#open.pop()!;
    if (node.type === "file") this.#text += narPaddingText(node.size);
    this.#text += this.#open.length === 0 ? CLOSE : CLOSE + CLOSE;
    this.#ended = this.#open.length === 0;
  }

  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  get present(): NarNode | undefined {
    return this.#open.at(-1)?.node;
  }

  get ended(): boolean {
    return this.#ended;
  }

  #checkPlace(node: NarNode, parent: NarNode | undefined): void {
    if (this.#ended) fail("a node follows the root");
    const isBelow =
      parent === undefined
        ? node.path === ""
        : parent.type === "directory" && node.path !== "" && parentPath(node.path) === parent.path;
    if (!isBelow) fail(`"${decodeByteString(node.path)}" does not belong where it comes`);
    const problem = nodePlaceProblem(node.path, this.#open.length);
    if (problem !== undefined) fail(problem);
  }
}

function headOf(node: NarNode): string {
  switch (node.type) {
    case "directory":
      return DIRECTORY;
    case "symlink": {
      const problem = linkTargetProblem(node.target);
      if (problem !== undefined) fail(problem);
      return SYMLINK + TARGET + encodeNarString(node.target);
    }
    case "file":
      return (
        REGULAR +
        (node.executable ? EXECUTABLE + encodeNarString("") : "") +
        CONTENTS +
        encodeNarNumber(node.size)
      );
  }
}

/**
 * Writes what it is told as a {@link NarHandler}: a reader with a writer as its handler copies its NAR.
 *
 * Contents go on as they come, without copying.
 *
 * @throws {NixFormatError} `NAR_INVALID`, from each method, when the nodes make no NAR.
 */
export class NarWriter implements NarHandler {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #frames = new NarFrames();
  #contentLeft = 0;

  /** @param write Is given the bytes in their order; a chunk of content is the caller's own. */
  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  node(node: NarNode): void {
    this.#frames.begin(node);
    if (node.type === "file") this.#contentLeft = node.size;
  }

  content(chunk: Uint8Array): void {
    if (this.#frames.present?.type !== "file") fail("contents come outside a file");
    if (chunk.length > this.#contentLeft) fail("a file has more bytes than was said before");
    this.#contentLeft -= chunk.length;
    this.#flush();
    this.#write(chunk);
  }

  nodeEnd(): void {
    if (this.#frames.present === undefined) fail("a node ends that did not begin");
    if (this.#contentLeft > 0) fail("a file has fewer bytes than was said before");
    this.#frames.end();
    if (this.#frames.ended) this.#flush();
  }

  #flush(): void {
    const text = this.#frames.take();
    if (text !== "") this.#write(Buffer.from(text, "latin1"));
  }
}

type TreeEvent =
  | { readonly kind: "begin"; readonly node: NarNode; readonly entry: TreeEntry | undefined }
  | { readonly kind: "end" };

/** Nodes of a tree: NAR's order is the tree's, with the parents that the tree leaves out. */
function* eventsOf(tree: Tree): Generator<TreeEvent> {
  const open: BytePath[] = [];
  const entries = tree.entries[0]?.path === "" ? tree.entries : [undefined, ...tree.entries];
  for (const entry of entries) {
    const path = entry?.path ?? ("" as BytePath);
    while (open.length > 0 && !isBelow(path, open.at(-1)!)) {
      open.pop();
      yield { kind: "end" };
    }
    for (const parent of open.length === 0 ? [] : parentsBetween(open.at(-1)!, path)) {
      open.push(parent);
      yield { kind: "begin", node: { type: "directory", path: parent }, entry: undefined };
    }
    yield { kind: "begin", node: nodeOf(entry, path), entry };
    if (entry === undefined || entry.type === "directory") open.push(path);
    else yield { kind: "end" };
  }
  for (const _ of open) yield { kind: "end" };
}

function isBelow(path: BytePath, directory: BytePath): boolean {
  if (directory === "") return path !== "";
  return path.charCodeAt(directory.length) === 0x2f && path.startsWith(directory);
}

/** Directories above `path` and below `directory`, the outermost first. */
function parentsBetween(directory: BytePath, path: BytePath): BytePath[] {
  const names = path.slice(directory === "" ? 0 : directory.length + 1).split("/");
  const parents: BytePath[] = [];
  for (const name of names.slice(0, -1)) parents.push(joinPath(parents.at(-1) ?? directory, name));
  return parents;
}

function nodeOf(entry: TreeEntry | undefined, path: BytePath): NarNode {
  switch (entry?.type) {
    case "file":
      return { type: "file", path, executable: (entry.mode & 0o100) !== 0, size: entry.size };
    case "symlink":
      return { type: "symlink", path, target: entry.target };
    default:
      return { type: "directory", path };
  }
}

/**
 * The NAR of a tree as pieces: bytes to write as they are, and files whose contents belong in their place.
 *
 * Owners and modes are dropped but for the owner's x bit; hard links become files of their own. A tree whose only
 * entry is a file or a symbolic link with the empty path is the NAR of that.
 *
 * @throws {NixFormatError} `NAR_INVALID` when a tree cannot be a NAR: too deep, a target that is empty or too long.
 */
export function* narPieces(tree: Tree): Generator<Uint8Array | FileEntry> {
  const frames = new NarFrames();
  for (const event of eventsOf(tree)) {
    if (event.kind === "end") {
      frames.end();
      continue;
    }
    frames.begin(event.node);
    if (event.entry?.type === "file") {
      yield Buffer.from(frames.take(), "latin1");
      yield event.entry;
    }
  }
  yield Buffer.from(frames.take(), "latin1");
}

/**
 * Writes the NAR of a tree.
 *
 * @param contents Gives the bytes of a file, in any number of chunks.
 * @param write Is given the NAR's bytes in their order.
 * @returns Bytes of the NAR.
 * @throws {NixFormatError} `NAR_INVALID` as {@link narPieces}, and when a content has not the size of its entry.
 */
export function writeNar(
  tree: Tree,
  contents: (entry: FileEntry) => Iterable<Uint8Array>,
  write: (bytes: Uint8Array) => void,
): number {
  let narSize = 0;
  for (const piece of narPieces(tree)) {
    if (piece instanceof Uint8Array) {
      narSize += piece.length;
      write(piece);
      continue;
    }
    let size = 0;
    for (const chunk of contents(piece)) {
      size += chunk.length;
      write(chunk);
    }
    if (size !== piece.size) {
      fail(`the file "${decodeByteString(piece.path)}" has ${size} bytes, ${piece.size} were expected`);
    }
    narSize += size;
  }
  return narSize;
}

/**
 * Computes how many bytes the NAR of a tree has, without reading contents.
 *
 * @throws {NixFormatError} `NAR_INVALID` as {@link narPieces}.
 */
export function computeNarSize(tree: Tree): number {
  let narSize = 0;
  for (const piece of narPieces(tree)) narSize += piece instanceof Uint8Array ? piece.length : piece.size;
  return narSize;
}

/**
 * Writes the listing of a tree's NAR, as binary caches have it in `<hash part>.ls`: JSON, version 1, with the offset of
 * every content.
 *
 * @throws {NixFormatError} `NAR_INVALID` as {@link narPieces}, and for names and targets that are not UTF-8, which JSON
 * cannot hold.
 */
export function formatNarListing(tree: Tree): string {
  const frames = new NarFrames();
  let json = "";
  let offset = 0;
  for (const event of eventsOf(tree)) {
    if (event.kind === "end") {
      json += frames.present?.type === "directory" ? "}}" : "}";
      frames.end();
      continue;
    }
    const { node } = event;
    if (frames.present !== undefined)
      json += `${json.endsWith("{") ? "" : ","}${jsonText(baseName(node.path))}:`;
    frames.begin(node);
    offset += frames.take().length;
    json += listingHead(node, offset);
    if (node.type === "file") offset += node.size;
  }
  return `{"version":1,"root":${json}}`;
}

function listingHead(node: NarNode, offset: number): string {
  switch (node.type) {
    case "directory":
      return '{"type":"directory","entries":{';
    case "symlink":
      return `{"type":"symlink","target":${jsonText(node.target)}`;
    case "file":
      return `{"type":"regular","size":${node.size}${node.executable ? ',"executable":true' : ""},"narOffset":${offset}`;
  }
}

function jsonText(bytes: string): string {
  const text = decodeByteString(bytes);
  if (Buffer.from(text, "utf8").toString("latin1") !== bytes) {
    fail(`"${text}" is not UTF-8, and a listing can hold nothing else`);
  }
  return JSON.stringify(text);
}

function fail(problem: string): never {
  throw new NixFormatError("NAR_INVALID", `Cannot write the NAR: ${problem}`);
}
