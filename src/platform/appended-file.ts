// A file that grows from front to back: logs.

import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { makeDirectories, onDisk, writeFully } from "./disk.ts";

/** Starts empty. Dispose of it when done. */
export class AppendedFile implements Disposable {
  readonly #path: string;
  readonly #fd: number;

  /** @throws {DiskError} */
  constructor(path: string) {
    this.#path = path;
    makeDirectories(dirname(path));
    this.#fd = onDisk(`write ${path}`, () => openSync(path, "w", 0o644));
  }

  write(bytes: Uint8Array): void {
    onDisk(`write ${this.#path}`, () => writeFully(this.#fd, bytes));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
