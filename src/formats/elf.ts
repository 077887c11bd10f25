// ELF object files: bytes → what the dynamic loader and a reader of strings need to know of them.
// Specification: System V ABI (gABI) with the GNU extensions for symbol versions and hash tables.
// Input is hostile: every offset is checked, every table is limited, and damage becomes `problem`, never an exception.

/** Processors by `e_machine`, as `readelf -h` numbers them. */
export const ELF_MACHINES = {
  3: "i386",
  8: "mips",
  20: "powerpc",
  21: "powerpc64",
  22: "s390",
  40: "arm",
  62: "x86-64",
  183: "aarch64",
  243: "riscv",
  258: "loongarch",
} as const satisfies Readonly<Record<number, string>>;

export type ElfType = "relocatable" | "executable" | "shared" | "core" | "other";

/** A range of the file, bytes. */
export interface ElfRange {
  readonly offset: number;
  readonly size: number;
}

export interface ElfSection extends ElfRange {
  readonly name: string;
  /** `sh_type`. */
  readonly type: number;
  /** `sh_flags`: 1 write, 2 alloc, 4 executable. */
  readonly flags: number;
}

/** A symbol version that a file wants of a library. */
export interface ElfVersion {
  readonly name: string;
  /** A weak version may be missing: the loader then warns only. */
  readonly weak: boolean;
}

export interface ElfVersionNeed {
  /** The soname, as in DT_NEEDED. */
  readonly library: string;
  readonly versions: readonly ElfVersion[];
}

export interface ElfSymbols {
  /** Undefined dynamic symbols, without versions. */
  readonly imported: ReadonlySet<string>;
  /** Defined global and weak dynamic symbols, without versions. */
  readonly exported: ReadonlySet<string>;
}

/** What the dynamic loader knows of a file. All strings are byte strings (latin1). */
export interface ElfLinkage {
  readonly class: 32 | 64;
  readonly endianness: "little" | "big";
  /** `e_machine`; see {@link ELF_MACHINES}. */
  readonly machine: number;
  /** `e_flags`: for ARM the float ABI, for MIPS and RISC-V the variant. */
  readonly flags: number;
  readonly type: ElfType;
  /** PT_INTERP. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  /** DT_RPATH and DT_RUNPATH: directories, with `$ORIGIN` and the like as written. */
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
  readonly versionNeeds: readonly ElfVersionNeed[];
  /** Names of the versions that the file defines, the base definition (its own name) left out. */
  readonly versionDefinitions: readonly string[];
  /** A position-independent program, not a library. */
  readonly pie: boolean;
  /** A program that no loader touches: neither interpreter nor DT_NEEDED. */
  readonly static: boolean;
  /** What is damaged, where something is; the other fields then hold what could be read. */
  readonly problem: string | undefined;
}

/** One parsed file. */
export interface Elf extends ElfLinkage {
  /** Absent when the section headers were stripped. */
  readonly sections: readonly ElfSection[] | undefined;
  /** Initialised data where string literals lie; sorted, merged; without code, symbol names, relocations and notes. */
  readonly dataRanges: readonly ElfRange[];
  /** Reads the dynamic symbol table, at the first call. Damage ends the list. */
  readSymbols(): ElfSymbols;
}

const MAX_HEADERS = 65_536;
const MAX_DYNAMIC = 65_536;
const MAX_STRING = 4_096;
const MAX_SYMBOLS = 4_000_000;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const SHT_PROGBITS = 1;
const SHT_DYNSYM = 11;
const SHT_NOBITS = 8;

const DT = {
  NEEDED: 1,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  STRSZ: 10,
  SONAME: 14,
  RPATH: 15,
  REL: 17,
  RELSZ: 18,
  PLTRELSZ: 2,
  JMPREL: 23,
  RUNPATH: 29,
  GNU_HASH: 0x6ffffef5,
  FLAGS_1: 0x6ffffffb,
  VERDEF: 0x6ffffffc,
  VERDEFNUM: 0x6ffffffd,
  VERNEED: 0x6ffffffe,
  VERNEEDNUM: 0x6fffffff,
} as const;
const DF_1_PIE = 0x08000000;

/** Sections with alloc and data flags that hold no literals of the program. */
const NO_LITERALS =
  /^\.(?:interp|dyn|gnu|hash|rel|note|eh_frame|gcc_except|got|plt|init|fini|tm_clone|ctors|dtors|jcr|gopclntab|gosymtab|typelink|itablink|ARM)/;

interface Segment extends ElfRange {
  readonly type: number;
  readonly flags: number;
  readonly address: number;
}

/** Thrown inside this file only. */
class Damage extends Error {}

/** A file of which only what is asked for is read. */
export interface ElfSource {
  /** Bytes. */
  readonly size: number;
  /** Fills `target` with the bytes from `position` on; it never reaches beyond the file. */
  readInto(position: number, target: Uint8Array): void;
}

/** Bytes read at a time from a source. */
const PAGE = 8_192;
const NO_BYTES: Uint8Array = new Uint8Array();

/** Checked access to the words of one file, which is at hand as a whole or read by pages. */
class Reader {
  readonly size: number;
  readonly wide: boolean;
  readonly #little: boolean;
  readonly #source: ElfSource | undefined;
  readonly #pages = new Map<number, Uint8Array>();
  /** Bytes at hand: those from `#start` on. */
  #bytes = NO_BYTES;
  #view: DataView = new DataView(NO_BYTES.buffer);
  #start = 0;

  constructor(file: Uint8Array | ElfSource, wide: boolean, little: boolean) {
    this.wide = wide;
    this.#little = little;
    const isWhole = file instanceof Uint8Array;
    this.size = isWhole ? file.length : file.size;
    this.#source = isWhole ? undefined : file;
    if (isWhole) this.#hold(file, 0);
  }

  #hold(bytes: Uint8Array, start: number): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = start;
  }

  /** Forgets what was read from a source. */
  release(): void {
    if (this.#source === undefined) return;
    this.#pages.clear();
    this.#hold(NO_BYTES, 0);
  }

  /** The index of a range in the bytes at hand, which are read if need be. */
  #locate(offset: number, size: number, what: string): number {
    if (!(offset >= 0 && offset + size <= this.size)) throw new Damage(`${what} lies outside the file`);
    const index = offset - this.#start;
    if (index >= 0 && index + size <= this.#bytes.length) return index;
    const start = offset - (offset % PAGE);
    if (offset + size > start + PAGE) this.#hold(this.#read(offset, size), offset);
    else {
      const page = this.#pages.get(start) ?? this.#read(start, Math.min(PAGE, this.size - start));
      this.#pages.set(start, page);
      this.#hold(page, start);
    }
    return offset - this.#start;
  }

  #read(position: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    this.#source!.readInto(position, bytes);
    return bytes;
  }

  u8(offset: number, what: string): number {
    const index = this.#locate(offset, 1, what);
    return this.#view.getUint8(index);
  }

  u16(offset: number, what: string): number {
    const index = this.#locate(offset, 2, what);
    return this.#view.getUint16(index, this.#little);
  }

  u32(offset: number, what: string): number {
    const index = this.#locate(offset, 4, what);
    return this.#view.getUint32(index, this.#little);
  }

  /** 64 bits as a number: values over 2^53 are inexact, and outside every file anyway. */
  u64(offset: number, what: string): number {
    const index = this.#locate(offset, 8, what);
    const first = this.#view.getUint32(index, this.#little);
    const second = this.#view.getUint32(index + 4, this.#little);
    return this.#little ? second * 2 ** 32 + first : first * 2 ** 32 + second;
  }

  /** An address, offset or size of the file's class. */
  word(offset: number, what: string): number {
    return this.wide ? this.u64(offset, what) : this.u32(offset, what);
  }

  /** A NUL-terminated byte string that ends before `end`. */
  string(offset: number, end: number, what: string): string {
    const limit = Math.min(end, this.size, offset + MAX_STRING);
    let index = this.#locate(offset, 1, what);
    let nul = this.#findNul(index, limit);
    if (nul < 0 && this.#start + this.#bytes.length < limit) {
      index = this.#locate(offset, limit - offset, what);
      nul = this.#findNul(index, limit);
    }
    if (nul < 0) throw new Damage(`${what} has no end`);
    return latin1(this.#bytes, index, index + nul);
  }

  #findNul(index: number, limit: number): number {
    return this.#bytes.subarray(index, Math.max(index, limit - this.#start)).indexOf(0);
  }
}

/**
 * Parses an ELF file.
 *
 * @returns undefined when the bytes do not begin as ELF does (magic, a known class and byte order).
 *
 * Pure. Never throws: a truncated or hostile file gives a value with `problem`.
 */
export function parseElf(bytes: Uint8Array): Elf | undefined {
  const identity = readIdentity(bytes);
  return identity && new ParsedElf(new Reader(bytes, identity.wide, identity.little), identity.little, true);
}

/**
 * Parses what the dynamic loader reads of an ELF file: some pages of it, whatever its size.
 *
 * @returns As {@link parseElf}.
 * @throws Only what the source throws.
 */
export function parseElfLinkage(source: ElfSource): ElfLinkage | undefined {
  const start = new Uint8Array(Math.min(IDENTITY_SIZE, source.size));
  source.readInto(0, start);
  const identity = readIdentity(start);
  if (identity === undefined) return undefined;
  const reader = new Reader(source, identity.wide, identity.little);
  const elf = new ParsedElf(reader, identity.little, false);
  reader.release();
  return elf;
}

const IDENTITY_SIZE = 16;

function readIdentity(bytes: Uint8Array): { wide: boolean; little: boolean } | undefined {
  if (
    bytes.length < IDENTITY_SIZE ||
    bytes[0] !== 0x7f ||
    bytes[1] !== 0x45 ||
    bytes[2] !== 0x4c ||
    bytes[3] !== 0x46
  ) {
    return undefined;
  }
  const wide = bytes[4] === 2;
  const little = bytes[5] === 1;
  return (!wide && bytes[4] !== 1) || (!little && bytes[5] !== 2) ? undefined : { wide, little };
}

class ParsedElf implements Elf {
  readonly class: 32 | 64;
  readonly endianness: "little" | "big";
  machine = 0;
  flags = 0;
  type: ElfType = "other";
  interpreter: string | undefined;
  readonly needed: string[] = [];
  soname: string | undefined;
  rpath: string[] = [];
  runpath: string[] = [];
  versionNeeds: readonly ElfVersionNeed[] = [];
  versionDefinitions: readonly string[] = [];
  pie = false;
  static = false;
  sections: readonly ElfSection[] | undefined;
  dataRanges: readonly ElfRange[] = [];
  problem: string | undefined;
  readonly #reader: Reader;
  #segments: readonly Segment[] = [];
  /** Dynamic entries with one value each. */
  readonly #dynamic = new Map<number, number>();
  #symbols: ElfSymbols | undefined;

  /** @param whole Whether sections and data are of interest, too. */
  constructor(reader: Reader, little: boolean, whole: boolean) {
    this.#reader = reader;
    this.class = reader.wide ? 64 : 32;
    this.endianness = little ? "little" : "big";
    this.#attempt(() => this.#readHeader());
    if (whole) this.#attempt(() => this.#readSections());
    this.#attempt(() => this.#readInterpreter());
    const isDynamic = this.#attempt(() => this.#readDynamic()) ?? false;
    this.#attempt(() => this.#readVersionNeeds());
    this.#attempt(() => this.#readVersionDefinitions());
    this.pie =
      this.type === "shared" &&
      (((this.#dynamic.get(DT.FLAGS_1) ?? 0) & DF_1_PIE) !== 0 ||
        (this.interpreter !== undefined && this.soname === undefined));
    this.static =
      this.interpreter === undefined &&
      this.needed.length === 0 &&
      (this.pie || (this.type === "executable" && (!isDynamic || this.soname === undefined)));
    if (whole) this.dataRanges = this.#attempt(() => this.#findData()) ?? [];
  }

  /** Runs one step of parsing; the first damage found is the one reported. */
  #attempt<T>(step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.problem ??= error.message;
      return undefined;
    }
  }

  #readHeader(): void {
    const reader = this.#reader;
    const { wide } = reader;
    const type = reader.u16(16, "the header");
    this.type = (["other", "relocatable", "executable", "shared", "core"] as const)[type] ?? "other";
    this.machine = reader.u16(18, "the header");
    const start = wide ? reader.u64(32, "the header") : reader.u32(28, "the header");
    const rest = wide ? 48 : 36;
    this.flags = reader.u32(rest, "the header");
    const entrySize = reader.u16(rest + 6, "the header");
    const count = reader.u16(rest + 8, "the header");
    if (count === 0) return;
    if (entrySize < (wide ? 56 : 32)) throw new Damage("the program headers are too small");
    const segments: Segment[] = [];
    for (let i = 0; i < count; i++) {
      const at = start + i * entrySize;
      const what = "a program header";
      segments.push({
        type: reader.u32(at, what),
        flags: reader.u32(at + (wide ? 4 : 24), what),
        offset: wide ? reader.u64(at + 8, what) : reader.u32(at + 4, what),
        address: wide ? reader.u64(at + 16, what) : reader.u32(at + 8, what),
        size: wide ? reader.u64(at + 32, what) : reader.u32(at + 16, what),
      });
    }
    this.#segments = segments;
  }

  #readSections(): void {
    const reader = this.#reader;
    const { wide } = reader;
    const start = wide ? reader.u64(40, "the header") : reader.u32(32, "the header");
    const rest = wide ? 58 : 46;
    const entrySize = reader.u16(rest, "the header");
    let count = reader.u16(rest + 2, "the header");
    let namesIndex = reader.u16(rest + 4, "the header");
    if (start === 0) return;
    if (entrySize < (wide ? 64 : 40)) throw new Damage("the section headers are too small");
    const what = "a section header";
    // Files with 65,280 sections or more keep the numbers in section 0.
    if (count === 0) count = reader.word(start + (wide ? 32 : 20), what);
    if (namesIndex === 0xffff) namesIndex = reader.u32(start + (wide ? 40 : 24), what);
    if (count > MAX_HEADERS) throw new Damage(`it has ${count} sections, more than ${MAX_HEADERS}`);
    const raw: { name: number; type: number; flags: number; offset: number; size: number }[] = [];
    for (let i = 0; i < count; i++) {
      const at = start + i * entrySize;
      raw.push({
        name: reader.u32(at, what),
        type: reader.u32(at + 4, what),
        flags: wide ? reader.u64(at + 8, what) : reader.u32(at + 8, what),
        offset: wide ? reader.u64(at + 24, what) : reader.u32(at + 16, what),
        size: wide ? reader.u64(at + 32, what) : reader.u32(at + 20, what),
      });
    }
    const names = raw[namesIndex];
    this.sections = raw.map((section) => ({
      ...section,
      name:
        names === undefined
          ? ""
          : reader.string(names.offset + section.name, names.offset + names.size, "a section name"),
    }));
  }

  #readInterpreter(): void {
    const segment = this.#segments.find(({ type }) => type === PT_INTERP);
    if (segment === undefined) return;
    this.interpreter = this.#reader.string(segment.offset, segment.offset + segment.size, "the interpreter");
  }

  /** The file offset of an address, by the load segments. */
  #toOffset(address: number, what: string): number {
    for (const segment of this.#segments) {
      if (segment.type !== PT_LOAD) continue;
      if (address >= segment.address && address - segment.address < segment.size) {
        return address - segment.address + segment.offset;
      }
    }
    throw new Damage(`${what} is at an address that no segment loads`);
  }

  /** @returns Whether the file has a dynamic section. */
  #readDynamic(): boolean {
    const reader = this.#reader;
    const segment = this.#segments.find(({ type }) => type === PT_DYNAMIC);
    if (segment === undefined) return false;
    const wordSize = reader.wide ? 8 : 4;
    const strings: [tag: number, value: number][] = [];
    const count = Math.floor(segment.size / (2 * wordSize));
    for (let i = 0; i < count; i++) {
      if (i === MAX_DYNAMIC) throw new Damage(`the dynamic section has more than ${MAX_DYNAMIC} entries`);
      const at = segment.offset + i * 2 * wordSize;
      const tag = reader.word(at, "the dynamic section");
      const value = reader.word(at + wordSize, "the dynamic section");
      if (tag === 0) break;
      if (tag === DT.NEEDED || tag === DT.SONAME || tag === DT.RPATH || tag === DT.RUNPATH) {
        strings.push([tag, value]);
      } else this.#dynamic.set(tag, value);
    }
    if (strings.length === 0) return true;
    const what = "the dynamic string table";
    const table = this.#stringTable();
    if (table === undefined) throw new Damage(`${what} is missing`);
    for (const [tag, value] of strings) {
      const text = reader.string(table.offset + value, table.offset + table.size, "a dynamic string");
      if (tag === DT.NEEDED) this.needed.push(text);
      else if (tag === DT.SONAME) this.soname = text;
      else if (tag === DT.RPATH) this.rpath = splitPath(text);
      else this.runpath = splitPath(text);
    }
    return true;
  }

  #stringTable(): ElfRange | undefined {
    const address = this.#dynamic.get(DT.STRTAB);
    if (address === undefined) return undefined;
    const offset = this.#toOffset(address, "the dynamic string table");
    return { offset, size: this.#dynamic.get(DT.STRSZ) ?? 0 };
  }

  #dynamicString(value: number, what: string): string {
    const table = this.#stringTable();
    if (table === undefined) throw new Damage("the dynamic string table is missing");
    return this.#reader.string(table.offset + value, table.offset + table.size, what);
  }

  #readVersionNeeds(): void {
    const address = this.#dynamic.get(DT.VERNEED);
    if (address === undefined) return;
    const reader = this.#reader;
    const what = "the table of needed versions";
    const needs: { library: string; versions: ElfVersion[] }[] = [];
    this.versionNeeds = needs;
    const count = Math.min(this.#dynamic.get(DT.VERNEEDNUM) ?? 0, MAX_DYNAMIC);
    let at = this.#toOffset(address, what);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const versions: ElfVersion[] = [];
      needs.push({ library: this.#dynamicString(reader.u32(at + 4, what), what), versions });
      let auxiliary = at + reader.u32(at + 8, what);
      for (let left = reader.u16(at + 2, what); left > 0; left--) {
        if (++total > MAX_DYNAMIC) throw new Damage(`${what} is too long`);
        versions.push({
          name: this.#dynamicString(reader.u32(auxiliary + 8, what), what),
          weak: (reader.u16(auxiliary + 4, what) & 2) !== 0,
        });
        const next = reader.u32(auxiliary + 12, what);
        if (next === 0) break;
        auxiliary += next;
      }
      const next = reader.u32(at + 12, what);
      if (next === 0) break;
      at += next;
    }
  }

  #readVersionDefinitions(): void {
    const address = this.#dynamic.get(DT.VERDEF);
    if (address === undefined) return;
    const reader = this.#reader;
    const what = "the table of defined versions";
    const names: string[] = [];
    this.versionDefinitions = names;
    const count = Math.min(this.#dynamic.get(DT.VERDEFNUM) ?? 0, MAX_DYNAMIC);
    let at = this.#toOffset(address, what);
    for (let i = 0; i < count; i++) {
      const isBase = (reader.u16(at + 2, what) & 1) !== 0;
      // The first auxiliary entry names the version itself, the others its parents.
      const auxiliary = at + reader.u32(at + 12, what);
      if (!isBase) names.push(this.#dynamicString(reader.u32(auxiliary, what), what));
      const next = reader.u32(at + 16, what);
      if (next === 0) break;
      at += next;
    }
  }

  #findData(): ElfRange[] {
    const size = this.#reader.size;
    const inSections = this.sections?.filter(
      (section) =>
        section.type === SHT_PROGBITS &&
        (section.flags & 2) !== 0 &&
        (section.flags & 4) === 0 &&
        !NO_LITERALS.test(section.name),
    );
    if (inSections !== undefined && inSections.length > 0) return mergeRanges(inSections, size);
    if (this.sections?.some(({ type, flags }) => type !== SHT_NOBITS && (flags & 2) !== 0)) return [];
    const loaded = this.#segments.filter(({ type }) => type === PT_LOAD);
    // A linker that makes no read-only segment puts the literals beside the code.
    const separate = loaded.some(({ flags }) => (flags & 7) === 4);
    const data = separate ? loaded.filter(({ flags }) => (flags & 1) === 0) : loaded;
    return subtractRanges(mergeRanges(data, size), this.#linkingRanges());
  }

  /** Where the names and relocations of the dynamic linker lie, as far as the dynamic section says it. */
  #linkingRanges(): ElfRange[] {
    const ranges: ElfRange[] = [];
    for (const [tag, sizeTag] of [
      [DT.STRTAB, DT.STRSZ],
      [DT.RELA, DT.RELASZ],
      [DT.REL, DT.RELSZ],
      [DT.JMPREL, DT.PLTRELSZ],
    ] as const) {
      const address = this.#dynamic.get(tag);
      const size = this.#dynamic.get(sizeTag);
      if (address === undefined || size === undefined) continue;
      const offset = this.#attempt(() => this.#toOffset(address, "a table of the dynamic section"));
      if (offset !== undefined) ranges.push({ offset, size });
    }
    return mergeRanges(ranges, this.#reader.size);
  }

  readSymbols(): ElfSymbols {
    if (this.#symbols !== undefined) return this.#symbols;
    const imported = new Set<string>();
    const exported = new Set<string>();
    this.#symbols = { imported, exported };
    this.#attempt(() => this.#readSymbolTable(imported, exported));
    return this.#symbols;
  }

  #readSymbolTable(imported: Set<string>, exported: Set<string>): void {
    const address = this.#dynamic.get(DT.SYMTAB);
    const strings = this.#stringTable();
    if (address === undefined || strings === undefined) return;
    const reader = this.#reader;
    const { wide } = reader;
    const entrySize = wide ? 24 : 16;
    const start = this.#toOffset(address, "the symbol table");
    const count = this.#countSymbols(start, entrySize, strings.offset);
    const what = "the symbol table";
    for (let i = 1; i < count; i++) {
      const at = start + i * entrySize;
      const name = reader.string(
        strings.offset + reader.u32(at, what),
        strings.offset + strings.size,
        "a symbol",
      );
      const info = reader.u8(at + (wide ? 4 : 12), what);
      const section = reader.u16(at + (wide ? 6 : 14), what);
      if (name === "" || info >> 4 === 0) continue;
      if (section === 0) imported.add(name);
      else exported.add(name);
    }
  }

  /** Nothing states the length of the symbol table; sections, the hash tables and the layout each tell it. */
  #countSymbols(start: number, entrySize: number, stringsOffset: number): number {
    const section = this.sections?.find(({ type, offset }) => type === SHT_DYNSYM && offset === start);
    if (section !== undefined) return Math.min(Math.floor(section.size / entrySize), MAX_SYMBOLS);
    const reader = this.#reader;
    const hash = this.#dynamic.get(DT.HASH);
    if (hash !== undefined) {
      const count = reader.u32(this.#toOffset(hash, "the hash table") + 4, "the hash table");
      return Math.min(count, MAX_SYMBOLS);
    }
    const gnuHash = this.#dynamic.get(DT.GNU_HASH);
    const hashed = gnuHash === undefined ? 0 : this.#countHashed(this.#toOffset(gnuHash, "the hash table"));
    // A hash table of no symbol says nothing of the undefined ones; the strings follow the symbols then.
    if (hashed > 0 || stringsOffset <= start) return Math.min(hashed, MAX_SYMBOLS);
    return Math.min(Math.floor((stringsOffset - start) / entrySize), MAX_SYMBOLS);
  }

  /** One more than the highest symbol index in a DT_GNU_HASH table; 0 when it is empty. */
  #countHashed(at: number): number {
    const reader = this.#reader;
    const what = "the hash table";
    const bucketCount = reader.u32(at, what);
    const firstSymbol = reader.u32(at + 4, what);
    const buckets = at + 16 + reader.u32(at + 8, what) * (reader.wide ? 8 : 4);
    let last = 0;
    for (let i = 0; i < bucketCount; i++) last = Math.max(last, reader.u32(buckets + i * 4, what));
    if (last < firstSymbol || last === 0) return 0;
    const chains = buckets + bucketCount * 4;
    while ((reader.u32(chains + (last - firstSymbol) * 4, what) & 1) === 0) last++;
    return last + 1;
  }
}

function splitPath(text: string): string[] {
  return text.split(":").filter((directory) => directory !== "");
}

/** Decodes one byte a character. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** Sorts, cuts at the end of the file and joins what overlaps: the sum of sizes is at most the file's. */
function mergeRanges(ranges: readonly ElfRange[], fileSize: number): ElfRange[] {
  const merged: { offset: number; size: number }[] = [];
  for (const { offset, size } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const end = Math.min(offset + size, fileSize);
    if (end <= offset) continue;
    const last = merged.at(-1);
    if (last !== undefined && offset <= last.offset + last.size) {
      last.size = Math.max(last.size, end - last.offset);
    } else merged.push({ offset, size: end - offset });
  }
  return merged;
}

/** Takes sorted ranges out of sorted ranges. */
function subtractRanges(ranges: readonly ElfRange[], holes: readonly ElfRange[]): ElfRange[] {
  const left: ElfRange[] = [];
  for (const range of ranges) {
    let start = range.offset;
    const end = range.offset + range.size;
    for (const hole of holes) {
      const holeEnd = hole.offset + hole.size;
      if (holeEnd <= start || hole.offset >= end) continue;
      if (hole.offset > start) left.push({ offset: start, size: hole.offset - start });
      start = holeEnd;
    }
    if (start < end) left.push({ offset: start, size: end - start });
  }
  return left;
}
