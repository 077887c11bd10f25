// A file that is read from front to back and hashed on the way, so that checking it costs no second pass.

import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { InternalError } from "../model/errors.ts";
import { onDisk } from "./disk.ts";
import { yieldToEvents } from "./files.ts";

/** Bytes read at a time. */
const CHUNK = 1 << 18;

/** Dispose of it when done. */
export class HashedFile implements Disposable {
  /** Bytes. */
  readonly size: number;
  readonly #path: string;
  readonly #fd: number;
  readonly #hash: Hash;
  /** Offset of the next byte to be hashed. */
  #position = 0;

  /** @throws {DiskError} */
  constructor(path: string, algorithm: "sha512" | "sha384" | "sha256" | "sha1" | "md5" = "sha256") {
    this.#path = path;
    this.#hash = createHash(algorithm);
    this.#fd = onDisk(`read ${path}`, () => openSync(path, "r"));
    this.size = onDisk(`read ${path}`, () => fstatSync(this.#fd).size);
  }

  /** Reads without hashing, for a glance ahead; fewer bytes than asked when the file ends. */
  readAt(offset: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    let done = 0;
    while (done < buffer.length) {
      const count = onDisk(`read ${this.#path}`, () =>
        readSync(this.#fd, buffer, done, buffer.length - done, offset + done),
      );
      if (count === 0) break;
      done += count;
    }
    return buffer.subarray(0, done);
  }

  /**
   * Reads a range, hashing it and everything before it that was not read yet; ranges must follow each other.
   * Other work gets its turn after every chunk.
   *
   * @returns Chunks of at most 256 KiB, each valid for as long as it is kept.
   */
  async *chunks(offset: number, size: number): AsyncGenerator<Buffer, void, undefined> {
    if (offset < this.#position) throw new InternalError("a file is read backwards");
    await this.#hashUpTo(offset);
    const end = offset + size;
    while (this.#position < end) {
      const chunk = this.#next(end);
      if (chunk === undefined) return;
      yield chunk;
      await yieldToEvents();
    }
  }

  /** Hashes what was not read yet. @returns The file's hash, lower-case hex. Call it once, as the last thing. */
  async digest(): Promise<string> {
    await this.#hashUpTo(this.size);
    return this.#hash.digest("hex");
  }

  async #hashUpTo(end: number): Promise<void> {
    while (this.#position < end && this.#next(end) !== undefined) await yieldToEvents();
  }

  #next(end: number): Buffer | undefined {
    const chunk = this.readAt(this.#position, Math.min(CHUNK, end - this.#position));
    if (chunk.length === 0) return undefined;
    this.#hash.update(chunk);
    this.#position += chunk.length;
    return chunk;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
