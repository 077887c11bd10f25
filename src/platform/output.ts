// Where bytes are written to in order: a file that appears only when it is whole, or standard output.

import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { TareError } from "../model/errors.ts";
import { isErrno, makeDirectories, temporaryName, toDiskError, writeFully } from "./disk.ts";

export type OutputErrorCode =
  /** The program that reads standard output has gone. */
  "OUTPUT_CLOSED";

export class OutputError extends TareError<OutputErrorCode> {}

/** Takes bytes in order. A chunk may be used again once its promise is fulfilled. */
export interface ByteOutput {
  write(bytes: Uint8Array): Promise<void> | void;
}

/**
 * A file under a temporary name beside its final place; {@link commit} gives it its name.
 *
 * Dispose of it however the work ends: unless it was committed, nothing is left.
 */
export class TemporaryFile implements ByteOutput, Disposable {
  readonly #temporary: string;
  #fd: number | undefined;
  #exists = true;
  /** Bytes written. */
  size = 0;

  /**
   * @param near A path in the directory, made if need be, where the file shall be.
   * @throws {DiskError}
   */
  constructor(near: string, mode = 0o666) {
    this.#temporary = temporaryName(near);
    try {
      makeDirectories(dirname(near));
      this.#fd = openSync(this.#temporary, "wx", mode);
    } catch (error) {
      throw toDiskError(error, `write in ${dirname(near)}`);
    }
  }

  /** @throws {DiskError} */
  write(bytes: Uint8Array): void {
    try {
      writeFully(this.#fd!, bytes);
    } catch (error) {
      throw toDiskError(error, `write in ${dirname(this.#temporary)}`);
    }
    this.size += bytes.length;
  }

  /** Closes the file and gives it its name, in place of any file that has it. */
  commit(path: string): void {
    try {
      this.#close();
      renameSync(this.#temporary, path);
      this.#exists = false;
    } catch (error) {
      throw toDiskError(error, `write ${path}`);
    }
  }

  #close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    try {
      this.#close();
    } finally {
      if (this.#exists) rmSync(this.#temporary, { force: true });
    }
  }
}

/** Whether standard output is a terminal, where bytes would only do harm. */
export function isStdoutTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/** Standard output, at the pace of its reader. */
export class StandardOutput implements ByteOutput, Disposable {
  #failure: Error | undefined;
  readonly #onError = (error: Error) => {
    this.#failure ??= error;
  };

  constructor() {
    process.stdout.on("error", this.#onError);
  }

  /** @throws {OutputError} `OUTPUT_CLOSED` */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        process.stdout.write(bytes, (error) => {
          if (error) this.#failure ??= error;
          resolve();
        });
      });
    }
    if (this.#failure !== undefined) throw toOutputError(this.#failure);
  }

  [Symbol.dispose](): void {
    // A pipe that broke tells so more than once: its later errors are no news.
    if (this.#failure === undefined) process.stdout.off("error", this.#onError);
  }
}

function toOutputError(error: Error): unknown {
  if (isErrno(error, "EPIPE", "ERR_STREAM_DESTROYED", "ECONNRESET")) {
    return new OutputError(
      "OUTPUT_CLOSED",
      "Cannot write to standard output: the reading program has closed it",
      {
        hint: "See what the program behind the pipe said",
        cause: error,
      },
    );
  }
  return toDiskError(error, "write to standard output");
}
