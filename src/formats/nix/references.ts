// Bytes → which store paths they mention: every window of 32 bytes that equals the hash part of a candidate, as Nix
// finds references. Chunks may be cut anywhere.
//
// A window can only match when all its bytes are nix32 digits. The last byte is looked at first, then backwards: the
// first byte that is no digit lets the search go on right behind it, so that most bytes are never read. Inside a run of
// digits only one new byte is read a window, and a bitmap over its first four digits keeps most from being looked up.

import { HASH_PART_LENGTH, hashPartProblem } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import { NIX32_ALPHABET } from "./hash.ts";

const W = HASH_PART_LENGTH;

/** Value of every byte as a nix32 digit; 0xff for those that are none. */
const DIGITS = new Uint8Array(256).fill(0xff);
for (let value = 0; value < 32; value++) DIGITS[NIX32_ALPHABET.charCodeAt(value)] = value;

/** Called for each match, with the offset of its first byte in all that was given. */
export type HashPartFound = (hashPart: string, offset: number) => void;

/** Finds all occurrences of hash parts, overlapping ones too, in the order of their last bytes. */
export class HashPartSearch {
  readonly #wanted: Set<string>;
  /** One bit for each value of four digits: whether a wanted hash part begins so. */
  readonly #beginnings = new Uint32Array(1 << 15);
  readonly #found: HashPartFound;
  /** The last bytes that a window may still begin in, and room for those that follow. */
  readonly #seam = Buffer.alloc(2 * (W - 1));
  #seamFill = 0;
  /** Offset of the next chunk. */
  #offset = 0;

  /** @throws {NixFormatError} `STORE_PATH_INVALID` for what is no hash part. */
  constructor(hashParts: Iterable<string>, found: HashPartFound) {
    this.#wanted = new Set(hashParts);
    this.#found = found;
    for (const part of this.#wanted) {
      const problem = hashPartProblem(part);
      if (problem !== undefined) {
        throw new NixFormatError("STORE_PATH_INVALID", `Cannot look for references to "${part}": ${problem}`);
      }
      const key = beginningAt(Buffer.from(part, "latin1"), 0);
      this.#beginnings[key >> 5]! |= 1 << (key & 31);
    }
  }

  /** Whether there is nothing left to look for. */
  get isDone(): boolean {
    return this.#wanted.size === 0;
  }

  /** Stops looking for one hash part. */
  drop(hashPart: string): void {
    this.#wanted.delete(hashPart);
  }

  update(chunk: Uint8Array): void {
    if (this.#wanted.size > 0) {
      this.#searchSeam(chunk);
      if (chunk.length >= W) this.#search(chunk, chunk.length, this.#offset);
      this.#keepSeam(chunk);
    }
    this.#offset += chunk.length;
  }

  /** Windows that begin before the chunk and end in it. */
  #searchSeam(chunk: Uint8Array): void {
    if (this.#seamFill === 0) return;
    const more = chunk.length < W ? chunk : chunk.subarray(0, W - 1);
    this.#seam.set(more, this.#seamFill);
    const end = this.#seamFill + more.length;
    if (end >= W) this.#search(this.#seam, end, this.#offset - this.#seamFill);
  }

  #keepSeam(chunk: Uint8Array): void {
    if (chunk.length >= W - 1) {
      this.#seam.set(chunk.subarray(chunk.length - (W - 1)));
      this.#seamFill = W - 1;
      return;
    }
    // Without a seam before, the chunk was not copied behind it.
    if (this.#seamFill === 0) this.#seam.set(chunk);
    const end = this.#seamFill + chunk.length;
    const fill = Math.min(end, W - 1);
    this.#seam.copyWithin(0, end - fill, end);
    this.#seamFill = fill;
  }

  #search(bytes: Uint8Array, end: number, offset: number): void {
    const digits = DIGITS;
    const beginnings = this.#beginnings;
    const last = end - W;
    for (let start = 0; start <= last; ) {
      let at = start + W - 1;
      while (at >= start && digits[bytes[at]!] !== 0xff) at--;
      if (at >= start) {
        start = at + 1;
        continue;
      }
      // All digits. Windows go on by one byte as long as the new one is a digit.
      let key = beginningAt(bytes, start);
      for (;;) {
        if ((beginnings[key >> 5]! & (1 << (key & 31))) !== 0) this.#lookUp(bytes, start, offset);
        start++;
        if (start > last) return;
        if (digits[bytes[start + W - 1]!] === 0xff) {
          start += W;
          break;
        }
        key = (key >> 5) | (digits[bytes[start + 3]!]! << 15);
      }
    }
  }

  #lookUp(bytes: Uint8Array, start: number, offset: number): void {
    const text = String.fromCharCode(...bytes.subarray(start, start + W));
    if (this.#wanted.has(text)) this.#found(text, offset + start);
  }
}

function beginningAt(bytes: Uint8Array, at: number): number {
  return (
    DIGITS[bytes[at]!]! |
    (DIGITS[bytes[at + 1]!]! << 5) |
    (DIGITS[bytes[at + 2]!]! << 10) |
    (DIGITS[bytes[at + 3]!]! << 15)
  );
}

/** Which of a set of hash parts occur in bytes; each is looked for until it is found. */
export class ReferenceScanner {
  readonly #found = new Set<string>();
  readonly #search: HashPartSearch;

  /**
   * @param hashParts Of all that the bytes may refer to.
   * @throws {NixFormatError} `STORE_PATH_INVALID` for what is no hash part.
   */
  constructor(hashParts: Iterable<string>) {
    this.#search = new HashPartSearch(hashParts, (part) => {
      this.#found.add(part);
      this.#search.drop(part);
    });
  }

  /** Scans on; where chunks are cut makes no difference. */
  update(chunk: Uint8Array): void {
    this.#search.update(chunk);
  }

  /** The hash parts that were found so far. */
  get found(): ReadonlySet<string> {
    return this.#found;
  }
}
