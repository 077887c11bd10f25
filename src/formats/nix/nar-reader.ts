// Chunks of a NAR → its nodes and contents, in their order. Strict, as Nix's own reader is now: one order of fields,
// names sorted and unique, all lengths bounded, padding zero. Contents are passed on as views of the chunks. All input
// is hostile.

import type { BytePath, ByteString } from "../../model/bytes.ts";
import { joinPath } from "../../model/bytes.ts";
import { NixFormatError } from "./errors.ts";
import {
  CLOSE,
  CONTENTS,
  DIRECTORY,
  ENTRY,
  EXECUTABLE,
  entryNameProblem,
  LONGEST_NAME,
  LONGEST_TARGET,
  linkTargetProblem,
  MAGIC,
  type NarNode,
  NODE,
  narPadding,
  nodePlaceProblem,
  OPEN_NAME,
  OPEN_NODE,
  REGULAR,
  SYMLINK,
  TARGET,
} from "./nar-grammar.ts";

/**
 * Is called in the order of the archive: for each node `node`, then its `content` as often as it comes (files) or its
 * entries (directories), then `nodeEnd`.
 */
export interface NarHandler {
  /** @param offset Offset in the NAR of what follows the node's head: of a file's first byte. */
  node(node: NarNode, offset: number): void;
  /** Some bytes of the present file; valid only during the call. */
  content(chunk: Uint8Array): void;
  nodeEnd(): void;
}

/** Takes a NAR off the front of a stream that may go on behind it. */
export interface NarConsumer {
  /**
   * @returns How many bytes of the chunk belong to the NAR: all of them until it has ended.
   * @throws {NixFormatError} `NAR_INVALID`
   */
  read(chunk: Uint8Array): number;
  /** Whether the last byte of the NAR was read. */
  readonly ended: boolean;
}

export interface NarLimits {
  /** Bytes that the NAR may have; what claims more is refused before it comes. */
  readonly maxSize?: number | undefined;
}

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const MAGIC_BYTES = bytesOf(MAGIC);
const OPEN_BYTES = bytesOf(OPEN_NODE);
const DIRECTORY_BYTES = bytesOf(DIRECTORY);
const REGULAR_BYTES = bytesOf(REGULAR);
const SYMLINK_BYTES = bytesOf(SYMLINK);
const EXECUTABLE_BYTES = bytesOf(EXECUTABLE);
const CONTENTS_BYTES = bytesOf(CONTENTS);
const TARGET_BYTES = bytesOf(TARGET);
const ENTRY_BYTES = bytesOf(ENTRY);
const OPEN_NAME_BYTES = bytesOf(OPEN_NAME);
const NODE_BYTES = bytesOf(NODE);
const CLOSE_BYTES = bytesOf(CLOSE);

/** What comes next. Each state but `CONTENT` and `ENDED` takes a number of bytes that is known before, `#need`. */
const AT_MAGIC = 0;
const AT_NODE = 1;
const AT_DIRECTORY_REST = 2;
const AT_FILE = 3;
const AT_EXECUTABLE_FILE = 4;
const CONTENT = 5;
const AT_FILE_END = 6;
const AT_TARGET = 7;
const AT_TARGET_TEXT = 8;
const AT_ENTRY = 9;
const AT_NAME = 10;
const AT_NAME_TEXT = 11;
const AT_ENTRY_END = 12;
const ENDED = 13;

/** The type and the 16 bytes that begin every node: `directory` has 8 more. */
const NODE_HEAD = OPEN_BYTES.length + REGULAR_BYTES.length;
/** Bytes of the longest piece that is looked at in one: a target with its padding and what closes the node. */
const LONGEST_PIECE = 4096 + 16;

interface OpenDirectory {
  readonly path: BytePath;
  previousName: string;
}

/**
 * A push parser: {@link write} takes chunks of any size, {@link end} checks that the archive is whole. It holds no
 * more than 4 KiB of them.
 *
 * After it has thrown, a reader must not be used again.
 */
export class NarReader implements NarConsumer {
  readonly #handler: NarHandler;
  readonly #maxSize: number;
  readonly #held = Buffer.allocUnsafe(LONGEST_PIECE);
  /** Bytes of the present piece that are in `#held`. */
  #heldFill = 0;
  #state = AT_MAGIC;
  #need = MAGIC_BYTES.length;
  /** Offset of the present piece, or of the next byte of content. */
  #offset = 0;
  #contentLeft = 0;
  /** Bytes of the string that comes; of content: for its padding. */
  #length = 0;
  readonly #directories: OpenDirectory[] = [];
  /** The path of the node that comes. */
  #path = "" as BytePath;

  constructor(handler: NarHandler, { maxSize = Number.MAX_SAFE_INTEGER }: NarLimits = {}) {
    this.#handler = handler;
    this.#maxSize = maxSize;
  }

  get ended(): boolean {
    return this.#state === ENDED;
  }

  /** Bytes that were read; of the whole NAR once it has ended. */
  get size(): number {
    return this.#offset;
  }

  /**
   * Reads on; nothing may follow the NAR.
   *
   * @throws {NixFormatError} `NAR_INVALID`; the message says where.
   */
  write(chunk: Uint8Array): void {
    if (this.read(chunk) < chunk.length) fail("bytes follow its end");
  }

  /** @throws {NixFormatError} `NAR_INVALID` when the archive is not whole. */
  end(): void {
    if (this.#state !== ENDED) fail(`it ends early, at offset ${this.#offset + this.#heldFill}`);
  }

  /** Reads on, up to the end of the NAR; see {@link NarConsumer}. */
  read(chunk: Uint8Array): number {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const end = buffer.length;
    let at = 0;
    while (this.#state !== ENDED) {
      if (this.#state === CONTENT) {
        const taken = Math.min(this.#contentLeft, end - at);
        if (taken > 0) this.#handler.content(buffer.subarray(at, at + taken));
        at += taken;
        this.#offset += taken;
        this.#contentLeft -= taken;
        if (this.#contentLeft > 0) break;
        this.#expect(AT_FILE_END, narPadding(this.#length) + CLOSE_BYTES.length);
        continue;
      }
      const need = this.#need;
      if (this.#heldFill === 0 && end - at >= need) {
        this.#step(buffer, at);
        at += need;
      } else {
        const taken = buffer.copy(this.#held, this.#heldFill, at, at + need - this.#heldFill);
        at += taken;
        this.#heldFill += taken;
        if (this.#heldFill < need) break;
        this.#heldFill = 0;
        this.#step(this.#held, 0);
      }
    }
    if (this.#offset > this.#maxSize) fail(`it has more than the ${this.#maxSize} bytes that were wanted`);
    return at;
  }

  /** Takes one piece, all of whose bytes are there. */
  #step(buffer: Buffer, at: number): void {
    const need = this.#need;
    switch (this.#state) {
      case AT_MAGIC:
        if (!matches(buffer, at, MAGIC_BYTES)) fail("it does not begin as a NAR does");
        this.#expect(AT_NODE, NODE_HEAD);
        break;
      case AT_NODE:
        this.#beginNode(buffer, at);
        break;
      case AT_DIRECTORY_REST:
        this.#want(buffer, at, DIRECTORY_BYTES.subarray(16), "the type directory");
        this.#openDirectory(need);
        break;
      case AT_FILE:
        if (matches(buffer, at, CONTENTS_BYTES)) {
          this.#beginFile(buffer, at + CONTENTS_BYTES.length, false);
        } else {
          this.#want(buffer, at, EXECUTABLE_BYTES, '"contents" or "executable"');
          this.#expect(AT_EXECUTABLE_FILE, 8 + CONTENTS_BYTES.length + 8);
        }
        break;
      case AT_EXECUTABLE_FILE:
        if (readLength(buffer, at) !== 0) this.#fail("the mark executable has a value");
        this.#want(buffer, at + 8, CONTENTS_BYTES, '"contents"');
        this.#beginFile(buffer, at + need - 8, true);
        break;
      case AT_FILE_END: {
        const padding = need - CLOSE_BYTES.length;
        this.#checkPadding(buffer, at, padding);
        this.#want(buffer, at + padding, CLOSE_BYTES, '")"');
        this.#endNode();
        break;
      }
      case AT_TARGET:
        this.#want(buffer, at, TARGET_BYTES, '"target"');
        this.#expectText(
          AT_TARGET_TEXT,
          buffer,
          at + TARGET_BYTES.length,
          LONGEST_TARGET,
          CLOSE_BYTES.length,
        );
        break;
      case AT_TARGET_TEXT: {
        const target = this.#text(buffer, at, CLOSE_BYTES, '")"');
        const problem = linkTargetProblem(target);
        if (problem !== undefined) this.#fail(problem);
        this.#handler.node({ type: "symlink", path: this.#path, target }, this.#offset + need);
        this.#endNode();
        break;
      }
      case AT_ENTRY:
        if (matches(buffer, at, ENTRY_BYTES)) {
          this.#expect(AT_NAME, OPEN_NAME_BYTES.length + 8);
        } else {
          this.#want(buffer, at, CLOSE_BYTES, '"entry" or ")"');
          this.#directories.pop();
          this.#endNode();
        }
        break;
      case AT_NAME:
        this.#want(buffer, at, OPEN_NAME_BYTES, '"(" "name"');
        this.#expectText(AT_NAME_TEXT, buffer, at + OPEN_NAME_BYTES.length, LONGEST_NAME, NODE_BYTES.length);
        break;
      case AT_NAME_TEXT:
        this.#beginEntry(this.#text(buffer, at, NODE_BYTES, '"node"'));
        break;
      case AT_ENTRY_END:
        this.#want(buffer, at, CLOSE_BYTES, '")"');
        this.#expect(AT_ENTRY, ENTRY_BYTES.length);
        break;
    }
    this.#offset += need;
  }

  #expect(state: number, need: number): void {
    this.#state = state;
    this.#need = need;
  }

  /** Expects a string whose length is at `at`, and `more` bytes behind it. */
  #expectText(state: number, buffer: Buffer, at: number, longest: number, more: number): void {
    const length = readLength(buffer, at);
    if (length > longest) this.#fail(`a string claims ${length} bytes, at most ${longest} may be here`);
    this.#length = length;
    this.#expect(state, length + narPadding(length) + more);
  }

  #text(buffer: Buffer, at: number, next: Buffer, nextName: string): ByteString {
    const padding = narPadding(this.#length);
    this.#checkPadding(buffer, at + this.#length, padding);
    this.#want(buffer, at + this.#length + padding, next, nextName);
    return buffer.toString("latin1", at, at + this.#length) as ByteString;
  }

  #beginNode(buffer: Buffer, at: number): void {
    this.#want(buffer, at, OPEN_BYTES, '"(" "type"');
    const problem = nodePlaceProblem(this.#path, this.#directories.length);
    if (problem !== undefined) this.#fail(problem);
    const type = at + OPEN_BYTES.length;
    if (matches(buffer, type, REGULAR_BYTES)) this.#expect(AT_FILE, CONTENTS_BYTES.length + 8);
    else if (matches(buffer, type, SYMLINK_BYTES)) this.#expect(AT_TARGET, TARGET_BYTES.length + 8);
    else {
      this.#want(buffer, type, DIRECTORY_BYTES.subarray(0, 16), '"regular", "directory" or "symlink"');
      this.#expect(AT_DIRECTORY_REST, 8);
    }
  }

  #openDirectory(need: number): void {
    this.#handler.node({ type: "directory", path: this.#path }, this.#offset + need);
    this.#directories.push({ path: this.#path, previousName: "" });
    this.#expect(AT_ENTRY, ENTRY_BYTES.length);
  }

  #beginEntry(name: ByteString): void {
    const directory = this.#directories.at(-1)!;
    const problem = entryNameProblem(name, directory.previousName);
    if (problem !== undefined) this.#fail(problem);
    directory.previousName = name;
    this.#path = joinPath(directory.path, name);
    this.#expect(AT_NODE, NODE_HEAD);
  }

  #beginFile(buffer: Buffer, at: number, executable: boolean): void {
    const size = readLength(buffer, at);
    const offset = this.#offset + this.#need;
    if (size > this.#maxSize - offset) {
      this.#fail(`a file claims ${size} bytes, the whole NAR may have ${this.#maxSize}`);
    }
    this.#handler.node({ type: "file", path: this.#path, executable, size }, offset);
    this.#length = size;
    this.#contentLeft = size;
    this.#state = CONTENT;
  }

  #endNode(): void {
    this.#handler.nodeEnd();
    if (this.#directories.length === 0) this.#state = ENDED;
    else this.#expect(AT_ENTRY_END, CLOSE_BYTES.length);
  }

  #checkPadding(buffer: Buffer, at: number, length: number): void {
    for (let i = at; i < at + length; i++) if (buffer[i] !== 0) this.#fail("padding is not zero");
  }

  #want(buffer: Buffer, at: number, word: Buffer, name: string): void {
    if (!matches(buffer, at, word)) this.#fail(`something else stands where ${name} was wanted`);
  }

  #fail(problem: string): never {
    fail(`${problem}, near offset ${this.#offset}`);
  }
}

function matches(buffer: Buffer, at: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (buffer[at + i] !== word[i]) return false;
  return true;
}

/** A u64; exact below 2^53, and above it more than any limit. */
function readLength(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
}

function fail(problem: string): never {
  throw new NixFormatError("NAR_INVALID", `Cannot read the NAR: ${problem}`);
}
