// An ELF file with debug information → the same program without it: sections that are not loaded are taken out and the
// tables that number sections are renumbered. What is loaded keeps every byte and offset. Source: gABI 4.1, "Sections".

/**
 * `debug`: debug sections and the names of source files, as `strip --strip-debug`; `all`: also the symbol table, as
 * `strip --strip-all`.
 */
export type StripWhat = "debug" | "all";

interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
}

const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const SYMBOL_SIZE = 24;

const ET_EXEC = 2;
const ET_DYN = 3;

const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
const SHT_REL = 9;
const SHT_SYMTAB_SHNDX = 18;

const SHF_ALLOC = 2n;
const SHF_INFO_LINK = 0x40n;

const SHN_LORESERVE = 0xff00;
const STT_SECTION = 3;
const STT_FILE = 4;

const DEBUG_SECTION = /^\.(?:z?debug|gnu\.debuglto_|gnu\.build\.attributes|stab|line$|gdb_index$|pdr$)/;

/**
 * Strips a program or a shared library of 64 bits, little endian.
 *
 * @param bytes Hostile: a file that is not as the specification says is left alone.
 * @returns The stripped file, or undefined when there is nothing to strip: no ELF file, one of another kind (object files
 *   and archives keep what their linker needs), or one without such sections.
 */
export function stripElf(bytes: Buffer, what: StripWhat): Buffer | undefined {
  const sections = readSections(bytes);
  if (sections === undefined) return undefined;
  const removed = chooseRemoved(sections, what);
  const loadedEnd = findLoadedEnd(bytes, sections);
  if (loadedEnd === undefined || [...removed].some(({ offset }) => offset < loadedEnd)) return undefined;
  if (removed.size === 0 && !namesSources(bytes, sections, loadedEnd)) return undefined;
  return rewrite(bytes, sections, removed, loadedEnd);
}

function readSections(bytes: Buffer): Section[] | undefined {
  if (bytes.length < HEADER_SIZE || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    return undefined;
  const type = bytes.readUInt16LE(16);
  if (type !== ET_EXEC && type !== ET_DYN) return undefined;
  const offset = Number(bytes.readBigUInt64LE(40));
  const count = bytes.readUInt16LE(60);
  const names = bytes.readUInt16LE(62);
  if (bytes.readUInt16LE(58) !== SECTION_SIZE || count === 0 || names >= count) return undefined;
  if (offset + count * SECTION_SIZE > bytes.length) return undefined;
  const at = (index: number) => offset + index * SECTION_SIZE;
  const nameTable = readRange(bytes, at(names));
  if (nameTable === undefined) return undefined;
  const sections: Section[] = [];
  for (let index = 0; index < count; index++) {
    const header = at(index);
    const section = {
      index,
      name: readName(nameTable, bytes.readUInt32LE(header)),
      type: bytes.readUInt32LE(header + 4),
      flags: bytes.readBigUInt64LE(header + 8),
      offset: Number(bytes.readBigUInt64LE(header + 24)),
      size: Number(bytes.readBigUInt64LE(header + 32)),
      link: bytes.readUInt32LE(header + 40),
      info: bytes.readUInt32LE(header + 44),
      align: Number(bytes.readBigUInt64LE(header + 48)),
    };
    const isInside =
      section.type === SHT_NOBITS || index === 0 || section.offset + section.size <= bytes.length;
    if (!isInside || section.link >= count || section.align > 1 << 24) return undefined;
    sections.push(section);
  }
  return sections;
}

function readRange(bytes: Buffer, header: number): Buffer | undefined {
  const offset = Number(bytes.readBigUInt64LE(header + 24));
  const size = Number(bytes.readBigUInt64LE(header + 32));
  return offset + size <= bytes.length ? bytes.subarray(offset, offset + size) : undefined;
}

function readName(table: Buffer, at: number): string {
  const end = table.indexOf(0, at);
  return at >= table.length || end < 0 ? "" : table.toString("latin1", at, end);
}

/** Sections that go: chosen by name and type, with the relocations that only change them. */
function chooseRemoved(sections: readonly Section[], what: StripWhat): Set<Section> {
  const isLoaded = ({ flags }: Section) => (flags & SHF_ALLOC) !== 0n;
  const removed = new Set(
    sections.filter((section) => !isLoaded(section) && DEBUG_SECTION.test(section.name)),
  );
  if (what === "all") {
    for (const table of sections.filter((section) => section.type === SHT_SYMTAB && !isLoaded(section))) {
      removed.add(table);
      const names = sections[table.link]!;
      if (names.type === SHT_STRTAB && !isLoaded(names) && names.name !== ".shstrtab") removed.add(names);
    }
    for (const section of sections) if (section.type === SHT_SYMTAB_SHNDX) removed.add(section);
  }
  for (const section of sections) {
    if ((section.type !== SHT_REL && section.type !== SHT_RELA) || isLoaded(section)) continue;
    const target = sections[section.info];
    if (what === "all" || (target !== undefined && removed.has(target))) removed.add(section);
  }
  return removed;
}

/** Where the last byte ends that is loaded or described by a program header; undefined for a damaged file. */
function findLoadedEnd(bytes: Buffer, sections: readonly Section[]): number | undefined {
  const offset = Number(bytes.readBigUInt64LE(32));
  const count = bytes.readUInt16LE(56);
  const size = bytes.readUInt16LE(54);
  if (count > 0 && (size !== 56 || offset + count * size > bytes.length)) return undefined;
  let end = Math.max(HEADER_SIZE, offset + count * size);
  for (let i = 0; i < count; i++) {
    const header = offset + i * size;
    const segmentEnd = Number(bytes.readBigUInt64LE(header + 8)) + Number(bytes.readBigUInt64LE(header + 32));
    end = Math.max(end, segmentEnd);
  }
  for (const section of sections) {
    if ((section.flags & SHF_ALLOC) !== 0n && section.type !== SHT_NOBITS)
      end = Math.max(end, section.offset + section.size);
  }
  return end <= bytes.length ? end : undefined;
}

/** Whether a symbol table has the name of a source file, which in a store begins with a hash. */
function namesSources(bytes: Buffer, sections: readonly Section[], loadedEnd: number): boolean {
  return sections.some(
    (section) =>
      section.type === SHT_SYMTAB &&
      section.offset >= loadedEnd &&
      symbolsOf(contentOf(bytes, section)).some((symbol) => isOfFile(symbol) && symbol.readUInt32LE(0) !== 0),
  );
}

function contentOf(bytes: Buffer, { offset, size }: Section): Buffer {
  return bytes.subarray(offset, offset + size);
}

function symbolsOf(table: Buffer): Buffer[] {
  const count = Math.floor(table.length / SYMBOL_SIZE);
  return Array.from({ length: count }, (_, index) =>
    table.subarray(index * SYMBOL_SIZE, (index + 1) * SYMBOL_SIZE),
  );
}

function isOfFile(symbol: Buffer): boolean {
  return (symbol[4]! & 0xf) === STT_FILE;
}

function rewrite(
  bytes: Buffer,
  sections: readonly Section[],
  removed: ReadonlySet<Section>,
  loadedEnd: number,
): Buffer | undefined {
  const kept = sections.filter((section) => !removed.has(section));
  const numbers = new Map(kept.map((section, index) => [section.index, index]));
  // Relocations that stay name symbols by number: then the symbol table keeps all of them.
  const mayDropSymbols = !kept.some(
    ({ type, flags }) => (type === SHT_REL || type === SHT_RELA) && (flags & SHF_ALLOC) === 0n,
  );
  const symbolTables = new Map(
    kept
      .filter(({ type, offset }) => type === SHT_SYMTAB && offset >= loadedEnd)
      .map((table) => [table, renumberSymbols(contentOf(bytes, table), table.info, numbers, mayDropSymbols)]),
  );
  const names = blankNames(bytes, sections, symbolTables);
  const pieces: Buffer[] = [bytes.subarray(0, loadedEnd)];
  let end = loadedEnd;
  const append = (piece: Buffer, align: number): number => {
    const padding = align > 1 ? (align - (end % align)) % align : 0;
    pieces.push(Buffer.alloc(padding), piece);
    const offset = end + padding;
    end = offset + piece.length;
    return offset;
  };
  const headers = Buffer.alloc(kept.length * SECTION_SIZE);
  const tableOffset = Number(bytes.readBigUInt64LE(40));
  for (const [number, section] of kept.entries()) {
    const header = number * SECTION_SIZE;
    bytes.copy(
      headers,
      header,
      tableOffset + section.index * SECTION_SIZE,
      tableOffset + (section.index + 1) * SECTION_SIZE,
    );
    headers.writeUInt32LE(numbers.get(section.link) ?? 0, header + 40);
    if (linksInfo(section)) headers.writeUInt32LE(numbers.get(section.info) ?? 0, header + 44);
    if (section.index === 0 || section.type === SHT_NOBITS || section.offset + section.size <= loadedEnd)
      continue;
    if (section.offset < loadedEnd) return undefined;
    const symbols = symbolTables.get(section);
    if (symbols !== undefined) headers.writeUInt32LE(symbols.locals, header + 44);
    const piece = symbols?.bytes ?? names.get(section) ?? contentOf(bytes, section);
    headers.writeBigUInt64LE(BigInt(append(piece, section.align)), header + 24);
    headers.writeBigUInt64LE(BigInt(piece.length), header + 32);
  }
  const headersOffset = append(headers, 8);
  const result = Buffer.concat(pieces);
  result.writeBigUInt64LE(BigInt(headersOffset), 40);
  result.writeUInt16LE(kept.length, 60);
  result.writeUInt16LE(numbers.get(bytes.readUInt16LE(62)) ?? 0, 62);
  return result;
}

/** Whether `sh_info` is the number of a section. */
function linksInfo({ type, flags }: Section): boolean {
  return type === SHT_REL || type === SHT_RELA || (flags & SHF_INFO_LINK) !== 0n;
}

interface SymbolTable {
  readonly bytes: Buffer;
  readonly locals: number;
}

/**
 * Gives symbols the new numbers of their sections; symbols that stand for a section that went go as well, and so do the
 * names of source files.
 */
function renumberSymbols(
  table: Buffer,
  locals: number,
  numbers: ReadonlyMap<number, number>,
  mayDrop: boolean,
): SymbolTable {
  const kept: Buffer[] = [];
  let droppedLocals = 0;
  for (const [index, original] of symbolsOf(table).entries()) {
    const symbol = Buffer.from(original);
    const section = symbol.readUInt16LE(6);
    const isNumbered = section > 0 && section < SHN_LORESERVE;
    const number = isNumbered ? numbers.get(section) : section;
    const isOfGone = number === undefined && (symbol[4]! & 0xf) === STT_SECTION;
    if (mayDrop && (isOfGone || isOfFile(symbol))) {
      if (index < locals) droppedLocals++;
      continue;
    }
    if (isOfFile(symbol)) symbol.writeUInt32LE(0, 0);
    symbol.writeUInt16LE(number ?? 0, 6);
    kept.push(symbol);
  }
  return { bytes: Buffer.concat(kept), locals: locals - droppedLocals };
}

/** String tables of symbols with zeros where no symbol has its name any longer; the names of others stay where they are. */
function blankNames(
  bytes: Buffer,
  sections: readonly Section[],
  symbolTables: ReadonlyMap<Section, SymbolTable>,
): Map<Section, Buffer> {
  const blanked = new Map<Section, Buffer>();
  for (const [{ link }, { bytes: symbols }] of symbolTables) {
    const names = sections[link]!;
    const users = sections.filter(({ link }) => link === names.index).length;
    // A table that has other users as well has names that are not known here.
    if (names.type !== SHT_STRTAB || users !== 1 || bytes.readUInt16LE(62) === names.index) continue;
    const before = contentOf(bytes, names);
    const after = Buffer.alloc(before.length);
    for (const symbol of symbolsOf(symbols)) {
      const start = symbol.readUInt32LE(0);
      const end = before.indexOf(0, start);
      if (start < before.length && end >= 0) before.copy(after, start, start, end);
    }
    blanked.set(names, after);
  }
  return blanked;
}
