// Chunks of a tar archive → its members, in their order. v7, ustar (POSIX.1-1988), pax (POSIX.1-2001) and GNU's long
// names and base-256 numbers; where tar programs read an archive in different ways, it is refused. Nothing is said
// here about names being safe: see tar-tree.ts. All input is hostile.

import type { ByteString } from "../model/bytes.ts";
import { decodeByteString } from "../model/bytes.ts";
import { FormatError } from "./errors.ts";

export type TarHeaderType =
  | "file"
  | "hardlink"
  | "symlink"
  | "directory"
  | "character-device"
  | "block-device"
  | "fifo";

/** One member, as the archive says it. */
export interface TarHeader {
  /** The name as it is: a directory's may end in `/`, and it may be absolute or hold `..`. Not empty. */
  readonly path: ByteString;
  readonly type: TarHeaderType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Name of the owner; may be empty. */
  readonly uname: ByteString;
  readonly gname: ByteString;
  /** Bytes of content; 0 for what is no file. */
  readonly size: number;
  /** Seconds since the epoch, whole. */
  readonly mtimeSeconds: number;
  /** What a symbolic link says, or the member that a hard link is another name of; else empty. */
  readonly linkTarget: ByteString;
  /** Offset of the content's first byte in the archive. */
  readonly contentOffset: number;
  /** The type as it is written: one character. */
  readonly typeFlag: string;
  /** All pax records that hold for the member, in their order, whatever they mean. */
  readonly records: ReadonlyMap<string, ByteString>;
}

/** Is called in the order of the archive: `member`, its `content` as often as it comes, `memberEnd`. */
export interface TarHandler {
  member(header: TarHeader): void;
  /** Some bytes of the present member; valid only during the call. */
  content(chunk: Uint8Array): void;
  memberEnd(): void;
}

export interface TarLimits {
  /** Bytes that the long names and pax records of one member have together; default 1 MiB. */
  readonly maxMetadataSize?: number;
}

const BLOCK = 512;
const LARGEST_ID = 0xffff_ffff;

const TYPES: Readonly<Record<string, TarHeaderType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};

const UNSUPPORTED: Readonly<Record<string, string>> = {
  S: "a sparse file",
  D: "a directory of an incremental dump",
  M: "the continuation of a file of another volume",
  N: "an old GNU long name",
  V: "a volume label",
  X: "a pax header of Solaris",
};

/** What long names and pax records say of the next member. */
interface Overrides {
  path?: ByteString;
  linkTarget?: ByteString;
  size?: number;
  uid?: number;
  gid?: number;
  uname?: ByteString;
  gname?: ByteString;
  mtimeSeconds?: number;
}

/** What a pax header says. */
interface Pax {
  readonly overrides: Overrides;
  readonly records: ReadonlyMap<string, ByteString>;
}

const NO_PAX: Pax = { overrides: {}, records: new Map() };

/**
 * A push parser: {@link write} takes chunks of any size, {@link end} checks that the archive is whole.
 *
 * After it has thrown, a reader must not be used again.
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #maxMetadataSize: number;
  readonly #block = Buffer.allocUnsafe(BLOCK);
  /** Bytes of the present header that are in `#block`. */
  #blockFill = 0;
  /** Offset of the next byte in the archive. */
  #offset = 0;
  /** Bytes of the present member still to come, and of the padding behind it. */
  #contentLeft = 0;
  #paddingLeft = 0;
  /** What the bytes of the present member are. */
  #state: "header" | "content" | "metadata" | "zeros" = "header";
  #zeroBlocks = 0;
  #metadata: { readonly type: string; readonly bytes: Buffer; fill: number } | undefined;
  #metadataSize = 0;
  #global: Pax = NO_PAX;
  #pax: Pax | undefined;
  #longPath: ByteString | undefined;
  #longLink: ByteString | undefined;

  constructor(handler: TarHandler, limits: TarLimits = {}) {
    this.#handler = handler;
    this.#maxMetadataSize = limits.maxMetadataSize ?? 1 << 20;
  }

  /**
   * Reads on.
   *
   * @throws {FormatError} `BAD_TAR` or `UNSUPPORTED_TAR`; and whatever the handler throws.
   */
  write(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const available = chunk.length - at;
      if (this.#contentLeft > 0) {
        const count = Math.min(available, this.#contentLeft);
        this.#takeContent(chunk.subarray(at, at + count));
        this.#contentLeft -= count;
        this.#advance(count);
        at += count;
        if (this.#contentLeft === 0) this.#endContent();
      } else if (this.#paddingLeft > 0) {
        const count = Math.min(available, this.#paddingLeft);
        this.#paddingLeft -= count;
        this.#advance(count);
        at += count;
      } else if (this.#state === "zeros") {
        this.#expectZeros(chunk.subarray(at));
        this.#advance(available);
        at += available;
      } else {
        const count = Math.min(available, BLOCK - this.#blockFill);
        this.#block.set(chunk.subarray(at, at + count), this.#blockFill);
        this.#blockFill += count;
        this.#advance(count);
        at += count;
        if (this.#blockFill === BLOCK) {
          this.#blockFill = 0;
          this.#takeBlock(this.#block);
        }
      }
    }
  }

  /**
   * Ends the archive.
   *
   * @throws {FormatError} `BAD_TAR` when it ends inside a member or without a block of zeros.
   */
  end(): void {
    if (this.#zeroBlocks === 0 || this.#blockFill > 0) fail("it ends early");
  }

  #advance(count: number): void {
    this.#offset += count;
  }

  #takeContent(bytes: Uint8Array): void {
    if (this.#state === "content") this.#handler.content(bytes);
    else {
      this.#metadata!.bytes.set(bytes, this.#metadata!.fill);
      this.#metadata!.fill += bytes.length;
    }
  }

  #endContent(): void {
    if (this.#state === "content") this.#handler.memberEnd();
    else this.#takeMetadata();
    this.#state = "header";
  }

  #expectZeros(bytes: Uint8Array): void {
    if (bytes.some((byte) => byte !== 0)) fail("data follows the end of the archive");
  }

  #takeBlock(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      if (this.#pax !== undefined || this.#longPath !== undefined || this.#longLink !== undefined) {
        fail("it ends between a long name and its member");
      }
      this.#zeroBlocks++;
      if (this.#zeroBlocks === 2) this.#state = "zeros";
      return;
    }
    if (this.#zeroBlocks > 0) fail("a member follows the end of the archive");
    checkSum(block, this.#offset - BLOCK);
    const flag = String.fromCharCode(block[156]!);
    if (flag === "L" || flag === "K" || flag === "x" || flag === "g") this.#beginMetadata(block, flag);
    else this.#beginMember(block, flag);
  }

  #begin(size: number, state: "content" | "metadata"): void {
    this.#state = state;
    this.#contentLeft = size;
    this.#paddingLeft = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#endContent();
  }

  #beginMetadata(block: Buffer, type: string): void {
    const size = parseNumber(block, 124, 12, "size");
    this.#metadataSize += size;
    if (this.#metadataSize > this.#maxMetadataSize) {
      fail(`the long names and pax records of a member have more than ${this.#maxMetadataSize} bytes`);
    }
    const again =
      (type === "L" && this.#longPath !== undefined) ||
      (type === "K" && this.#longLink !== undefined) ||
      (type === "x" && this.#pax !== undefined);
    if (again) fail("a member has two headers for one thing");
    this.#metadata = { type, bytes: Buffer.allocUnsafe(size), fill: 0 };
    this.#begin(size, "metadata");
  }

  #takeMetadata(): void {
    const { type, bytes } = this.#metadata!;
    this.#metadata = undefined;
    if (type === "L") this.#longPath = readString(bytes, 0, bytes.length);
    else if (type === "K") this.#longLink = readString(bytes, 0, bytes.length);
    else if (type === "x") this.#pax = readPax(bytes, NO_PAX);
    else this.#global = readPax(bytes, this.#global);
  }

  #beginMember(block: Buffer, flag: string): void {
    const overrides: Overrides = { ...this.#global.overrides, ...this.#pax?.overrides };
    const records =
      this.#pax === undefined
        ? this.#global.records
        : new Map([...this.#global.records, ...this.#pax.records]);
    const path = overrides.path ?? this.#longPath ?? readName(block);
    const linkTarget = overrides.linkTarget ?? this.#longLink ?? readString(block, 157, 100);
    this.#pax = undefined;
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#metadataSize = 0;

    if (path === "") fail("a member has no name");
    const shown = decodeByteString(path);
    const unsupported = UNSUPPORTED[flag];
    if (unsupported !== undefined) failUnsupported(`the member "${shown}" is ${unsupported}`);
    // v7 had no type for directories.
    const type = flag === "\0" && path.endsWith("/") ? "directory" : TYPES[flag];
    if (type === undefined) failUnsupported(`the member "${shown}" has the unknown type ${hex(flag)}`);

    const size = overrides.size ?? parseNumber(block, 124, 12, "size", shown);
    // Some programs skip the content that a link or a directory claims to have, some do not.
    if (type !== "file" && size !== 0) fail(`the member "${shown}" is a ${type} and has content`);
    const isLink = type === "hardlink" || type === "symlink";
    const isUstar = block.toString("latin1", 257, 262) === "ustar";
    this.#handler.member({
      path,
      type,
      mode: parseNumber(block, 100, 8, "mode", shown) & 0o7777,
      uid: overrides.uid ?? parseId(block, 108, "uid", shown),
      gid: overrides.gid ?? parseId(block, 116, "gid", shown),
      uname: overrides.uname ?? (isUstar ? readString(block, 265, 32) : EMPTY),
      gname: overrides.gname ?? (isUstar ? readString(block, 297, 32) : EMPTY),
      size,
      mtimeSeconds: overrides.mtimeSeconds ?? parseNumber(block, 136, 12, "mtime", shown, true),
      linkTarget: isLink ? linkTarget : EMPTY,
      contentOffset: this.#offset,
      typeFlag: flag,
      records,
    });
    this.#begin(size, "content");
  }
}

const EMPTY = "" as ByteString;

function fail(problem: string): never {
  throw new FormatError("BAD_TAR", "the tar archive", problem);
}

function failUnsupported(problem: string): never {
  throw new FormatError("UNSUPPORTED_TAR", "the tar archive", problem);
}

function hex(flag: string): string {
  return `0x${flag.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** Verifies the sum of a header's bytes; some old programs summed them as signed. */
function checkSum(block: Buffer, offset: number): void {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : block[i]!;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const text = block.toString("latin1", 148, 156);
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  const stated = digits === undefined ? -1 : Number.parseInt(digits, 8);
  if (stated !== unsigned && stated !== signed) fail(`the header at offset ${offset} has a wrong checksum`);
}

function readString(block: Buffer, start: number, length: number): ByteString {
  const nul = block.indexOf(0, start);
  const end = nul < 0 ? start + length : Math.min(nul, start + length);
  return block.toString("latin1", start, end) as ByteString;
}

/** The name of a header; only POSIX's magic means that the last field continues names. */
function readName(block: Buffer): ByteString {
  const name = readString(block, 0, 100);
  if (block.toString("latin1", 257, 263) !== "ustar\0") return name;
  const prefix = readString(block, 345, 155);
  return (prefix === "" ? name : `${prefix}/${name}`) as ByteString;
}

/** A numeric field: octal digits with blanks around them, or GNU's base 256. A blank field is 0. */
function parseNumber(
  block: Buffer,
  start: number,
  length: number,
  what: string,
  member?: string,
  mayBeNegative = false,
): number {
  const where = member === undefined ? "a header has a" : `the member "${member}" has a`;
  const first = block[start]!;
  let value: number;
  if (first >= 0x80) {
    let wide = BigInt(first & 0x7f);
    for (let i = start + 1; i < start + length; i++) wide = (wide << 8n) | BigInt(block[i]!);
    value = Number(BigInt.asIntN(length * 8 - 1, wide));
  } else {
    const text = block.toString("latin1", start, start + length);
    const digits = /^ *([0-7]*)(?:[ \0].*)?$/s.exec(text)?.[1];
    if (digits === undefined) return fail(`${where} ${what} that is no number`);
    value = digits === "" ? 0 : Number.parseInt(digits, 8);
  }
  if (!Number.isSafeInteger(value)) fail(`${where} ${what} that is too large`);
  if (value < 0 && !mayBeNegative) fail(`${where} negative ${what}`);
  return value;
}

function parseId(block: Buffer, start: number, what: string, member: string): number {
  const id = parseNumber(block, start, 8, what, member);
  if (id > LARGEST_ID) fail(`the member "${member}" has a ${what} that is too large`);
  return id;
}

/** Adds the records of a pax header to `known`; an empty value takes a key away. Unknown keys mean nothing here. */
function readPax(bytes: Buffer, known: Pax): Pax {
  const overrides: Overrides = { ...known.overrides };
  const records = new Map(known.records);
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 || space - at > 10 ? "" : bytes.toString("latin1", at, space);
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    const ok =
      /^[1-9][0-9]*$/.test(digits) &&
      end <= bytes.length &&
      bytes[end - 1] === 0x0a &&
      equals > space + 1 &&
      equals < end - 1;
    if (!ok) return fail("a pax record is malformed");
    const key = bytes.toString("latin1", space + 1, equals);
    const value = bytes.toString("latin1", equals + 1, end - 1) as ByteString;
    applyPax(overrides, key, value);
    if (value === "") records.delete(key);
    else records.set(key, value);
    at = end;
  }
  return { overrides, records };
}

function applyPax(overrides: Overrides, key: string, value: ByteString): void {
  if (key.startsWith("GNU.sparse.")) failUnsupported("a member is a sparse file");
  const field = PAX_FIELDS[key];
  if (field === undefined) return;
  if (value === "") delete overrides[field];
  else if (field === "path" || field === "linkTarget" || field === "uname" || field === "gname") {
    if (value.includes("\0")) fail(`the pax record "${key}" has a NUL byte`);
    overrides[field] = value;
  } else if (field === "mtimeSeconds") {
    if (!/^-?[0-9]{1,15}(?:\.[0-9]*)?$/.test(value)) fail(`the pax record "${key}" is no number`);
    overrides[field] = Math.floor(Number(value));
  } else {
    if (!/^[0-9]{1,15}$/.test(value)) fail(`the pax record "${key}" is no number that can be`);
    overrides[field] = Number(value);
    if (field !== "size" && overrides[field] > LARGEST_ID) fail(`the pax record "${key}" is too large`);
  }
}

const PAX_FIELDS: Readonly<Record<string, keyof Overrides>> = Object.assign(Object.create(null), {
  path: "path",
  linkpath: "linkTarget",
  size: "size",
  uid: "uid",
  gid: "gid",
  uname: "uname",
  gname: "gname",
  mtime: "mtimeSeconds",
});
