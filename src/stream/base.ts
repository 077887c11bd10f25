// The docker archive that an image is based on → its layers, its environment, and its members as they are.
//
// The members are copied with their headers, as Python's tarfile reads and writes them again.

import { DOCKER_MANIFEST } from "../formats/docker-archive.ts";
import { FormatError } from "../formats/errors.ts";
import { isJsonObject, type JsonValue, parseJson } from "../formats/python-json.ts";
import { type TarHeader, TarReader } from "../formats/tar-reader.ts";
import type { TarMember } from "../formats/tar-writer.ts";
import { decodeByteString, encodeByteString } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { DiffId } from "../model/image.ts";
import { type Compression, DecompressError, decompress } from "../platform/decompress.ts";
import { fileSize } from "../platform/disk.ts";
import { pathKind, readRange, readStart } from "../platform/files.ts";
import { SpoolFile } from "../platform/random-access.ts";
import { StreamError } from "./errors.ts";

/** A layer of the base image. */
export interface BaseLayer {
  readonly diffId: DiffId;
  /** The name of its member, as text. */
  readonly name: string;
  /** Its header, as it is to be written again; a link has no content. */
  readonly member: TarMember;
  /** Where the bytes of its tar are; of a link those of what it leads to. */
  readonly data: { readonly file: string; readonly offset: number; readonly size: number };
}

export interface BaseImage extends Disposable {
  /** Bottom first. */
  readonly layers: readonly BaseLayer[];
  readonly env: readonly string[];
}

/** Bytes of `manifest.json` and of the configuration. */
const LARGEST_DOCUMENT = 16 << 20;
/** Bytes that a compressed archive may have. */
const LARGEST_ARCHIVE = 2 ** 38;
const MOST_MEMBERS = 100_000;
const MOST_HOPS = 8;

const MAGIC: readonly (readonly [Compression, string])[] = [
  ["gzip", "1f8b"],
  ["zstd", "28b52ffd"],
  ["xz", "fd377a585a"],
  ["bzip2", "425a68"],
];

/**
 * Opens a base image. Compressed archives are decompressed beside the cache until it is disposed of.
 *
 * @throws {StreamError} `BASE_INVALID`
 */
export async function openBase(path: string, context: Context): Promise<BaseImage> {
  if (pathKind(path) !== "file") throw invalid(path, "there is no such file");
  const spool = await decompressed(path, context);
  try {
    const archive = await readArchive(path, spool?.path ?? path, context);
    const image = await describe(archive, context);
    return { ...image, [Symbol.dispose]: () => spool?.[Symbol.dispose]() };
  } catch (error) {
    spool?.[Symbol.dispose]();
    throw error;
  }
}

async function decompressed(path: string, context: Context): Promise<SpoolFile | undefined> {
  const start = readStart(path, 6).toString("hex");
  const compression = MAGIC.find(([, magic]) => start.startsWith(magic))?.[0];
  if (compression === undefined) return undefined;
  const spool = new SpoolFile(context.cache.path("tmp", "base"));
  try {
    const chunks = readRange(
      { file: path, offset: 0, size: fileSize(path) ?? 0 },
      context.signal,
      (cause) => cause,
    );
    for await (const chunk of decompress(compression, chunks, { maxSize: LARGEST_ARCHIVE, name: path })) {
      spool.write(chunk);
    }
    return spool;
  } catch (error) {
    spool[Symbol.dispose]();
    if (error instanceof DecompressError) throw invalid(path, error.problem, error);
    throw error;
  }
}

interface Archive {
  /** For messages. */
  readonly path: string;
  /** Where its bytes are. */
  readonly file: string;
  /** By name; of one that is there twice, the last. */
  readonly members: ReadonlyMap<string, TarHeader>;
}

async function readArchive(path: string, file: string, context: Context): Promise<Archive> {
  const members = new Map<string, TarHeader>();
  const reader = new TarReader({
    member(header) {
      if (members.size >= MOST_MEMBERS) throw invalid(path, `it has more than ${MOST_MEMBERS} members`);
      members.set(header.path.replace(/\/+$/, ""), header);
    },
    content() {},
    memberEnd() {},
  });
  try {
    const range = { file, offset: 0, size: fileSize(file) ?? 0 };
    for await (const chunk of readRange(range, context.signal, (cause) => cause)) reader.write(chunk);
    reader.end();
  } catch (error) {
    if (error instanceof FormatError) throw invalid(path, `as a tar, ${error.problem}`, error);
    throw error;
  }
  return { path, file, members };
}

async function describe(archive: Archive, context: Context): Promise<Pick<BaseImage, "layers" | "env">> {
  const manifest = await readDocument(archive, DOCKER_MANIFEST, context);
  const entry = Array.isArray(manifest) ? (manifest[0] as JsonValue) : undefined;
  if (!isJsonObject(entry)) throw invalid(archive.path, `its ${DOCKER_MANIFEST} has no image`);
  const configName = entry.get("Config");
  if (typeof configName !== "string") throw invalid(archive.path, `its ${DOCKER_MANIFEST} has no "Config"`);
  const document = await readDocument(archive, configName, context);
  if (!isJsonObject(document)) throw invalid(archive.path, `its ${configName} is no object`);
  const rootfs = document.get("rootfs");
  const names = texts(archive, entry.get("Layers"), `the "Layers" of ${DOCKER_MANIFEST}`);
  const diffIds = texts(archive, isJsonObject(rootfs) ? rootfs.get("diff_ids") : undefined, "its diff_ids");
  if (names.length !== diffIds.length) {
    throw invalid(archive.path, `it has ${names.length} layers, its configuration ${diffIds.length}`);
  }
  const config = document.get("config");
  const env = isJsonObject(config) ? (config.get("Env") ?? null) : null;
  return {
    layers: names.map((name, i) => describeLayer(archive, name, diffIds[i]!)),
    env: env === null ? [] : texts(archive, env, "its Env"),
  };
}

function describeLayer(archive: Archive, name: string, diffId: string): BaseLayer {
  if (!/^sha256:[0-9a-f]{64}$/.test(diffId)) throw invalid(archive.path, `"${diffId}" is no diffID`);
  const header = findMember(archive, encodeByteString(name));
  if (header.type === "directory") throw invalid(archive.path, `its layer ${name} is a directory`);
  const { contentOffset, size } = followLinks(archive, header);
  return {
    diffId: diffId as DiffId,
    name: decodeByteString(header.path),
    member: toMember(archive, header),
    data: { file: archive.file, offset: contentOffset, size },
  };
}

function findMember(archive: Archive, name: string): TarHeader {
  const header = archive.members.get(name.replace(/\/+$/, ""));
  if (header === undefined) throw invalid(archive.path, `it has no member ${decodeByteString(name)}`);
  return header;
}

/** The file that a member is, or leads to. */
function followLinks(archive: Archive, header: TarHeader): TarHeader {
  let at = header;
  for (let hops = 0; at.type !== "file"; hops++) {
    if (hops >= MOST_HOPS || (at.type !== "symlink" && at.type !== "hardlink")) {
      throw invalid(archive.path, `its layer ${decodeByteString(header.path)} leads to no file`);
    }
    const name = at.type === "hardlink" ? at.linkTarget : resolveLink(at.path, at.linkTarget);
    at = findMember(archive, name);
  }
  return at;
}

function resolveLink(from: string, target: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

function toMember(archive: Archive, header: TarHeader): TarMember {
  const { path, type, mode, uid, gid, uname, gname, size, mtimeSeconds, linkTarget, typeFlag, records } =
    header;
  if (type !== "file" && type !== "hardlink" && type !== "symlink") {
    throw invalid(archive.path, `its layer ${decodeByteString(path)} is a ${type}`);
  }
  return {
    name: path,
    type,
    mode,
    uid,
    gid,
    uname,
    gname,
    size,
    mtimeSeconds,
    linkName: linkTarget,
    announcesBytes: true,
    typeFlag,
    records,
  };
}

async function readDocument(archive: Archive, name: string, context: Context): Promise<JsonValue> {
  const header = followLinks(archive, findMember(archive, encodeByteString(name)));
  if (header.size > LARGEST_DOCUMENT) throw invalid(archive.path, `its ${name} has ${header.size} bytes`);
  const range = { file: archive.file, offset: header.contentOffset, size: header.size };
  const chunks: Uint8Array[] = [];
  for await (const chunk of readRange(range, context.signal, (cause) => cause))
    chunks.push(Buffer.from(chunk));
  try {
    return parseJson(Buffer.concat(chunks), name);
  } catch (error) {
    if (error instanceof FormatError) throw invalid(archive.path, `of its ${name}, ${error.problem}`, error);
    throw error;
  }
}

function texts(archive: Archive, value: JsonValue | undefined, what: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw invalid(archive.path, `${what} is no array of strings`);
  }
  return value as readonly string[];
}

function invalid(path: string, problem: string, cause?: unknown): StreamError {
  return new StreamError(
    "BASE_INVALID",
    `Cannot use the base image ${path}: ${problem}, a docker archive was wanted`,
    {
      hint: "from_image is what docker save, skopeo copy and dockerTools write: a tar with manifest.json",
      cause,
    },
  );
}
