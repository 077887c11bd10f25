// Secrets: made by chance, and kept where only this user can read them.

import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { isErrno, toDiskError, writeFully } from "./disk.ts";

/** Bytes that nobody can guess. */
export function randomSeed(size: number): Buffer {
  return randomBytes(size);
}

/**
 * Writes a file that only this user can read.
 *
 * @returns False when there is a file already, which stays as it is.
 * @throws {DiskError}
 */
export function createSecretFile(path: string, text: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "wx", 0o600);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw toDiskError(error, `write ${path}`);
  }
  try {
    writeFully(fd, Buffer.from(text));
  } finally {
    closeSync(fd);
  }
  return true;
}
