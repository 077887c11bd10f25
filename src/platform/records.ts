// Small values that are kept in the cache under a key, each with a checksum: a damaged record is no record.

import { createHash } from "node:crypto";
import { writeFileAtomically } from "./disk.ts";
import { readSmallFile } from "./files.ts";

const LARGEST_RECORD = 16 << 20;

/** Keeps a value as JSON. */
export function writeRecord(path: string, value: unknown): void {
  const body = JSON.stringify(value);
  writeFileAtomically(path, `${sha256(body)}\n${body}\n`);
}

/**
 * The value that was kept at a path; undefined when there is none, or when it is not whole.
 *
 * @param maxSize Bytes; a larger record counts as none.
 */
export function readRecord(path: string, maxSize: number = LARGEST_RECORD): unknown {
  const bytes = readSmallFile(path, maxSize);
  if (bytes === undefined || bytes === "too-large") return undefined;
  const text = bytes.toString("utf8");
  const newline = text.indexOf("\n");
  const body = text.slice(newline + 1, -1);
  return text.slice(0, newline) === sha256(body) ? JSON.parse(body) : undefined;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
