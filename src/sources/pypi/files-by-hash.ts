// What files the hashes of a requirements file stand for: asked of an index once, and kept, since a hash says it all.

import { createHash } from "node:crypto";
import type { LockedFile, LockedPackage } from "../../formats/python/lock.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { readRecord, writeRecord } from "../../platform/records.ts";
import type { PackageIndex } from "./package-index.ts";

/**
 * The files of an index whose sha256 is in the lock, sorted by name.
 *
 * @throws {NetworkError} When no index answers.
 */
export async function findFilesByHash(
  { name, hashes }: LockedPackage,
  index: PackageIndex,
  context: Context,
): Promise<readonly LockedFile[]> {
  const wanted = new Set(hashes);
  const key = createHash("sha256")
    .update([...wanted].sort(compareStrings).join())
    .digest("hex");
  const path = context.cache.path("indices", `pypi-${name}-${key}`);
  const known = readRecord(path);
  if (Array.isArray(known)) return known as LockedFile[];
  const files = new Map<string, LockedFile>();
  for (const { name: fileName, url, sha256, size } of await index.list(name, context)) {
    if (sha256 === undefined || !wanted.has(sha256) || files.has(sha256)) continue;
    files.set(sha256, { name: fileName, url, path: undefined, size, sha256 });
  }
  const found = [...files.values()].sort((a, b) => compareStrings(a.name, b.name));
  if (found.length > 0) writeRecord(path, found);
  return found;
}
