// Reads the bytes of tree entries, and finds damage in the cache while doing so.

import { closeSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { decodeByteString } from "../model/bytes.ts";
import { TareError } from "../model/errors.ts";
import { STORE_DIR } from "../model/store-path.ts";
import type { FileEntry } from "../model/tree.ts";
import { isErrno, toDiskError } from "./disk.ts";

export type ContentErrorCode = "CACHE_DAMAGED";

/** Thrown when cached bytes are not what their index says. */
export class ContentError extends TareError<ContentErrorCode> {
  /** Absolute path of the damaged archive in the cache. */
  readonly file: string;

  constructor(file: string, message: string, cause?: unknown) {
    const hint = file.includes(`${STORE_DIR}/`)
      ? "Run tare store verify --repair, or nix-store --verify-path for a store of Nix, and build again"
      : `Delete ${file} and build again`;
    super("CACHE_DAMAGED", message, { cause, hint });
    this.file = file;
  }
}

/** Reads contents, keeping the last archives open. Dispose of it when done. */
export class ContentReader {
  readonly #open = new Map<string, number>();
  static readonly #MOST_OPEN = 64;

  /**
   * Reads one file whole.
   *
   * @returns A view that is valid until the caller drops it; it may be the entry's own bytes: do not write to it.
   * @throws {ContentError} When the bytes do not have the CRC of the index.
   */
  read(entry: FileEntry): Uint8Array {
    if (entry.content.kind === "bytes") return entry.content.bytes;
    const buffer = Buffer.allocUnsafe(entry.size);
    this.readInto(entry, 0, buffer);
    this.check(entry, crc32(buffer));
    return buffer;
  }

  /**
   * Fills `target` with the bytes from `position` on. The caller keeps the CRC and calls {@link check} at the end.
   *
   * @throws {ContentError} When the archive ends early.
   */
  readInto(entry: FileEntry, position: number, target: Uint8Array): void {
    const { content } = entry;
    if (content.kind === "bytes") {
      target.set(content.bytes.subarray(position, position + target.length));
      return;
    }
    const fd = this.#fd(content.file);
    for (let done = 0; done < target.length; ) {
      const count = readSync(fd, target, done, target.length - done, content.offset + position + done);
      if (count === 0) {
        throw new ContentError(
          content.file,
          `Cannot read ${decodeByteString(entry.path)}: ${content.file} is cut short`,
        );
      }
      done += count;
    }
  }

  /** Compares the CRC of all bytes of a file with its index. */
  check(entry: FileEntry, actual: number): void {
    const { content } = entry;
    if (content.kind === "range" && actual !== content.crc32) {
      throw new ContentError(
        content.file,
        `Cannot read ${decodeByteString(entry.path)}: its bytes in ${content.file} are damaged`,
      );
    }
  }

  #fd(file: string): number {
    let fd = this.#open.get(file);
    if (fd !== undefined) return fd;
    if (this.#open.size >= ContentReader.#MOST_OPEN) {
      const [oldest, oldestFd] = this.#open.entries().next().value!;
      closeSync(oldestFd);
      this.#open.delete(oldest);
    }
    try {
      fd = openSync(file, "r");
    } catch (error) {
      if (isErrno(error, "ENOENT"))
        throw new ContentError(file, `Cannot read ${file}: it is gone from the cache`, error);
      throw toDiskError(error, `read ${file}`);
    }
    this.#open.set(file, fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }
}
