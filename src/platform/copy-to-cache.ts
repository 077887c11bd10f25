// A file whose name is no text, copied to one that has one.

import { copyFileSync, renameSync, rmSync } from "node:fs";
import { onDisk, temporaryName } from "./disk.ts";

/**
 * Copies a file; the copy appears whole.
 *
 * @param source Absolute path, as bytes.
 * @throws {DiskError}
 */
export function copyToCache(source: Buffer, destination: string): void {
  const temporary = temporaryName(destination);
  try {
    onDisk(`copy ${source} to ${destination}`, () => {
      copyFileSync(source, temporary);
      renameSync(temporary, destination);
    });
  } finally {
    rmSync(temporary, { force: true });
  }
}
