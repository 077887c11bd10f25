// A file that arrives in pieces, over several connections and runs: kept under `partial` until it is whole and right.

import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { isErrno, onDisk, temporaryName, toDiskError, writeFully } from "./disk.ts";

/** What a download shall be; the claim comes from a signed index, a lock or a manifest, never from the bytes' server. */
export interface Expected {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** A file that grows to what is expected, hashed as it grows; never shared between processes. */
export class PartialDownload {
  readonly #partial: string;
  readonly #temporary: string;
  readonly #expected: Expected;
  readonly #onBytes: (count: number) => void;
  readonly #fd: number;
  #hash = createHash("sha256");
  #moved = false;
  /** Bytes received. */
  size = 0;

  private constructor(partial: string, expected: Expected, onBytes: (count: number) => void) {
    this.#partial = partial;
    this.#temporary = temporaryName(partial);
    this.#expected = expected;
    this.#onBytes = onBytes;
    // Renaming is the claim: of two builds that would continue the same file only one gets it.
    try {
      renameSync(partial, this.#temporary);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw toDiskError(error, `continue the download ${partial}`);
    }
    this.#fd = onDisk(`write ${this.#temporary}`, () => openSync(this.#temporary, "a+"));
    this.#hashExisting();
  }

  /** Takes over what an earlier attempt left at a path, or begins. */
  static claim(partial: string, expected: Expected, onBytes: (count: number) => void): PartialDownload {
    return new PartialDownload(partial, expected, onBytes);
  }

  #hashExisting(): void {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (let count = readSync(this.#fd, buffer); count > 0; count = readSync(this.#fd, buffer)) {
      this.#hash.update(buffer.subarray(0, count));
      this.#grow(count);
    }
    if (this.size > this.#expected.size) this.restart();
  }

  #grow(count: number): void {
    if (count === 0) return;
    this.size += count;
    this.#onBytes(count);
  }

  /** Adds bytes; false when there are more than expected, and reading on is of no use. */
  append(chunk: Uint8Array): boolean {
    this.#grow(chunk.length);
    if (this.size > this.#expected.size) return false;
    onDisk(`write ${this.#temporary}`, () => writeFully(this.#fd, chunk));
    this.#hash.update(chunk);
    return true;
  }

  /** Throws away what was received. */
  restart(): void {
    ftruncateSync(this.#fd, 0);
    this.#hash = createHash("sha256");
    this.#grow(-this.size);
  }

  /** What differs from what was expected. Bytes that are merely missing after a cut connection count as well. */
  problem(): readonly ["HASH_MISMATCH" | "SIZE_MISMATCH", string] | undefined {
    const { sha256, size } = this.#expected;
    if (this.size !== size) {
      return [
        "SIZE_MISMATCH",
        `sent ${this.size > size ? "more bytes" : `${this.size} bytes`}, expected ${size}`,
      ];
    }
    const actual = this.#hash.digest("hex");
    return actual === sha256 ? undefined : ["HASH_MISMATCH", `has sha256 ${actual}, expected ${sha256}`];
  }

  /** Gives the file its name; call it only when there is no problem. */
  moveTo(destination: string): void {
    renameSync(this.#temporary, destination);
    this.#moved = true;
  }

  /** Leaves what was received for the next attempt, or nothing when there is nothing. */
  release(): void {
    closeSync(this.#fd);
    if (this.#moved) return;
    if (this.size > 0 && this.size <= this.#expected.size) renameSync(this.#temporary, this.#partial);
    else rmSync(this.#temporary, { force: true });
  }
}
