// Chunks of bzip2 in, bytes out: one block at a time, so that memory stays bounded whatever the input expands to. Several
// streams one after the other are one; anything else behind the data is refused. All input is hostile.
// Source: J. Tsai, "BZIP2: Format Specification" (2016), and the observed output of bzip2 1.0.8.

import { FormatError } from "./errors.ts";

/** More bytes than any block has: 18,002 groups of 50 codes of at most 20 bits, and what stands before them. */
const LONGEST_BLOCK = 2_400_000;

const BLOCK_MARK = 0x314159265359;
const END_MARK = 0x177245385090;
const LONGEST_CODE = 20;
const GROUP_SIZE = 50;
/** As bzip2 does: more selectors than a block can need are read and passed over. */
const MOST_SELECTORS = 18_002;
/** Bytes of output a chunk has at most. */
const OUTPUT_CHUNK = 1 << 16;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** Thrown inside when the input ends where more should be. */
class EndOfInput extends Error {}

/** Decodes a stream that is given in pieces. */
export class Bzip2Decoder {
  readonly #name: string;
  #input: Buffer = Buffer.alloc(0);
  /** Offset of the next bit in the input. */
  #bit = 0;
  /** Bytes that a block of the present stream may have; 0 between streams. */
  #blockSize = 0;
  #streamCrc = 0;
  #streams = 0;

  /** @param name For messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Reads on.
   *
   * @returns What can be decoded of all that was given; chunks of at most 64 KiB, each valid for as long as it is kept.
   * @throws {FormatError} `BAD_BZIP2`
   */
  *write(chunk: Uint8Array): Generator<Uint8Array> {
    this.#input = Buffer.concat([this.#input.subarray(this.#bit >> 3), chunk]);
    this.#bit &= 7;
    while (this.#input.length > LONGEST_BLOCK + (this.#bit >> 3)) yield* this.#step();
  }

  /**
   * Decodes the rest; nothing follows.
   *
   * @throws {FormatError} `BAD_BZIP2`; `TRUNCATED_BZIP2` when it is not whole.
   */
  *end(): Generator<Uint8Array> {
    while (this.#blockSize > 0 || this.#streams === 0 || this.#bit < 8 * this.#input.length)
      yield* this.#step();
  }

  /** Reads a stream's head, a block, or a stream's end. */
  *#step(): Generator<Uint8Array> {
    try {
      if (this.#blockSize === 0) {
        this.#readHead();
        return;
      }
      const mark = this.#read(24) * 0x1000000 + this.#read(24);
      if (mark === BLOCK_MARK) yield* this.#readBlock();
      else if (mark === END_MARK) this.#endStream();
      else this.#fail("a block begins with neither of its marks");
    } catch (error) {
      if (error instanceof EndOfInput) throw new FormatError("TRUNCATED_BZIP2", this.#name, "it ends early");
      throw error;
    }
  }

  #readHead(): void {
    const level = this.#read(24) === 0x425a68 ? this.#read(8) - 0x30 : 0;
    if (level < 1 || level > 9) {
      this.#fail(this.#streams === 0 ? "it is no bzip2 data" : "something else follows the data");
    }
    this.#blockSize = level * 100_000;
    this.#streamCrc = 0;
  }

  #endStream(): void {
    if (this.#readUint32() !== this.#streamCrc) this.#fail("its checksum is wrong");
    this.#bit = (this.#bit + 7) & ~7;
    this.#blockSize = 0;
    this.#streams++;
  }

  *#readBlock(): Generator<Uint8Array> {
    const expected = this.#readUint32();
    if (this.#read(1) === 1) this.#fail("it is of a bzip2 before 0.9.5, which is not supported");
    const origin = this.#read(24);
    const { links, length } = this.#readTransformed();
    if (origin >= length) this.#fail("a block begins outside of itself");
    const crc = yield* undoRunLengths(links, origin, length);
    if (crc !== expected) this.#fail("the checksum of a block is wrong");
    this.#streamCrc = (crc ^ ((this.#streamCrc << 1) | (this.#streamCrc >>> 31))) >>> 0;
  }

  /** Undoes Huffman codes, move-to-front and the sorting of a block: each byte below, the index of the next above it. */
  #readTransformed(): { readonly links: Uint32Array; readonly length: number } {
    const used = this.#readUsedBytes();
    const { selectors, tables } = this.#readTables(used.length + 2);
    const symbols = Uint8Array.from(used);
    const bytes = new Uint8Array(this.#blockSize);
    const endOfBlock = used.length + 1;
    let length = 0;
    let run = 0;
    let runBit = 1;
    let group = 0;
    for (;;) {
      const selector = selectors[group++];
      if (selector === undefined) this.#fail("a block has more codes than groups of them");
      const table = tables[selector]!;
      for (let i = 0; i < GROUP_SIZE; i++) {
        const symbol = this.#readSymbol(table);
        if (symbol < 2) {
          // RUNA and RUNB are the digits 1 and 2 of a number in base 2, the lowest first.
          run += runBit << symbol;
          runBit *= 2;
          if (run > this.#blockSize) this.#fail("a block is longer than its stream allows");
          continue;
        }
        if (run > 0) {
          if (length + run > this.#blockSize) this.#fail("a block is longer than its stream allows");
          bytes.fill(symbols[0]!, length, length + run);
          length += run;
          run = 0;
          runBit = 1;
        }
        if (symbol === endOfBlock) return { links: undoSorting(bytes.subarray(0, length)), length };
        if (length >= this.#blockSize) this.#fail("a block is longer than its stream allows");
        const byte = symbols[symbol - 1]!;
        symbols.copyWithin(1, 0, symbol - 1);
        symbols[0] = byte;
        bytes[length++] = byte;
      }
    }
  }

  #readUsedBytes(): number[] {
    const ranges = this.#read(16);
    const used: number[] = [];
    for (let range = 0; range < 16; range++) {
      if ((ranges & (0x8000 >> range)) === 0) continue;
      const bits = this.#read(16);
      for (let i = 0; i < 16; i++) if ((bits & (0x8000 >> i)) !== 0) used.push(range * 16 + i);
    }
    return used.length > 0 ? used : this.#fail("a block uses no bytes");
  }

  #readTables(symbolCount: number) {
    const tableCount = this.#read(3);
    const selectorCount = this.#read(15);
    if (tableCount < 2 || tableCount > 6 || selectorCount === 0) this.#fail("a block has no tables of codes");
    const order = Array.from({ length: tableCount }, (_, i) => i);
    const selectors: number[] = [];
    for (let i = 0; i < selectorCount; i++) {
      let position = 0;
      while (this.#read(1) === 1) if (++position >= tableCount) this.#fail("a selector of codes is wrong");
      const [table] = order.splice(position, 1);
      order.unshift(table!);
      if (i < MOST_SELECTORS) selectors.push(table!);
    }
    const tables = order.map(() => this.#readTable(symbolCount));
    return { selectors, tables };
  }

  #readTable(symbolCount: number): CodeTable {
    const lengths = new Uint8Array(symbolCount);
    let length = this.#read(5);
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      for (;;) {
        if (length < 1 || length > LONGEST_CODE) this.#fail("the length of a code is wrong");
        if (this.#read(1) === 0) break;
        length += this.#read(1) === 0 ? 1 : -1;
      }
      lengths[symbol] = length;
    }
    return makeTable(lengths);
  }

  #readSymbol({ counts, symbols }: CodeTable): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      code |= this.#read(1);
      const count = counts[length]!;
      if (code - count < first) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return this.#fail("a code is none of its table");
  }

  #readUint32(): number {
    return (this.#read(16) * 0x10000 + this.#read(16)) >>> 0;
  }

  /** @param count 1 to 24. */
  #read(count: number): number {
    let value = 0;
    let left = count;
    while (left > 0) {
      const byte = this.#input[this.#bit >> 3];
      if (byte === undefined) throw new EndOfInput();
      const free = 8 - (this.#bit & 7);
      const taken = Math.min(free, left);
      value = (value << taken) | ((byte >> (free - taken)) & ((1 << taken) - 1));
      this.#bit += taken;
      left -= taken;
    }
    return value;
  }

  #fail(problem: string): never {
    throw new FormatError("BAD_BZIP2", this.#name, problem);
  }
}

/** A canonical Huffman code: how many codes have each length, and the symbols in the order of their codes. */
interface CodeTable {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function makeTable(lengths: Uint8Array): CodeTable {
  const counts = new Uint16Array(LONGEST_CODE + 1);
  for (const length of lengths) counts[length]!++;
  const next = new Uint16Array(LONGEST_CODE + 2);
  for (let length = 1; length <= LONGEST_CODE; length++) next[length + 1] = next[length]! + counts[length]!;
  const symbols = new Uint16Array(lengths.length);
  for (const [symbol, length] of lengths.entries()) symbols[next[length]!++] = symbol;
  return { counts, symbols };
}

/** Undoes the Burrows-Wheeler transform as far as it can be followed: each byte, and above it the index of the next. */
function undoSorting(bytes: Uint8Array): Uint32Array {
  const starts = new Uint32Array(257);
  for (const byte of bytes) starts[byte + 1]!++;
  for (let byte = 0; byte < 256; byte++) starts[byte + 1]! += starts[byte]!;
  const links = new Uint32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    links[i]! |= bytes[i]!;
    links[starts[bytes[i]!]!++]! |= i << 8;
  }
  return links;
}

/**
 * Follows a block from its first byte; after four equal bytes one says how many more there are.
 *
 * @returns The CRC of what was yielded.
 */
function* undoRunLengths(links: Uint32Array, origin: number, length: number): Generator<Uint8Array, number> {
  let output = Buffer.allocUnsafe(OUTPUT_CHUNK);
  let filled = 0;
  let crc = 0xffffffff;
  let link = links[origin]! >>> 8;
  let previous = -1;
  let equal = 0;
  for (let i = 0; i < length; i++) {
    const entry = links[link]!;
    const byte = entry & 0xff;
    link = entry >>> 8;
    let copies = 1;
    let value = byte;
    if (equal === 4) {
      copies = byte;
      value = previous;
      equal = 0;
      previous = -1;
    } else {
      equal = byte === previous ? equal + 1 : 1;
      previous = byte;
    }
    for (; copies > 0; copies--) {
      output[filled++] = value;
      crc = ((crc << 8) ^ CRC_TABLE[((crc >>> 24) ^ value) & 0xff]!) >>> 0;
      if (filled < OUTPUT_CHUNK) continue;
      yield output;
      output = Buffer.allocUnsafe(OUTPUT_CHUNK);
      filled = 0;
    }
  }
  if (filled > 0) yield output.subarray(0, filled);
  return ~crc >>> 0;
}
