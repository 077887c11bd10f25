// ZIP archives (jar, wheel, .ez): bytes → the names in the central directory, and single members.
// Specification: PKWARE APPNOTE 6.3; methods "stored" and "deflated", without encryption and without ZIP64.
// Input is hostile: offsets are checked, members are limited, and damage ends the list instead of throwing.

import { inflateRawSync } from "node:zlib";

export interface ZipEntry {
  /** The name's bytes as written, one character a byte. */
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  /** Bytes. */
  readonly compressedSize: number;
  readonly size: number;
  /** Offset of the member's local header. */
  readonly offset: number;
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END_SIZE = 22;
const MAX_COMMENT = 65_535;

/**
 * Lists an archive by its central directory.
 *
 * @returns undefined when there is no end-of-directory record; entries up to the first damage otherwise.
 *
 * Pure.
 */
export function listZip(bytes: Uint8Array): ZipEntry[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(buffer);
  if (end === undefined) return undefined;
  const entries: ZipEntry[] = [];
  const count = buffer.readUInt16LE(end + 10);
  let at = buffer.readUInt32LE(end + 16);
  for (let i = 0; i < count && at + 46 <= buffer.length; i++) {
    if (buffer.readUInt32LE(at) !== DIRECTORY_ENTRY) break;
    const nameSize = buffer.readUInt16LE(at + 28);
    entries.push({
      name: buffer.toString("latin1", at + 46, at + 46 + nameSize),
      method: buffer.readUInt16LE(at + 10),
      compressedSize: buffer.readUInt32LE(at + 20),
      size: buffer.readUInt32LE(at + 24),
      offset: buffer.readUInt32LE(at + 42),
    });
    at += 46 + nameSize + buffer.readUInt16LE(at + 30) + buffer.readUInt16LE(at + 32);
  }
  return entries;
}

function findEnd(buffer: Buffer): number | undefined {
  const first = Math.max(0, buffer.length - END_SIZE - MAX_COMMENT);
  for (let at = buffer.length - END_SIZE; at >= first; at--) {
    if (buffer[at] === 0x50 && buffer.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  }
  return undefined;
}

/**
 * Reads one member.
 *
 * @param maxSize Bytes; a larger member is not read, whatever its header says.
 * @returns undefined when the member is damaged, too large or of another method.
 *
 * Pure.
 */
export function readZipEntry(bytes: Uint8Array, entry: ZipEntry, maxSize: number): Uint8Array | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { offset, compressedSize, method } = entry;
  if (offset + 30 > buffer.length || buffer.readUInt32LE(offset) !== LOCAL_HEADER) return undefined;
  const start = offset + 30 + buffer.readUInt16LE(offset + 26) + buffer.readUInt16LE(offset + 28);
  if (start + compressedSize > buffer.length || entry.size > maxSize) return undefined;
  const data = buffer.subarray(start, start + compressedSize);
  if (method === 0) return data.length <= maxSize ? data : undefined;
  if (method !== 8) return undefined;
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, maxSize) });
  } catch {
    return undefined;
  }
}
