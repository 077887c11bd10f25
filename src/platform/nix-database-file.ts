// What is valid in a store → the bytes of a database of Nix that say so: equal bytes for equal paths, whoever asks, in
// whatever order and however often. Source: SQLite's "Database File Format", section 1.3.

import { readFileSync } from "node:fs";
import { compareStrings } from "../model/bytes.ts";
import { InternalError } from "../model/errors.ts";
import { onDisk } from "./disk.ts";
import { removeFile } from "./files.ts";
import { NixDatabase, type Registration } from "./nix-database.ts";

const MAGIC = "SQLite format 3\0";
/** Offsets of numbers that say how often, and by whom, the file was written; 4 bytes each. */
const CHANGE_COUNTER = 24;
const VERSION_VALID_FOR = 92;
const SQLITE_VERSION = 96;
/** What the last one is made: the version of Debian 12, whose files look as ours do. Nothing reads it. */
const WRITTEN_BY = 3_040_001;

/**
 * Makes a database.
 *
 * @param temporary Where it may be made: a path where nothing is; it is gone in the end.
 * @returns The bytes of `db.sqlite`; without a write-ahead log.
 * @throws {NixDatabaseError} `STORE_REFERENCE_MISSING`, `STORE_DATABASE_UNUSABLE`.
 */
export function createNixDatabaseFile(registrations: readonly Registration[], temporary: string): Buffer {
  const sorted = [...registrations].sort((a, b) => compareStrings(a.path, b.path));
  try {
    writeDatabase(sorted, temporary);
    return normalise(onDisk(`read ${temporary}`, () => readFileSync(temporary)));
  } finally {
    removeFile(temporary);
  }
}

function writeDatabase(registrations: readonly Registration[], file: string): void {
  using database = new NixDatabase(file, "rewrite-without-journal");
  database.register(registrations);
  // One order of pages, and no trace of how they came to be.
  database.vacuum();
}

function normalise(bytes: Buffer): Buffer {
  if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC)
    throw new InternalError("SQLite wrote another format");
  bytes.writeUInt32BE(1, CHANGE_COUNTER);
  bytes.writeUInt32BE(1, VERSION_VALID_FOR);
  bytes.writeUInt32BE(WRITTEN_BY, SQLITE_VERSION);
  return bytes;
}
