// A downloaded wheel → its files as a tree in the cache, every one checked against RECORD, and what its metadata say.
// Specifications: PEP 427 (wheel 1.x), PEP 376 (RECORD). The wheel is never unpacked to a directory.

import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { FormatError } from "../../formats/errors.ts";
import { PythonFormatError } from "../../formats/python/errors.ts";
import type { WheelFileName } from "../../formats/python/file-name.ts";
import { normalizeName } from "../../formats/python/names.ts";
import { compareVersions, tryParseVersion } from "../../formats/python/version.ts";
import { parseHeaders, parseRecord, type RecordedFile } from "../../formats/python/wheel-metadata.ts";
import { readZipDirectory, type ZipMember } from "../../formats/zip-archive.ts";
import { type BytePath, comparePaths, decodeByteString, encodeByteString } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { Tree, TreeEntry } from "../../model/tree.ts";
import { DecompressError } from "../../platform/decompress.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { inflateRaw } from "../../platform/inflate.ts";
import { readCachedTree, TreeCacheWriter } from "../../platform/tree-cache.ts";
import { PypiError } from "./errors.ts";

/** What a wheel says of itself. */
export interface WheelMetadata {
  /** As METADATA writes it. */
  readonly name: string;
  readonly version: string;
  /** `flask-3.1.3.dist-info`. */
  readonly distInfo: string;
  /** Requirements as METADATA writes them. */
  readonly requires: readonly string[];
  /** Text of entry_points.txt; empty when there is none. */
  readonly entryPoints: string;
}

/** A wheel, with its files as they lie in it. */
export interface UnpackedWheel {
  readonly metadata: WheelMetadata;
  readonly tree: Tree;
}

/** What the cache holds beside the tree. */
interface WheelRecord {
  /** Raised when unpacking makes something else of the same bytes. */
  readonly format: 1;
  readonly metadata: WheelMetadata;
}

const MIB = 1 << 20;
const MOST_FILES = 400_000;
/** Bytes of METADATA, RECORD and the like. */
const MOST_METADATA = 64 * MIB;

/** Bytes that a wheel may hold: deflate gives at most 1032 times, and no honest wheel comes near. */
function mostContent(size: number): number {
  return 256 * MIB + 200 * size;
}

/** The wheel of a hash when the cache holds its tree; undefined when the file is needed. */
export function readCachedWheel(
  sha256: string,
  { cache }: Pick<Context, "cache">,
): UnpackedWheel | undefined {
  const cached = readCachedTree(cache, sha256);
  const record = cached?.metadata as Partial<WheelRecord> | null | undefined;
  if (cached === undefined || record?.format !== 1) return undefined;
  return { tree: cached.tree, metadata: (record as WheelRecord).metadata };
}

/**
 * Unpacks a wheel into the cache.
 *
 * One pass over the file hashes and unpacks it; nothing reaches the cache unless it has the sha256 and is sound.
 *
 * @param file Absolute path of the download.
 * @returns Undefined when the file does not have the sha256: it has been damaged and must be fetched again.
 * @throws {PypiError} `WHEEL_INVALID` or `WHEEL_UNSAFE`
 * @throws {DiskError}
 */
export async function unpackWheel(
  file: string,
  sha256: string,
  wheel: WheelFileName,
  context: Context,
): Promise<UnpackedWheel | undefined> {
  using archive = new HashedFile(file);
  using writer = new TreeCacheWriter(context.cache, sha256);
  let unpacked: { readonly entries: TreeEntry[]; readonly metadata: WheelMetadata };
  try {
    unpacked = await new WheelReader(archive, wheel, writer, context.signal).read();
  } catch (error) {
    context.signal.throwIfAborted();
    const problem = toPypiError(error, wheel.fileName);
    // Damage of the file is the better explanation than what it led to.
    if (problem instanceof PypiError && (await archive.digest()) !== sha256) return undefined;
    throw problem;
  }
  if ((await archive.digest()) !== sha256) return undefined;
  const { entries, metadata } = unpacked;
  const record: WheelRecord = { format: 1, metadata };
  return { tree: writer.commit(entries, record).tree, metadata };
}

function invalid(fileName: string, problem: string, cause?: unknown): PypiError {
  return new PypiError("WHEEL_INVALID", `Cannot install ${fileName}: ${problem}`, { cause });
}

function toPypiError(error: unknown, fileName: string): unknown {
  if (error instanceof FormatError) {
    const code = error.code === "UNSAFE_ZIP" ? "WHEEL_UNSAFE" : "WHEEL_INVALID";
    return new PypiError(code, `Cannot install ${fileName}: ${error.problem}`, { cause: error });
  }
  if (error instanceof DecompressError) {
    const code = error.code === "TOO_LARGE" ? "WHEEL_UNSAFE" : "WHEEL_INVALID";
    return new PypiError(
      code,
      `Cannot install ${fileName}: ${error.message.replace(/^Cannot decompress /, "")}`,
      {
        cause: error,
      },
    );
  }
  if (error instanceof PythonFormatError)
    return invalid(fileName, error.message.replace(/^Cannot read /, ""), error);
  return error;
}

class WheelReader {
  readonly #archive: HashedFile;
  readonly #wheel: WheelFileName;
  readonly #writer: TreeCacheWriter;
  readonly #signal: AbortSignal;
  #offset = 0;

  constructor(archive: HashedFile, wheel: WheelFileName, writer: TreeCacheWriter, signal: AbortSignal) {
    this.#archive = archive;
    this.#wheel = wheel;
    this.#writer = writer;
    this.#signal = signal;
  }

  async read(): Promise<{ entries: TreeEntry[]; metadata: WheelMetadata }> {
    const limits = { mostMembers: MOST_FILES, maxSize: mostContent(this.#archive.size) };
    const members = readZipDirectory(
      (offset, length) => this.#archive.readAt(offset, length),
      this.#archive.size,
      limits,
    );
    const distInfo = this.#findDistInfo(members);
    const byName = new Map<string, ZipMember>(members.map((member) => [member.name, member]));
    const metadata = await this.#readMetadata(distInfo, byName);
    const recorded = await this.#readRecord(distInfo, byName);
    const entries: TreeEntry[] = [];
    for (const member of members) {
      this.#signal.throwIfAborted();
      entries.push(await this.#copy(member, recorded.get(member.name)));
    }
    return { entries: entries.sort((a, b) => comparePaths(a.path, b.path)), metadata };
  }

  #invalid(problem: string): PypiError {
    return invalid(this.#wheel.fileName, problem);
  }

  #findDistInfo(members: readonly ZipMember[]): string {
    const found = new Set(members.flatMap(({ name }) => /^([^/]+\.dist-info)\//.exec(name)?.[1] ?? []));
    const [distInfo] = found;
    if (distInfo === undefined || found.size > 1)
      throw this.#invalid(`it has ${found.size} .dist-info directories, 1 was expected`);
    const [, name, version] = /^(.+?)-([^-]+)\.dist-info$/.exec(distInfo) ?? [];
    if (name === undefined || !this.#isOwn(name, version!))
      throw this.#invalid(
        `its metadata directory is "${decodeByteString(distInfo)}", which is another distribution's`,
      );
    return distInfo;
  }

  #isOwn(name: string, versionText: string): boolean {
    const version = tryParseVersion(versionText.replaceAll("_", "-"));
    return (
      normalizeName(name) === this.#wheel.name &&
      version !== undefined &&
      compareVersions(version, this.#wheel.version) === 0
    );
  }

  async #readMetadata(distInfo: string, members: ReadonlyMap<string, ZipMember>): Promise<WheelMetadata> {
    const text = async (name: string) => {
      const member = members.get(`${distInfo}/${name}`);
      return member === undefined ? undefined : decodeByteString(await this.#readText(member));
    };
    const [wheel, metadata] = [await text("WHEEL"), await text("METADATA")];
    if (wheel === undefined || metadata === undefined)
      throw this.#invalid(`it has no file ${wheel === undefined ? "WHEEL" : "METADATA"}`);
    const wheelVersion = parseHeaders(wheel).get("wheel-version")?.[0];
    if (wheelVersion === undefined || !/^1(?:\.\d+)*$/.test(wheelVersion))
      throw this.#invalid(`it is of wheel version "${wheelVersion ?? ""}", 1.0 was expected`);
    const headers = parseHeaders(metadata);
    const [name = "", version = ""] = [headers.get("name")?.[0], headers.get("version")?.[0]];
    if (!this.#isOwn(name, version)) throw this.#invalid(`its METADATA is of ${name} ${version}`);
    const entryPoints = (await text("entry_points.txt")) ?? "";
    return { name, version, distInfo, requires: headers.get("requires-dist") ?? [], entryPoints };
  }

  /** What RECORD says, by byte path. Signatures and RECORD itself are the only files that it has no hash for. */
  async #readRecord(
    distInfo: string,
    members: ReadonlyMap<string, ZipMember>,
  ): Promise<ReadonlyMap<string, RecordedFile>> {
    const member = members.get(`${distInfo}/RECORD`);
    if (member === undefined) throw this.#invalid("it has no file RECORD");
    const recorded = new Map<string, RecordedFile>();
    for (const file of parseRecord(decodeByteString(await this.#readText(member))))
      recorded.set(encodeByteString(file.path), file);
    const unhashed = new Set(["RECORD", "RECORD.jws", "RECORD.p7s"].map((name) => `${distInfo}/${name}`));
    for (const name of members.keys()) {
      if (unhashed.has(name)) recorded.delete(name);
      else if (recorded.get(name)?.hash === undefined)
        throw this.#invalid(`its RECORD has no hash of "${decodeByteString(name)}"`);
    }
    return recorded;
  }

  /** A small file, read ahead of the pass over the archive. */
  async #readText(member: ZipMember): Promise<string> {
    const { name, offset, compressedSize, size, method } = member;
    if (size > MOST_METADATA || compressedSize > MOST_METADATA)
      throw this.#invalid(`"${decodeByteString(name)}" is larger than ${MOST_METADATA} bytes`);
    const raw = [this.#archive.readAt(offset, compressedSize)];
    const chunks: Uint8Array[] = [];
    const source = method === "stored" ? raw : inflateRaw(asStream(raw), size, decodeByteString(name));
    for await (const chunk of source) chunks.push(chunk);
    return Buffer.concat(chunks).toString("latin1");
  }

  /** Copies a member into the cache, and holds it to what the headers and RECORD say. */
  async #copy(member: ZipMember, recorded: RecordedFile | undefined): Promise<TreeEntry> {
    const { name, offset, compressedSize, size, method } = member;
    const shown = decodeByteString(name);
    const sha256 = createHash("sha256");
    const other = this.#otherHash(recorded, shown);
    let checksum = 0;
    let done = 0;
    const raw = this.#archive.chunks(offset, compressedSize);
    for await (const chunk of method === "stored" ? raw : inflateRaw(raw, size, shown)) {
      sha256.update(chunk);
      other?.update(chunk);
      checksum = crc32(chunk, checksum);
      done += chunk.length;
      this.#writer.write(chunk);
    }
    if (done !== size || checksum !== member.crc32) throw this.#invalid(`"${shown}" is damaged`);
    const digest = sha256.digest();
    this.#verify(recorded, shown, size, other?.digest() ?? digest);
    const at = this.#offset;
    this.#offset += size;
    return {
      type: "file",
      path: name as string as BytePath,
      mode: ((member.mode ?? 0) & 0o111) === 0 ? 0o644 : 0o755,
      uid: 0,
      gid: 0,
      size,
      content: {
        kind: "range",
        file: this.#writer.file,
        offset: at,
        crc32: checksum,
        sha256: digest.toString("hex"),
      },
    };
  }

  /** What computes the hash of RECORD when that is no sha256. */
  #otherHash(recorded: RecordedFile | undefined, shown: string): Hash | undefined {
    const algorithm = recorded?.hash?.algorithm ?? "sha256";
    if (algorithm === "sha256") return undefined;
    if (algorithm === "sha384" || algorithm === "sha512") return createHash(algorithm);
    throw this.#invalid(`its RECORD has a ${algorithm} of "${shown}", sha256 or better was expected`);
  }

  #verify(recorded: RecordedFile | undefined, shown: string, size: number, digest: Buffer): void {
    if (recorded?.hash === undefined) return;
    if (recorded.size !== undefined && recorded.size !== size)
      throw this.#invalid(`"${shown}" has ${size} bytes, its RECORD says ${recorded.size}`);
    const actual = digest.toString("base64url");
    if (actual !== recorded.hash.digest)
      throw this.#invalid(
        `"${shown}" has ${recorded.hash.algorithm} ${actual}, its RECORD says ${recorded.hash.digest}`,
      );
  }
}

async function* asStream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
