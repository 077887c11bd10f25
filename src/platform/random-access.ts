// Files whose bytes are read at any position: one that is there, and one that is filled first and goes when it is closed.

import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { DiskError, onDisk, temporaryName, writeFully } from "./disk.ts";

/** A file of this machine. Dispose of it when done. */
export class RandomAccessFile implements Disposable {
  /** Absolute path. */
  readonly path: string;
  readonly #fd: number;

  /** @throws {DiskError} */
  constructor(path: string, flags: "r" | "wx+" = "r") {
    this.path = path;
    this.#fd = onDisk(`open ${path}`, () => openSync(path, flags));
  }

  /**
   * Fills `target` with the bytes from `position` on.
   *
   * @throws {DiskError} Also when the file ends before.
   */
  readInto(position: number, target: Uint8Array): void {
    for (let done = 0; done < target.length; ) {
      const count = onDisk(`read ${this.path}`, () =>
        readSync(this.#fd, target, done, target.length - done, position + done),
      );
      if (count === 0) throw new DiskError("DISK_ERROR", `Cannot read ${this.path}: it is cut short`);
      done += count;
    }
  }

  /** Adds bytes at the end. */
  protected append(bytes: Uint8Array): void {
    onDisk(`write ${this.path}`, () => writeFully(this.#fd, bytes));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** A temporary file that is written in order and read at any position; it is removed when it is disposed of. */
export class SpoolFile extends RandomAccessFile {
  /** Bytes written. */
  size = 0;

  /**
   * @param near A path in the directory where the file shall be; the directory exists.
   * @throws {DiskError}
   */
  constructor(near: string) {
    super(temporaryName(near), "wx+");
  }

  /** @throws {DiskError} */
  write(bytes: Uint8Array): void {
    this.append(bytes);
    this.size += bytes.length;
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    rmSync(this.path, { force: true });
  }
}
