// A checked tarball → the tree of its package, in the cache as one uncompressed tar with an index beside it.
//
// As npm unpacks: the first part of every name is dropped, whatever it is; links are dropped, and whatever is neither
// file nor directory; of modes only the permission bits count, with 0644 for files and 0755 for directories added; of
// two members of one name the later is meant. All input is hostile.

import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { FormatError } from "../../formats/errors.ts";
import type { Integrity } from "../../formats/npm/integrity.ts";
import type { TarHandler, TarHeader } from "../../formats/tar-reader.ts";
import { TarReader } from "../../formats/tar-reader.ts";
import type { BytePath } from "../../model/bytes.ts";
import { bytePathProblem, decodeByteString, parentPath } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { Tree, TreeEntry } from "../../model/tree.ts";
import { createTree } from "../../model/tree.ts";
import { DecompressError, decompress } from "../../platform/decompress.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { readCachedTree, TreeCacheWriter } from "../../platform/tree-cache.ts";
import { NpmError } from "./errors.ts";
import { mismatch } from "./fetch.ts";

const MIB = 1 << 20;

/**
 * Reads the tree of a package from the cache.
 *
 * @returns Undefined when the tarball is needed.
 */
export function readCachedTarball(integrity: Integrity, context: Pick<Context, "cache">): Tree | undefined {
  for (const digest of integrity.digests) {
    const cached = readCachedTree(context.cache, keyOf(integrity.algorithm, digest));
    if (cached !== undefined) return cached.tree;
  }
  return undefined;
}

/**
 * Unpacks a tarball into the cache; one that is there already is not read.
 *
 * @param label What it is, for messages: `express 4.21.2`.
 * @param integrity What the bytes must be; undefined: whatever they are, as for files of the project.
 * @returns The tree, with paths inside the package, owned by root.
 * @throws {NpmError} `INTEGRITY_MISMATCH` or one of `TARBALL_…`.
 * @throws {DiskError}
 */
export async function openTarball(
  label: string,
  file: string,
  integrity: Integrity | undefined,
  context: Context,
): Promise<Tree> {
  const expected = integrity?.digests.length === 1 ? integrity : await pickDigest(label, file, integrity);
  const cached = readCachedTarball(expected, context);
  if (cached !== undefined) return cached;
  using tarball = new HashedFile(file, expected.algorithm);
  using writer = new TreeCacheWriter(context.cache, keyOf(expected.algorithm, expected.digests[0]!));
  const entries = await unpack(label, tarball, writer, context.signal).catch(async (error: unknown) => {
    context.signal.throwIfAborted();
    // Damage of the file is the better explanation than what it led to.
    if (error instanceof NpmError) await verify(label, tarball, expected, error);
    throw error;
  });
  await verify(label, tarball, expected);
  return writer.commit(entries, null).tree;
}

function keyOf(algorithm: Integrity["algorithm"], digest: string): string {
  return `npm-${algorithm}-${digest}`;
}

/** Which of several hashes a file has: what is cached under one must never pass for another. */
async function pickDigest(label: string, file: string, integrity: Integrity | undefined): Promise<Integrity> {
  const { algorithm, digests } = integrity ?? { algorithm: "sha512" };
  using hashed = new HashedFile(file, algorithm);
  const digest = await hashed.digest();
  if (integrity !== undefined && digests?.includes(digest) !== true)
    throw mismatch(label, integrity, undefined);
  return { algorithm, digests: [digest] };
}

async function verify(
  label: string,
  tarball: HashedFile,
  expected: Integrity,
  cause?: unknown,
): Promise<void> {
  if (!expected.digests.includes(await tarball.digest())) throw mismatch(label, expected, cause);
}

async function unpack(
  label: string,
  tarball: HashedFile,
  writer: TreeCacheWriter,
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const isGzip = tarball.readAt(0, 2).equals(Buffer.of(0x1f, 0x8b));
  const maxSize = 64 * MIB + 200 * tarball.size;
  const builder = new PackageTreeBuilder(writer.file);
  try {
    const chunks = decompress(isGzip ? "gzip" : "none", tarball.chunks(0, tarball.size), { maxSize });
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      builder.write(chunk);
      writer.write(chunk);
    }
    return builder.end();
  } catch (error) {
    throw toNpmError(error, label);
  }
}

function toNpmError(error: unknown, label: string): unknown {
  if (!(error instanceof FormatError) && !(error instanceof DecompressError)) return error;
  const code =
    error.code === "TOO_LARGE"
      ? "TARBALL_TOO_LARGE"
      : error.code === "UNSAFE_TAR"
        ? "TARBALL_UNSAFE"
        : "TARBALL_MALFORMED";
  return new NpmError(code, `Cannot unpack ${label}: its tarball is wrong, ${error.problem}`, {
    cause: error,
  });
}

/** Builds the tree of a package while its archive streams by. */
class PackageTreeBuilder implements TarHandler {
  readonly #file: string;
  readonly #reader = new TarReader(this);
  readonly #entries = new Map<BytePath, TreeEntry>();
  #open:
    | { readonly path: BytePath; readonly header: TarHeader; readonly sha256: Hash; crc32: number }
    | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  end(): readonly TreeEntry[] {
    this.#reader.end();
    for (const path of this.#entries.keys()) this.#checkParents(path);
    return createTree(this.#entries.values()).entries;
  }

  member(header: TarHeader): void {
    if (header.type !== "file" && header.type !== "directory") return;
    const path = toPackagePath(header);
    if (path === "") return;
    if (header.type === "file") {
      this.#open = { path, header, sha256: createHash("sha256"), crc32: 0 };
      return;
    }
    const mode = (header.mode & 0o755) | 0o755;
    this.#add({ type: "directory", path, mode, uid: 0, gid: 0 });
  }

  content(chunk: Uint8Array): void {
    if (this.#open === undefined) return;
    this.#open.sha256.update(chunk);
    this.#open.crc32 = crc32(chunk, this.#open.crc32);
  }

  memberEnd(): void {
    if (this.#open === undefined) return;
    const { path, header, sha256, crc32 } = this.#open;
    this.#open = undefined;
    const content = {
      kind: "range",
      file: this.#file,
      offset: header.contentOffset,
      crc32,
      sha256: sha256.digest("hex"),
    } as const;
    const mode = (header.mode & 0o755) | 0o644;
    this.#add({ type: "file", path, mode, uid: 0, gid: 0, size: header.size, content });
  }

  #add(entry: TreeEntry): void {
    const before = this.#entries.get(entry.path);
    if (before !== undefined && before.type !== entry.type) {
      unsafe(`"${decodeByteString(entry.path)}" is a file and a directory`);
    }
    this.#entries.set(entry.path, entry);
  }

  #checkParents(path: BytePath): void {
    for (let parent = parentPath(path); parent !== ""; parent = parentPath(parent)) {
      const entry = this.#entries.get(parent);
      if (entry === undefined) continue;
      if (entry.type === "directory") return;
      unsafe(`"${decodeByteString(path)}" lies below a file`);
    }
  }
}

/** The path in the package of a member: its name without the first part. Empty for what is above the package. */
function toPackagePath({ path }: TarHeader): BytePath {
  const problem = path.startsWith("/") ? "the path is absolute" : undefined;
  const parts = path.split("/");
  if (problem !== undefined || parts.includes("..")) {
    unsafe(`the member "${decodeByteString(path)}" cannot be placed: ${problem ?? "the path climbs"}`);
  }
  const inside = parts
    .slice(1)
    .filter((part) => part !== "" && part !== ".")
    .join("/");
  const wrong = bytePathProblem(inside);
  if (wrong !== undefined) unsafe(`the member "${decodeByteString(path)}" cannot be placed: ${wrong}`);
  return inside as BytePath;
}

function unsafe(problem: string): never {
  throw new FormatError("UNSAFE_TAR", "the tarball", problem);
}
