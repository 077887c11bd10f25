// ZIP archives and wheels from a short description, right or wrong in one thing.

import { createHash } from "node:crypto";
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFile {
  readonly name: string | Uint8Array;
  readonly data: string | Uint8Array;
  readonly method?: number;
  /** Unix mode with its file type; default a file of 0644. Undefined made-by is 3. */
  readonly mode?: number;
  readonly flags?: number;
  /** What both headers claim instead of what is so. */
  readonly claims?: { readonly size?: number; readonly compressedSize?: number; readonly crc32?: number };
  /** What the local header claims alone. */
  readonly localName?: string;
  /** Compressed bytes instead of what the method makes of the data. */
  readonly packed?: Uint8Array;
  /** Offset of the local header that the directory claims. */
  readonly offset?: number;
  /** Sizes and offset go to a ZIP64 field. */
  readonly zip64?: boolean;
}

export interface ZipOptions {
  /** Bytes after the end record. */
  readonly trailer?: Uint8Array;
  readonly comment?: string;
  /** Number of entries that the end record claims. */
  readonly count?: number;
  readonly zip64?: boolean;
}

const MAX_32 = 0xffffffff;

/** Writes an archive as PKWARE's APPNOTE has it. */
export function makeZip(files: readonly ZipFile[], options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.name as string);
    const data = Buffer.from(file.data as string);
    const method = file.method ?? 8;
    const packed = Buffer.from(file.packed ?? (method === 8 ? deflateRawSync(data) : data));
    const checksum = file.claims?.crc32 ?? crc32(data);
    const sizes = [file.claims?.size ?? data.length, file.claims?.compressedSize ?? packed.length] as const;
    const localName = Buffer.from(file.localName ?? name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(file.flags ?? 0, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(checksum, 14);
    local.writeUInt32LE(file.zip64 ? MAX_32 : sizes[1], 18);
    local.writeUInt32LE(file.zip64 ? MAX_32 : sizes[0], 22);
    local.writeUInt16LE(localName.length, 26);
    const extra = Buffer.alloc(file.zip64 ? 28 : 0);
    if (file.zip64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      for (const [index, value] of [...sizes, file.offset ?? offset].entries())
        extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
    }
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry[5] = 3;
    entry.writeUInt16LE(file.flags ?? 0, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(checksum, 16);
    entry.writeUInt32LE(file.zip64 ? MAX_32 : sizes[1], 20);
    entry.writeUInt32LE(file.zip64 ? MAX_32 : sizes[0], 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE((((file.mode ?? 0o100644) << 16) >>> 0) >>> 0, 38);
    entry.writeUInt32LE(file.zip64 ? MAX_32 : (file.offset ?? offset), 42);
    parts.push(local, localName, packed);
    directory.push(entry, name, extra);
    offset += 30 + localName.length + packed.length;
  }
  const bytes = Buffer.concat(directory);
  const tail = options.zip64 ? makeEnd64(offset, bytes.length, files.length) : Buffer.alloc(0);
  const comment = Buffer.from(options.comment ?? "");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64 ? 0xffff : (options.count ?? files.length), 8);
  end.writeUInt16LE(options.zip64 ? 0xffff : (options.count ?? files.length), 10);
  end.writeUInt32LE(options.zip64 ? MAX_32 : bytes.length, 12);
  end.writeUInt32LE(options.zip64 ? MAX_32 : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, bytes, tail, end, comment, options.trailer ?? Buffer.alloc(0)]);
}

function makeEnd64(offset: number, size: number, count: number): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(offset + size), 64);
  record.writeUInt32LE(1, 72);
  return record;
}

export interface WheelParts {
  readonly name?: string;
  readonly version?: string;
  /** By path in the wheel; a string is a file of 0644. */
  readonly files?: Readonly<
    Record<string, string | { readonly data: string | Uint8Array; readonly mode: number }>
  >;
  /** Lines of METADATA after name and version. */
  readonly metadata?: string;
  readonly wheel?: string;
  readonly entryPoints?: string;
  /** Changes the text of RECORD. */
  readonly record?: (text: string) => string;
  /** Members without a line in RECORD. */
  readonly unrecorded?: readonly ZipFile[];
  readonly without?: readonly string[];
}

/** Makes a wheel; default `demo` 1.0 with one module. */
export function makeWheel(parts: WheelParts = {}): Buffer {
  const { name = "demo", version = "1.0" } = parts;
  const info = `${name}-${version}.dist-info`;
  const all: Record<string, string | { readonly data: string | Uint8Array; readonly mode: number }> = {
    ...(parts.files ?? { [`${name}/__init__.py`]: "" }),
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${parts.metadata ?? ""}\n`,
    [`${info}/WHEEL`]: parts.wheel ?? "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    ...(parts.entryPoints === undefined ? {} : { [`${info}/entry_points.txt`]: parts.entryPoints }),
  };
  const members = Object.entries(all)
    .filter(([path]) => !parts.without?.some((one) => path.endsWith(one)))
    .map(([path, value]): ZipFile => {
      if (typeof value === "string") return { name: path, data: value };
      return { name: path, data: value.data, mode: 0o100000 | value.mode };
    });
  const lines = members.map(({ name: path, data }) => {
    const digest = createHash("sha256").update(data).digest("base64url");
    return `${path},sha256=${digest},${Buffer.from(data as string).length}\n`;
  });
  const record = `${lines.join("")}${info}/RECORD,,\n`;
  if (!parts.without?.includes("RECORD"))
    members.push({ name: `${info}/RECORD`, data: parts.record?.(record) ?? record });
  return makeZip([...members, ...(parts.unrecorded ?? [])]);
}
