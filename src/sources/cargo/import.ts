// Cargo.lock → the tarballs of the crates that it pins, as a tree; each checked by its checksum.

import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type LockedCrate, parseCargoLock } from "../../formats/cargo/cargo-lock.ts";
import { compareStrings, toBytePath } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { createTree, type Tree, type TreeEntry } from "../../model/tree.ts";
import { readSmallFile } from "../../platform/files.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { fetchByHash } from "../../platform/network.ts";
import { inParallel } from "../../platform/parallel.ts";
import { CargoError } from "./errors.ts";
import { formatCrateUrl, readDownloadTemplate } from "./registry.ts";

const LARGEST_LOCK = 16 * 2 ** 20;
const LARGEST_CRATE = 256 * 2 ** 20;
const MOST_DOWNLOADS = 8;

/**
 * Makes the crates of a project; see {@link Source.importTree}.
 *
 * @param path Absolute path of the directory of Cargo.lock.
 * @returns `NAME-VERSION.crate` for each.
 * @throws {CargoError}, {CargoFormatError}; {NetworkError} `HASH_MISMATCH` and what else fetching throws.
 */
export async function importCrates(path: string, context: Context): Promise<Tree> {
  const crates = readCrates(path);
  if (crates.length === 0) return createTree([]);
  const template = await readDownloadTemplate(context);
  const stage = context.progress.stage("fetching");
  stage.expect(crates.length);
  const entries: TreeEntry[] = [];
  await inParallel(crates, MOST_DOWNLOADS, context.signal, async (crate, signal) => {
    const { name, version, sha256 } = crate;
    const file = await fetchByHash(
      `${name} ${version}`,
      [formatCrateUrl(template, name, version, sha256)],
      { algorithm: "sha256", digests: [sha256], maxSize: LARGEST_CRATE },
      { ...context, signal },
      (bytes) => stage.advance(0, bytes),
    );
    entries.push(await describeCrate(crate, file));
    stage.advance(1);
  });
  stage.done(`${crates.length} crates`);
  return createTree(entries);
}

/** See {@link Source.identifyImport}. */
export function identifyCrates(path: string): string {
  return JSON.stringify(
    readCrates(path)
      .map(({ name, version, sha256 }) => `${name} ${version} ${sha256}`)
      .sort(compareStrings),
  );
}

function readCrates(directory: string): LockedCrate[] {
  const bytes = readSmallFile(join(directory, "Cargo.lock"), LARGEST_LOCK);
  if (bytes instanceof Buffer) return parseCargoLock(bytes.toString("utf8"));
  throw new CargoError("CARGO_LOCK_MISSING", `Cannot build ${directory}: it has no Cargo.lock`, {
    hint: "Run cargo generate-lockfile, and commit Cargo.lock",
  });
}

async function describeCrate({ name, version }: LockedCrate, file: string): Promise<TreeEntry> {
  using hashed = new HashedFile(file);
  let crc = 0;
  for await (const chunk of hashed.chunks(0, hashed.size)) crc = crc32(chunk, crc);
  const content = { kind: "range", file, offset: 0, crc32: crc, sha256: await hashed.digest() } as const;
  const path = toBytePath(`${name}-${version}.crate`);
  return { type: "file", path, mode: 0o644, uid: 0, gid: 0, size: hashed.size, content };
}
