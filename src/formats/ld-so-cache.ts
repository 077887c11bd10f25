// /etc/ld.so.cache: library names by the order in which the loader looks them up ⇄ bytes.
// Specification: glibc 2.33 to 2.41, sysdeps/generic/dl-cache.h and elf/cache.c, format "glibc-ld.so.cache1.1".

/** One library that the loader can find. */
export interface CachedLibrary {
  /** The name that DT_NEEDED has: `libc.so.6`. */
  readonly name: string;
  /** Absolute path of the file, as found in a configured directory. */
  readonly path: string;
  /** What kind of library it is: see {@link libraryFlags}. */
  readonly flags: number;
  /** The name of a `glibc-hwcaps` directory that it is for, such as `x86-64-v3`. */
  readonly hwcap?: string | undefined;
}

export interface LibraryCache {
  readonly libraries: readonly CachedLibrary[];
  /** What made the cache, such as `ldconfig (Debian GLIBC 2.36-9) stable release version 2.36`. */
  readonly generator: string;
}

const MAGIC = "glibc-ld.so.cache1.1";
const OLD_MAGIC = "ld.so-1.7.0";
const OLD_HEADER_SIZE = 16;
const OLD_ENTRY_SIZE = 12;
const HEADER_SIZE = 48;
const ENTRY_SIZE = 24;
const LITTLE_ENDIAN = 2;
const EXTENSION_MAGIC = 0xeaa42174;
const EXTENSION_HEADER_SIZE = 8;
const SECTION_SIZE = 16;
const SECTION_GENERATOR = 0;
const SECTION_HWCAPS = 1;
/** Marks an entry whose hwcap field is an index of the hwcaps section. */
const HWCAP_EXTENSION = 1n << 62n;

/** FLAG_ELF_LIBC6: a library for the glibc of this age. */
const LIBC6 = 0x0003;
/** Further bits by processor (e_machine); others have none. */
const MACHINE_FLAGS: Readonly<Record<number, number>> = { 62: 0x0300, 183: 0x0a00, 243: 0x1000 };

/** The flags of a 64-bit library for a processor, by `e_machine`. */
export function libraryFlags(machine: number): number {
  return LIBC6 | (MACHINE_FLAGS[machine] ?? 0);
}

/**
 * Orders names as the loader's binary search wants them: like text, but numbers as numbers.
 *
 * Source: `_dl_cache_libcmp`.
 */
export function compareLibraryNames(a: string, b: string): number {
  let i = 0;
  let j = 0;
  const isDigit = (code: number) => code >= 0x30 && code <= 0x39;
  while (i < a.length) {
    const x = a.charCodeAt(i);
    const y = j < b.length ? b.charCodeAt(j) : 0;
    if (isDigit(x)) {
      if (!isDigit(y)) return 1;
      let first = 0;
      let second = 0;
      while (i < a.length && isDigit(a.charCodeAt(i))) first = first * 10 + a.charCodeAt(i++) - 0x30;
      while (j < b.length && isDigit(b.charCodeAt(j))) second = second * 10 + b.charCodeAt(j++) - 0x30;
      if (first !== second) return first - second;
    } else if (isDigit(y)) return -1;
    else if (x !== y) return x - y;
    else {
      i++;
      j++;
    }
  }
  return j < b.length ? -b.charCodeAt(j) : 0;
}

/** Writes a cache, as `ldconfig` does; `libraries` are given in the order in which their directories are searched. */
export function formatLibraryCache({ libraries, generator }: LibraryCache): Buffer {
  const hwcaps = [...new Set(libraries.flatMap(({ hwcap }) => hwcap ?? []))].sort();
  const sorted = sortLibraries(libraries);
  const strings = new StringTable();
  for (const { name, path } of sorted) {
    strings.add(name);
    strings.add(path);
  }
  for (const name of hwcaps) strings.add(name);
  const table = strings.finish();
  const stringsStart = HEADER_SIZE + sorted.length * ENTRY_SIZE;
  const extensionStart = (stringsStart + table.bytes.length + 3) & ~3;

  const head = Buffer.alloc(extensionStart);
  head.write(MAGIC, 0, "latin1");
  head.writeUInt32LE(sorted.length, 20);
  head.writeUInt32LE(table.bytes.length, 24);
  head.writeUInt8(LITTLE_ENDIAN, 28);
  head.writeUInt32LE(extensionStart, 32);
  for (const [index, { name, path, flags, hwcap }] of sorted.entries()) {
    const at = HEADER_SIZE + index * ENTRY_SIZE;
    head.writeInt32LE(flags, at);
    head.writeUInt32LE(stringsStart + table.offsetOf(name), at + 4);
    head.writeUInt32LE(stringsStart + table.offsetOf(path), at + 8);
    head.writeBigUInt64LE(
      hwcap === undefined ? 0n : HWCAP_EXTENSION | BigInt(hwcaps.indexOf(hwcap)),
      at + 16,
    );
  }
  table.bytes.copy(head, stringsStart);
  const hwcapOffsets = hwcaps.map((name) => stringsStart + table.offsetOf(name));
  return Buffer.concat([head, formatExtensions(extensionStart, generator, hwcapOffsets)]);
}

/** The extension directory, the hwcaps as a table of strings, and the generator. */
function formatExtensions(start: number, generator: string, hwcaps: readonly number[]): Buffer {
  const sections = hwcaps.length > 0 ? 2 : 1;
  const directory = Buffer.alloc(EXTENSION_HEADER_SIZE + sections * SECTION_SIZE);
  directory.writeUInt32LE(EXTENSION_MAGIC, 0);
  directory.writeUInt32LE(sections, 4);
  const describe = (index: number, tag: number, offset: number, size: number) => {
    const at = EXTENSION_HEADER_SIZE + index * SECTION_SIZE;
    directory.writeUInt32LE(tag, at);
    directory.writeUInt32LE(offset, at + 8);
    directory.writeUInt32LE(size, at + 12);
  };
  const table = Buffer.alloc(hwcaps.length * 4);
  for (const [index, offset] of hwcaps.entries()) table.writeUInt32LE(offset, index * 4);
  const tableStart = start + directory.length;
  describe(0, SECTION_GENERATOR, tableStart + table.length, generator.length);
  if (hwcaps.length > 0) describe(1, SECTION_HWCAPS, tableStart, table.length);
  return Buffer.concat([directory, table, Buffer.from(generator, "latin1")]);
}

/** The order of `compare` in elf/cache.c: names descending, for one name hwcaps first, then the order of search. */
function sortLibraries(libraries: readonly CachedLibrary[]): CachedLibrary[] {
  return [...libraries].sort((a, b) => {
    const byName = compareLibraryNames(b.name, a.name);
    if (byName !== 0) return byName;
    if (a.flags !== b.flags) return b.flags - a.flags;
    if (a.hwcap === b.hwcap) return 0;
    if (a.hwcap === undefined) return 1;
    if (b.hwcap === undefined) return -1;
    return a.hwcap < b.hwcap ? -1 : 1;
  });
}

/** Strings, each once, in which one that another ends with shares its bytes. Source: elf/stringtable.c. */
class StringTable {
  readonly #strings = new Set<string>();

  add(text: string): void {
    this.#strings.add(text);
  }

  finish(): { readonly bytes: Buffer; offsetOf(text: string): number } {
    const reverse = (text: string) => [...text].reverse().join("");
    const sorted = [...this.#strings]
      .map((text) => ({ text, key: reverse(text) }))
      // By reversed text, descending; of two with the same end the longer first.
      .sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1));
    const offsets = new Map<string, number>();
    let size = 0;
    let previous: { text: string; offset: number } | undefined;
    const kept: string[] = [];
    for (const { text } of sorted) {
      const shares = previous?.text.endsWith(text) === true;
      const offset = shares ? previous!.offset + previous!.text.length - text.length : size;
      if (!shares) {
        kept.push(text);
        size += text.length + 1;
      }
      offsets.set(text, offset);
      previous = { text, offset };
    }
    const bytes = Buffer.from(kept.map((text) => `${text}\0`).join(""), "latin1");
    return { bytes, offsetOf: (text) => offsets.get(text)! };
  }
}

/** Reads a cache; undefined when the bytes are none of this format, or break it. */
export function parseLibraryCache(bytes: Uint8Array): LibraryCache | undefined {
  const buffer = skipOldCache(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (buffer.length < HEADER_SIZE || buffer.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  const count = buffer.readUInt32LE(20);
  if (HEADER_SIZE + count * ENTRY_SIZE > buffer.length) return undefined;
  const extensions = readExtensions(buffer, buffer.readUInt32LE(32));
  const libraries: CachedLibrary[] = [];
  for (let index = 0; index < count; index++) {
    const at = HEADER_SIZE + index * ENTRY_SIZE;
    const name = readString(buffer, buffer.readUInt32LE(at + 4));
    const path = readString(buffer, buffer.readUInt32LE(at + 8));
    if (name === undefined || path === undefined) return undefined;
    const hwcap = buffer.readBigUInt64LE(at + 16);
    const extension =
      (hwcap & HWCAP_EXTENSION) === 0n ? undefined : extensions.hwcaps[Number(hwcap & 0xffffffffn)];
    libraries.push({
      name,
      path,
      flags: buffer.readInt32LE(at),
      ...(extension === undefined ? {} : { hwcap: extension }),
    });
  }
  return { libraries, generator: extensions.generator };
}

/** Before glibc 2.32 a cache of the format of libc5 came first, with the same libraries. */
function skipOldCache(buffer: Buffer): Buffer {
  if (buffer.length < OLD_HEADER_SIZE || buffer.toString("latin1", 0, OLD_MAGIC.length) !== OLD_MAGIC)
    return buffer;
  const end = OLD_HEADER_SIZE + buffer.readUInt32LE(12) * OLD_ENTRY_SIZE;
  return buffer.subarray(Math.ceil(end / 8) * 8);
}

function readString(buffer: Buffer, offset: number): string | undefined {
  const end = offset < buffer.length ? buffer.indexOf(0, offset) : -1;
  return end < 0 ? undefined : buffer.toString("latin1", offset, end);
}

function readExtensions(
  buffer: Buffer,
  start: number,
): { generator: string; hwcaps: (string | undefined)[] } {
  let generator = "";
  let hwcaps: (string | undefined)[] = [];
  if (start === 0 || start + EXTENSION_HEADER_SIZE > buffer.length) return { generator, hwcaps };
  if (buffer.readUInt32LE(start) !== EXTENSION_MAGIC) return { generator, hwcaps };
  const sections = buffer.readUInt32LE(start + 4);
  for (let index = 0; index < sections; index++) {
    const at = start + EXTENSION_HEADER_SIZE + index * SECTION_SIZE;
    if (at + SECTION_SIZE > buffer.length) break;
    const offset = buffer.readUInt32LE(at + 8);
    const size = buffer.readUInt32LE(at + 12);
    if (offset + size > buffer.length) continue;
    const tag = buffer.readUInt32LE(at);
    if (tag === SECTION_GENERATOR) generator = buffer.toString("latin1", offset, offset + size);
    else if (tag === SECTION_HWCAPS) {
      hwcaps = Array.from({ length: size >> 2 }, (_, i) =>
        readString(buffer, buffer.readUInt32LE(offset + i * 4)),
      );
    }
  }
  return { generator, hwcaps };
}
