// Makes small 64-bit ELF files for tests: a header, one loadable segment, a dynamic section and string literals.

export interface ElfParts {
  readonly type?: "executable" | "shared";
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly soname?: string;
  readonly runpath?: string;
  readonly imports?: readonly string[];
  readonly exports?: readonly string[];
  /** Symbol versions that are wanted, by soname; weak ones may be missing. */
  readonly versionNeeds?: readonly {
    readonly library: string;
    readonly versions: readonly { readonly name: string; readonly weak?: boolean }[];
  }[];
  /** Symbol versions that are defined. */
  readonly versionDefinitions?: readonly string[];
  /** Literals, each followed by NUL. */
  readonly strings?: readonly string[];
}

/** @returns The bytes of a little-endian file without section headers, which every reader of it must bear. */
export function makeElf(parts: ElfParts): Buffer {
  let strtab = "\0";
  const intern = (text: string) => {
    const at = strtab.length;
    strtab += `${text}\0`;
    return at;
  };
  const symbols = [
    ...(parts.imports ?? []).map((name) => ({ name: intern(name), section: 0 })),
    ...(parts.exports ?? []).map((name) => ({ name: intern(name), section: 1 })),
  ];
  const tags: [tag: number, value: number][] = (parts.needed ?? []).map((name) => [1, intern(name)]);
  if (parts.soname !== undefined) tags.push([14, intern(parts.soname)]);
  if (parts.runpath !== undefined) tags.push([29, intern(parts.runpath)]);
  const needs = makeVersionNeeds(parts.versionNeeds ?? [], intern);
  const definitions = makeVersionDefinitions(parts.versionDefinitions ?? [], intern);
  const interpreter = parts.interpreter === undefined ? "" : `${parts.interpreter}\0`;
  const isDynamic = tags.length > 0 || symbols.length > 0 || needs.length > 0 || definitions.length > 0;
  const headers = [1, ...(isDynamic ? [2] : []), ...(interpreter === "" ? [] : [3])];
  const align = (offset: number) => (offset + 7) & ~7;
  const interpreterAt = 64 + 56 * headers.length;
  const hashAt = align(interpreterAt + interpreter.length);
  const symbolsAt = hashAt + 8;
  const stringsAt = symbolsAt + 24 * (symbols.length + 1);
  const needsAt = align(stringsAt + strtab.length);
  const definitionsAt = align(needsAt + needs.length);
  const dynamicAt = align(definitionsAt + definitions.length);
  if (needs.length > 0) tags.push([0x6ffffffe, needsAt], [0x6fffffff, parts.versionNeeds!.length]);
  if (definitions.length > 0)
    tags.push([0x6ffffffc, definitionsAt], [0x6ffffffd, parts.versionDefinitions!.length]);
  const dynamic: [number, number][] = isDynamic
    ? [...tags, [4, hashAt], [5, stringsAt], [6, symbolsAt], [10, strtab.length], [0, 0]]
    : [];
  const dataAt = dynamicAt + 16 * dynamic.length;
  const data = (parts.strings ?? []).map((text) => `${text}\0`).join("");
  const bytes = Buffer.alloc(dataAt + data.length);
  const u64 = (value: number, at: number) => bytes.writeBigUInt64LE(BigInt(value), at);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(parts.type === "executable" ? 2 : 3, 16);
  bytes.writeUInt16LE(parts.machine ?? 62, 18);
  u64(64, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(headers.length, 56);
  for (const [i, type] of headers.entries()) {
    const at = 64 + 56 * i;
    const [offset, size] =
      type === 1
        ? [0, bytes.length]
        : type === 2
          ? [dynamicAt, dynamic.length * 16]
          : [interpreterAt, interpreter.length];
    bytes.writeUInt32LE(type, at);
    bytes.writeUInt32LE(4, at + 4);
    for (const field of [8, 16, 24]) u64(offset, at + field);
    u64(size, at + 32);
    u64(size, at + 40);
  }
  bytes.write(interpreter, interpreterAt, "latin1");
  bytes.writeUInt32LE(symbols.length + 1, hashAt + 4);
  for (const [i, { name, section }] of symbols.entries()) {
    const at = symbolsAt + 24 * (i + 1);
    bytes.writeUInt32LE(name, at);
    bytes.writeUInt8(0x12, at + 4);
    bytes.writeUInt16LE(section, at + 6);
  }
  bytes.write(strtab, stringsAt, "latin1");
  bytes.set(needs, needsAt);
  bytes.set(definitions, definitionsAt);
  for (const [i, [tag, value]] of dynamic.entries()) {
    u64(tag, dynamicAt + 16 * i);
    u64(value, dynamicAt + 16 * i + 8);
  }
  bytes.write(data, dataAt, "latin1");
  return bytes;
}

/** Elf64_Verneed, each followed by its Elf64_Vernaux. */
function makeVersionNeeds(
  needs: NonNullable<ElfParts["versionNeeds"]>,
  intern: (text: string) => number,
): Buffer {
  const records = needs.map(({ library, versions }, i) => {
    const record = Buffer.alloc(16 + 16 * versions.length);
    record.writeUInt16LE(1, 0);
    record.writeUInt16LE(versions.length, 2);
    record.writeUInt32LE(intern(library), 4);
    record.writeUInt32LE(16, 8);
    record.writeUInt32LE(i === needs.length - 1 ? 0 : record.length, 12);
    for (const [j, { name, weak = false }] of versions.entries()) {
      const at = 16 + 16 * j;
      record.writeUInt16LE(weak ? 2 : 0, at + 4);
      record.writeUInt32LE(intern(name), at + 8);
      record.writeUInt32LE(j === versions.length - 1 ? 0 : 16, at + 12);
    }
    return record;
  });
  return Buffer.concat(records);
}

/** Elf64_Verdef, each followed by its Elf64_Verdaux. */
function makeVersionDefinitions(names: readonly string[], intern: (text: string) => number): Buffer {
  const records = names.map((name, i) => {
    const record = Buffer.alloc(28);
    record.writeUInt16LE(1, 0);
    record.writeUInt16LE(i + 1, 4);
    record.writeUInt16LE(1, 6);
    record.writeUInt32LE(20, 12);
    record.writeUInt32LE(i === names.length - 1 ? 0 : 28, 16);
    record.writeUInt32LE(intern(name), 20);
    return record;
  });
  return Buffer.concat(records);
}
