// go.sum → the modules that it vouches for as a tree that the go command takes for a proxy; each checked by its hash.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { FormatError } from "../../formats/errors.ts";
import { parseGoMod } from "../../formats/go/go-mod.ts";
import { computeGoHash, escapeForProxy, type GoSumEntry, parseGoSum } from "../../formats/go/go-sum.ts";
import { readZipDirectory, type ZipMember } from "../../formats/zip-archive.ts";
import { type BytePath, compareStrings, parentPath, toBytePath } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import { createTree, type Tree, type TreeEntry } from "../../model/tree.ts";
import { DecompressError } from "../../platform/decompress.ts";
import { FileCopy, pathKind, readSmallFile } from "../../platform/files.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { inflateRaw } from "../../platform/inflate.ts";
import { fetchDocument, fetchToSpool } from "../../platform/network.ts";
import { inParallel } from "../../platform/parallel.ts";
import { GoError } from "./errors.ts";
import { listProxies } from "./proxies.ts";

/** As Go limits them. Source: golang.org/x/mod/zip. */
const LARGEST_ZIP = 500 * 2 ** 20;
const LARGEST_MOD = 16 * 2 ** 20;
const MOST_FILES = 200_000;
const LARGEST_DOCUMENT = 16 * 2 ** 20;

const MOST_DOWNLOADS = 8;

/**
 * Makes the modules of a project; see {@link Source.importTree}.
 *
 * @param path Absolute path of the directory of go.mod.
 * @returns `MODULE/@v/VERSION.zip`, `.mod` and `.info` for each.
 * @throws {GoError}, {GoFormatError}; {NetworkError} when a module cannot be had.
 */
export async function importGoModules(path: string, context: Context): Promise<Tree> {
  const entries = readVouched(path);
  const proxies = listProxies();
  const stage = context.progress.stage("fetching");
  stage.expect(entries.length);
  const files: TreeEntry[] = [];
  await inParallel(entries, MOST_DOWNLOADS, context.signal, async (entry, signal) => {
    files.push(
      ...(await realiseEntry(entry, proxies, { ...context, signal }, (bytes) => stage.advance(0, bytes))),
    );
    stage.advance(1);
  });
  stage.done(`${new Set(entries.map(({ module, version }) => `${module}@${version}`)).size} Go modules`);
  return createTree([...files, ...parentsOf(files)]);
}

/** See {@link Source.identifyImport}. */
export function identifyGoModules(path: string): string {
  return JSON.stringify(
    readVouched(path)
      .map(({ module, version, kind, hash }) => [module, version, kind, hash].join(" "))
      .sort(compareStrings),
  );
}

/** What go.sum vouches for, which is all that go.mod requires. */
function readVouched(directory: string): GoSumEntry[] {
  const { requires, replacements } = parseGoMod(readText(directory, "go.mod") ?? "");
  const text = readText(directory, "go.sum");
  if (text === undefined) {
    throw new GoError(
      "GO_SUM_MISSING",
      `Cannot build ${directory}: it has no go.sum, and go.mod requires modules`,
      {
        hint: "Run go mod tidy, and commit go.sum",
      },
    );
  }
  const entries = parseGoSum(text);
  const vouched = new Set(entries.map(({ module, version }) => `${module} ${version}`));
  for (const required of requires) {
    const replaced = replacements.get(required.path) ?? required;
    if ("directory" in replaced || vouched.has(`${replaced.path} ${replaced.version}`)) continue;
    throw new GoError(
      "GO_SUM_OUT_OF_DATE",
      `Cannot build ${directory}: go.mod requires ${replaced.path} ${replaced.version}, and go.sum has no hash of it`,
      { hint: "Run go mod tidy, and commit go.sum" },
    );
  }
  return entries;
}

function readText(directory: string, name: string): string | undefined {
  const bytes = readSmallFile(join(directory, name), LARGEST_DOCUMENT);
  return bytes instanceof Buffer ? bytes.toString("utf8") : undefined;
}

async function realiseEntry(
  entry: GoSumEntry,
  proxies: readonly string[],
  context: Context,
  onBytes: (count: number) => void,
): Promise<TreeEntry[]> {
  const { module, version, kind } = entry;
  const base = `${escapeForProxy(module)}/@v/${escapeForProxy(version)}`;
  const urls = proxies.map((proxy) => `${proxy}/${base}.${kind}`);
  if (kind === "mod") return [await realiseMod(entry, base, urls, context)];
  const info = Buffer.from(`${JSON.stringify({ Version: version })}\n`);
  const file = context.cache.path(
    "downloads",
    `go-${createHash("sha256").update(`${module} ${version} ${entry.hash}`).digest("hex")}.zip`,
  );
  // What is in the cache is hashed as what is fetched: a damaged copy is fetched again.
  const isSound = pathKind(file) === "file" && (await hashZip(file, entry, context)) === entry.hash;
  if (!isSound) await fetchZip(entry, file, urls, context, onBytes);
  return [
    await describeFile(toBytePath(`${base}.zip`), file),
    describeBytes(toBytePath(`${base}.info`), info),
  ];
}

async function realiseMod(
  entry: GoSumEntry,
  base: string,
  urls: readonly string[],
  context: Context,
): Promise<TreeEntry> {
  const { bytes } = await fetchDocument(labelOf(entry), urls, LARGEST_MOD, context);
  checkHash(entry, computeGoHash([{ name: "go.mod", sha256: sha256Of(bytes) }]));
  return describeBytes(toBytePath(`${base}.mod`), bytes);
}

async function fetchZip(
  entry: GoSumEntry,
  file: string,
  urls: readonly string[],
  context: Context,
  onBytes: (count: number) => void,
): Promise<void> {
  using spool = await fetchToSpool(labelOf(entry), urls, LARGEST_ZIP, context, onBytes);
  checkHash(entry, await hashZip(spool.path, entry, context));
  using copy = new FileCopy(spool.path, file);
  copy.commit();
}

function checkHash(entry: GoSumEntry, hash: string | undefined): void {
  if (hash === entry.hash) return;
  throw new GoError(
    "GO_SUM_MISMATCH",
    `Cannot use ${labelOf(entry)}: its hash is ${hash ?? "none, for it is no module's zip"}, go.sum says ${entry.hash}`,
    {
      hint: "The module was changed after go.sum was made, or somebody is tampering with it: find out which, then run go mod tidy",
    },
  );
}

/** The hash of a module's zip; undefined when it is none. */
async function hashZip(path: string, entry: GoSumEntry, context: Context): Promise<string | undefined> {
  using archive = new HashedFile(path);
  try {
    const limits = { mostMembers: MOST_FILES, maxSize: LARGEST_ZIP };
    const members = readZipDirectory(
      (offset, length) => archive.readAt(offset, length),
      archive.size,
      limits,
    );
    const files: { name: string; sha256: string }[] = [];
    for (const member of members) {
      context.signal.throwIfAborted();
      files.push({ name: member.name, sha256: await hashMember(archive, member, entry) });
    }
    return computeGoHash(files);
  } catch (error) {
    if (error instanceof FormatError || error instanceof DecompressError) return undefined;
    throw error;
  }
}

async function hashMember(archive: HashedFile, member: ZipMember, entry: GoSumEntry): Promise<string> {
  const { name, method, offset, compressedSize, size } = member;
  const bytes = archive.chunks(offset, compressedSize);
  const hash = createHash("sha256");
  const content = method === "stored" ? bytes : inflateRaw(bytes, size, `${name} of ${labelOf(entry)}`);
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}

function labelOf({ module, version, kind }: GoSumEntry): string {
  return `${module} ${version}${kind === "mod" ? " (go.mod)" : ""}`;
}

async function describeFile(path: BytePath, file: string): Promise<TreeEntry> {
  using hashed = new HashedFile(file);
  let crc = 0;
  for await (const chunk of hashed.chunks(0, hashed.size)) crc = crc32(chunk, crc);
  const content = { kind: "range", file, offset: 0, crc32: crc, sha256: await hashed.digest() } as const;
  return { type: "file", path, mode: 0o644, uid: 0, gid: 0, size: hashed.size, content };
}

function describeBytes(path: BytePath, bytes: Uint8Array): TreeEntry {
  const content = { kind: "bytes", bytes, sha256: sha256Of(bytes) } as const;
  return { type: "file", path, mode: 0o644, uid: 0, gid: 0, size: bytes.length, content };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function parentsOf(entries: readonly TreeEntry[]): TreeEntry[] {
  const paths = new Set<BytePath>();
  for (const { path } of entries) {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) paths.add(parent);
  }
  return [...paths].map((path) => ({ type: "directory", path, mode: 0o755, uid: 0, gid: 0 }));
}
