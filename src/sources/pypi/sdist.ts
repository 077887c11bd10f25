// A downloaded source distribution → what builds it. Nothing of it is run or unpacked here.
// Specifications: PEP 517 (its layout: one directory with pyproject.toml), PEP 518.

import { FormatError } from "../../formats/errors.ts";
import { PythonFormatError } from "../../formats/python/errors.ts";
import { type BuildSystem, parseBuildSystem } from "../../formats/python/project.ts";
import { type TarHandler, type TarHeader, TarReader } from "../../formats/tar-reader.ts";
import { readZipDirectory } from "../../formats/zip-archive.ts";
import type { Context } from "../../model/context.ts";
import { type Compression, DecompressError, decompress } from "../../platform/decompress.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { inflateRaw } from "../../platform/inflate.ts";
import { PypiError } from "./errors.ts";

const MIB = 1 << 20;
/** Bytes of a pyproject.toml. */
const MOST_PROJECT = 4 * MIB;

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  ".tar.gz": "gzip",
  ".tgz": "gzip",
  ".tar.xz": "xz",
};

/** What a source distribution says of itself. */
export interface SdistMetadata {
  readonly buildSystem: BuildSystem;
}

/**
 * Reads how a source distribution is built.
 *
 * @param file Absolute path of the download.
 * @param extension `.tar.gz` and the like.
 * @returns Undefined when the file does not have the sha256: it has been damaged and must be fetched again.
 * @throws {PypiError} `SDIST_INVALID`
 */
export async function readSdist(
  file: string,
  sha256: string,
  fileName: string,
  extension: string,
  { signal }: Context,
): Promise<SdistMetadata | undefined> {
  using archive = new HashedFile(file);
  const invalid = (problem: string, cause?: unknown) =>
    new PypiError("SDIST_INVALID", `Cannot read ${fileName}: ${problem}`, { cause });
  try {
    const text =
      extension === ".zip" ? await readZip(archive) : await readTar(archive, extension, invalid, signal);
    if ((await archive.digest()) !== sha256) return undefined;
    return { buildSystem: parseBuildSystem(text, `pyproject.toml of ${fileName}`) };
  } catch (error) {
    signal.throwIfAborted();
    const isOurs =
      error instanceof FormatError || error instanceof DecompressError || error instanceof PypiError;
    if (isOurs && (await archive.digest()) !== sha256) return undefined;
    if (error instanceof FormatError || error instanceof DecompressError) throw invalid(error.problem, error);
    if (error instanceof PythonFormatError) throw invalid(error.message.replace(/^Cannot read /, ""), error);
    throw error;
  }
}

const PROJECT = /^(?:\.\/)?[^/]+\/pyproject\.toml$/;

async function readTar(
  archive: HashedFile,
  extension: string,
  invalid: (problem: string) => PypiError,
  signal: AbortSignal,
): Promise<string | undefined> {
  const compression = COMPRESSIONS[extension];
  if (compression === undefined) throw invalid(`${extension} is not supported, .tar.gz was expected`);
  const finder = new ProjectFinder();
  const reader = new TarReader(finder);
  const maxSize = 256 * MIB + 200 * archive.size;
  for await (const chunk of decompress(compression, archive.chunks(0, archive.size), { maxSize })) {
    signal.throwIfAborted();
    reader.write(chunk);
  }
  reader.end();
  return finder.text();
}

/** Keeps the bytes of one member. */
class ProjectFinder implements TarHandler {
  #chunks: Buffer[] | undefined;
  #open = false;

  member({ path, type, size }: TarHeader): void {
    this.#open = type === "file" && PROJECT.test(path) && size <= MOST_PROJECT;
    if (this.#open) this.#chunks = [];
  }

  content(chunk: Uint8Array): void {
    if (this.#open) this.#chunks!.push(Buffer.from(chunk));
  }

  memberEnd(): void {
    this.#open = false;
  }

  text(): string | undefined {
    return this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks).toString("utf8");
  }
}

async function readZip(archive: HashedFile): Promise<string | undefined> {
  const limits = { mostMembers: 400_000, maxSize: 256 * MIB + 200 * archive.size };
  const members = readZipDirectory((offset, length) => archive.readAt(offset, length), archive.size, limits);
  const member = members.find(({ name, size }) => PROJECT.test(name) && size <= MOST_PROJECT);
  if (member === undefined) return undefined;
  const raw = archive.chunks(member.offset, member.compressedSize);
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.method === "stored" ? raw : inflateRaw(raw, member.size, "pyproject.toml"))
    chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
