// Bytes with hash parts in them → the same bytes with others, and hashes "modulo self": what content-addressed objects
// that refer to themselves are named by. Source: Nix manual, "Store Object Content Address"; vectors in
// test/fixtures/nix/store-paths/source.json.

import { createHash } from "node:crypto";
import { HASH_PART_LENGTH } from "../../model/store-path.ts";
import { NixFormatError } from "./errors.ts";
import type { Hash, HashAlgorithm } from "./hash.ts";
import { HashPartSearch } from "./references.ts";

/**
 * Replaces hash parts in a stream. Of occurrences that overlap, the first is replaced.
 *
 * Holds back the last 31 bytes until more come or {@link end} is called.
 */
export class HashPartRewriter {
  readonly #replacements: ReadonlyMap<string, Uint8Array>;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #search: HashPartSearch;
  /** What was not written yet, and its offset in the stream. */
  #pending: Buffer = Buffer.alloc(0);
  #pendingOffset = 0;
  /** Offsets of what was replaced, in order. */
  readonly #offsets: number[] = [];

  /**
   * @param replacements New hash parts, or any 32 bytes as a byte string, by the old ones.
   * @param write Is given the bytes in their order.
   * @throws {NixFormatError} `STORE_PATH_INVALID` for an old one that is no hash part, or a new one of another length.
   */
  constructor(replacements: ReadonlyMap<string, string>, write: (bytes: Uint8Array) => void) {
    this.#replacements = new Map(
      [...replacements].map(([from, to]) => {
        const bytes = Buffer.from(to, "latin1");
        if (bytes.length !== HASH_PART_LENGTH) {
          throw new NixFormatError(
            "STORE_PATH_INVALID",
            `Cannot replace "${from}": "${to}" has ${bytes.length} bytes, ${HASH_PART_LENGTH} were wanted`,
          );
        }
        return [from, bytes];
      }),
    );
    this.#write = write;
    this.#search = new HashPartSearch(replacements.keys(), (part, offset) => this.#replace(part, offset));
  }

  /** Offsets in the stream of all that was replaced, ascending. */
  get offsets(): readonly number[] {
    return this.#offsets;
  }

  update(chunk: Uint8Array): void {
    // Replaced in a copy: the caller's bytes stay as they are.
    this.#pending = Buffer.concat([this.#pending, chunk]);
    this.#search.update(chunk);
    this.#flush(this.#pending.length - (HASH_PART_LENGTH - 1));
  }

  /** Writes what was held back. */
  end(): void {
    this.#flush(this.#pending.length);
  }

  #replace(part: string, offset: number): void {
    const last = this.#offsets.at(-1);
    if (last !== undefined && offset < last + HASH_PART_LENGTH) return;
    this.#offsets.push(offset);
    this.#pending.set(this.#replacements.get(part)!, offset - this.#pendingOffset);
  }

  #flush(length: number): void {
    if (length <= 0) return;
    this.#write(this.#pending.subarray(0, length));
    this.#pending = this.#pending.subarray(length);
    this.#pendingOffset += length;
  }
}

/** What a stream hashes to when its own hash part is left out of account. */
export class HashModuloSelf {
  readonly #algorithm: HashAlgorithm;
  readonly #hash;
  readonly #rewriter: HashPartRewriter;

  /**
   * @param self The hash part that the stream calls itself by.
   * @throws {NixFormatError} `STORE_PATH_INVALID` when it is none.
   */
  constructor(algorithm: HashAlgorithm, self: string) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
    const zeros = "\0".repeat(HASH_PART_LENGTH);
    this.#rewriter = new HashPartRewriter(new Map([[self, zeros]]), (bytes) => this.#hash.update(bytes));
  }

  update(chunk: Uint8Array): void {
    this.#rewriter.update(chunk);
  }

  /** The hash of the bytes with zeros in place of each occurrence, then `|` and the offset of each. */
  digest(): Hash {
    this.#rewriter.end();
    for (const offset of this.#rewriter.offsets) this.#hash.update(`|${offset}`);
    return { algorithm: this.#algorithm, bytes: this.#hash.digest() };
  }
}
