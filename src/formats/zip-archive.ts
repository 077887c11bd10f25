// ZIP archives that are unpacked: central directory → members that are safe to read one after the other.
// Specification: PKWARE APPNOTE 6.3; methods "stored" and "deflated", ZIP64, no encryption. (zip.ts only looks into
// archives that stay whole.) Input is hostile: what two readers could understand differently is refused.

import type { ByteString } from "../model/bytes.ts";
import { bytePathProblem, decodeByteString } from "../model/bytes.ts";
import { FormatError, type FormatErrorCode } from "./errors.ts";

/** Reads a range; fewer bytes than asked when the archive ends. */
export type ReadAt = (offset: number, length: number) => Buffer;

/** A file of an archive. */
export interface ZipMember {
  /** Checked: a path inside a tree. */
  readonly name: ByteString;
  readonly method: "stored" | "deflated";
  /** Offset of its compressed bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly compressedSize: number;
  /** Bytes, as both headers claim; whoever reads must hold it to that. */
  readonly size: number;
  /** As the directory claims. */
  readonly crc32: number;
  /** Permission bits; undefined when the archive was not made on Unix. */
  readonly mode: number | undefined;
}

export interface ZipLimits {
  /** Number of members. */
  readonly mostMembers: number;
  /** Bytes of all members together, uncompressed. */
  readonly maxSize: number;
}

const SIGNATURE = {
  local: 0x04034b50,
  entry: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
};
const END_SIZE = 22;
const LOCATOR_SIZE = 20;
const END64_SIZE = 56;
const ENTRY_SIZE = 46;
const LOCAL_SIZE = 30;
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
/** Bytes; a larger central directory is an attack. */
const LARGEST_DIRECTORY = 1 << 28;
/** Encrypted, patched, strongly encrypted, directory encrypted. */
const UNSUPPORTED_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000;
/** Sizes and CRC follow the data. */
const HAS_DESCRIPTOR = 0x0008;

function fail(code: FormatErrorCode, problem: string): FormatError {
  return new FormatError(code, "a ZIP archive", problem);
}

/**
 * Lists the files of an archive, sorted by offset, so that they can be read in one pass.
 *
 * Directories are left out. Names are unique, no file is the directory of another, no two members share bytes, and
 * every local header says what the directory says.
 *
 * @param size Bytes of the archive.
 * @throws {FormatError} `BAD_ZIP`, `UNSUPPORTED_ZIP` or `UNSAFE_ZIP`
 *
 * Pure, except for what `readAt` does.
 */
export function readZipDirectory(readAt: ReadAt, size: number, limits: ZipLimits): ZipMember[] {
  const end = readEnd(readAt, size);
  if (end.count > limits.mostMembers)
    throw fail("UNSAFE_ZIP", `it has ${end.count} members, at most ${limits.mostMembers} were expected`);
  const entries = readEntries(readFully(readAt, end.offset, end.size), end.count);
  checkNames(entries);
  entries.sort((a, b) => a.localOffset - b.localOffset);
  let total = 0;
  let free = 0;
  const members: ZipMember[] = [];
  for (const entry of entries) {
    total += entry.size;
    if (total > limits.maxSize) throw fail("UNSAFE_ZIP", `it holds more than ${limits.maxSize} bytes`);
    if (entry.localOffset < free)
      throw fail("UNSAFE_ZIP", `"${decodeByteString(entry.name)}" shares its bytes with another member`);
    const offset = readLocalHeader(readAt, entry);
    free = offset + entry.compressedSize;
    if (free > end.offset)
      throw fail("BAD_ZIP", `"${decodeByteString(entry.name)}" reaches into the directory`);
    if (!entry.isDirectory) {
      const { name, method, compressedSize, crc32, mode } = entry;
      members.push({ name, method, offset, compressedSize, size: entry.size, crc32, mode });
    }
  }
  return members;
}

function readFully(readAt: ReadAt, offset: number, length: number): Buffer {
  const bytes = readAt(offset, length);
  if (bytes.length !== length) throw fail("BAD_ZIP", "it is cut short");
  return bytes;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** The end record, which must be the end of the file; the directory must be right before it. */
function readEnd(readAt: ReadAt, size: number): Directory {
  const start = Math.max(0, size - END_SIZE - MAX_16);
  const tail = readFully(readAt, start, size - start);
  for (let at = tail.length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== SIGNATURE.end || at + END_SIZE + tail.readUInt16LE(at + 20) !== tail.length)
      continue;
    const record = tail.subarray(at);
    const plain = {
      offset: record.readUInt32LE(16),
      size: record.readUInt32LE(12),
      count: record.readUInt16LE(10),
    };
    if (record.readUInt16LE(4) !== record.readUInt16LE(6) || record.readUInt16LE(8) !== plain.count)
      throw fail("UNSUPPORTED_ZIP", "it is a part of several");
    const is64 = plain.offset === MAX_32 || plain.size === MAX_32 || plain.count === MAX_16;
    const { directory, position } = is64
      ? readEnd64(readAt, start + at)
      : { directory: plain, position: start + at };
    if (directory.offset + directory.size !== position || directory.size > LARGEST_DIRECTORY)
      throw fail("BAD_ZIP", "its directory is not where its end says");
    return directory;
  }
  throw fail("BAD_ZIP", "it has no end record, or bytes after it");
}

function readEnd64(readAt: ReadAt, endPosition: number): { directory: Directory; position: number } {
  const locator = readFully(readAt, Math.max(0, endPosition - LOCATOR_SIZE), LOCATOR_SIZE);
  const position = toNumber(locator.readBigUInt64LE(8));
  const record = readFully(readAt, position, END64_SIZE);
  if (
    locator.readUInt32LE(0) !== SIGNATURE.locator ||
    record.readUInt32LE(0) !== SIGNATURE.end64 ||
    position + 12 + toNumber(record.readBigUInt64LE(4)) !== endPosition - LOCATOR_SIZE
  )
    throw fail("BAD_ZIP", "its ZIP64 records are damaged");
  return {
    directory: {
      offset: toNumber(record.readBigUInt64LE(48)),
      size: toNumber(record.readBigUInt64LE(40)),
      count: toNumber(record.readBigUInt64LE(32)),
    },
    position,
  };
}

function toNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw fail("BAD_ZIP", "a number is too large");
  return Number(value);
}

interface Entry extends Omit<ZipMember, "offset"> {
  readonly rawName: Buffer;
  readonly isDirectory: boolean;
  readonly flags: number;
  readonly localOffset: number;
}

function readEntries(bytes: Buffer, count: number): Entry[] {
  const entries: Entry[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + ENTRY_SIZE > bytes.length || bytes.readUInt32LE(at) !== SIGNATURE.entry)
      throw fail("BAD_ZIP", "its directory is damaged");
    const nameEnd = at + ENTRY_SIZE + bytes.readUInt16LE(at + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(at + 30);
    const next = extraEnd + bytes.readUInt16LE(at + 32);
    if (next > bytes.length) throw fail("BAD_ZIP", "its directory is damaged");
    entries.push(readEntry(bytes.subarray(at, next), nameEnd - at, extraEnd - at));
    at = next;
  }
  if (at !== bytes.length) throw fail("BAD_ZIP", "its directory has more entries than it says");
  return entries;
}

function readEntry(bytes: Buffer, nameEnd: number, extraEnd: number): Entry {
  const rawName = bytes.subarray(ENTRY_SIZE, nameEnd);
  const shown = rawName.toString("utf8");
  const flags = bytes.readUInt16LE(8);
  const method = bytes.readUInt16LE(10);
  if ((flags & UNSUPPORTED_FLAGS) !== 0) throw fail("UNSUPPORTED_ZIP", `"${shown}" is encrypted`);
  if (method !== 0 && method !== 8)
    throw fail("UNSUPPORTED_ZIP", `"${shown}" is compressed by method ${method}, 0 or 8 was expected`);
  const wide = readWideFields(bytes.subarray(nameEnd, extraEnd), [
    bytes.readUInt32LE(24),
    bytes.readUInt32LE(20),
    bytes.readUInt32LE(42),
  ]);
  const [size, compressedSize, localOffset] = wide;
  const isDirectory = rawName.at(-1) === 0x2f;
  if ((isDirectory && size !== 0) || (method === 0 && size !== compressedSize))
    throw fail("BAD_ZIP", `"${shown}" lies about its size`);
  return {
    rawName,
    name: (isDirectory ? rawName.subarray(0, -1) : rawName).toString("latin1") as ByteString,
    isDirectory,
    flags,
    method: method === 0 ? "stored" : "deflated",
    compressedSize,
    size,
    crc32: bytes.readUInt32LE(16),
    mode: readMode(bytes, isDirectory, shown),
    localOffset,
  };
}

/** Sizes and offset, taken from the ZIP64 field where the header has no room for them. */
function readWideFields(extra: Buffer, narrow: readonly [number, number, number]): [number, number, number] {
  if (!narrow.includes(MAX_32)) return [...narrow];
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    let used = 0;
    return narrow.map((value) => {
      if (value !== MAX_32) return value;
      if (used + 8 > field.length) throw fail("BAD_ZIP", "a ZIP64 field is cut short");
      used += 8;
      return toNumber(field.readBigUInt64LE(used - 8));
    }) as [number, number, number];
  }
  throw fail("BAD_ZIP", "a ZIP64 field is missing");
}

/** Permission bits that were set on Unix; refuses links and devices. */
function readMode(bytes: Buffer, isDirectory: boolean, shown: string): number | undefined {
  const mode = bytes.readUInt16LE(40);
  const type = mode & 0o170000;
  const isPlain = type === 0 || type === (isDirectory ? 0o040000 : 0o100000);
  if (bytes[5] !== 3) return undefined;
  if (!isPlain) throw fail("UNSUPPORTED_ZIP", `"${shown}" is a link or a device, a file was expected`);
  return mode & 0o7777;
}

function checkNames(entries: readonly Entry[]): void {
  const files = new Set<string>();
  const directories = new Set<string>();
  for (const { name, isDirectory } of entries) {
    const shown = decodeByteString(name);
    const problem = name === "" ? "the name is empty" : bytePathProblem(name);
    if (problem !== undefined) throw fail("UNSAFE_ZIP", `"${shown}" is no path inside it: ${problem}`);
    if (!isDirectory && files.has(name)) throw fail("UNSAFE_ZIP", `it has "${shown}" twice`);
    (isDirectory ? directories : files).add(name);
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1))
      directories.add(name.slice(0, at));
  }
  for (const name of files) {
    if (directories.has(name))
      throw fail("UNSAFE_ZIP", `"${decodeByteString(name)}" is a file and a directory`);
  }
}

/** Checks that the local header says what the directory says. @returns Where the data begins. */
function readLocalHeader(readAt: ReadAt, entry: Entry): number {
  const { localOffset, rawName } = entry;
  const header = readFully(readAt, localOffset, LOCAL_SIZE + rawName.length);
  const hasDescriptor = (entry.flags & HAS_DESCRIPTOR) !== 0;
  const claims = [header.readUInt32LE(18), header.readUInt32LE(22)] as const;
  const agrees =
    header.readUInt32LE(0) === SIGNATURE.local &&
    header.readUInt16LE(26) === rawName.length &&
    header.subarray(LOCAL_SIZE).equals(rawName) &&
    header.readUInt16LE(8) === (entry.method === "stored" ? 0 : 8) &&
    (header.readUInt16LE(6) & (UNSUPPORTED_FLAGS | HAS_DESCRIPTOR)) === (entry.flags & HAS_DESCRIPTOR) &&
    (hasDescriptor ||
      ((claims[0] === entry.compressedSize || claims[0] === MAX_32) &&
        (claims[1] === entry.size || claims[1] === MAX_32) &&
        header.readUInt32LE(14) === entry.crc32));
  if (!agrees) throw fail("BAD_ZIP", `the two headers of "${decodeByteString(entry.name)}" do not agree`);
  return localOffset + LOCAL_SIZE + rawName.length + header.readUInt16LE(28);
}
