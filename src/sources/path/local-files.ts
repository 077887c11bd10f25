// Files of this machine → store objects of one file each, and what each asks of an archive: an ELF file its interpreter
// and libraries, a script its interpreter. Their bytes are copied into the cache, since the files may change at any time.

import { posix } from "node:path";
import { crc32 } from "node:zlib";
import type { ElfLinkage } from "../../formats/elf.ts";
import { parseElfLinkage } from "../../formats/elf.ts";
import { parseShebang, programOfEnv, SHEBANG_SIZE } from "../../formats/shebang.ts";
import { namesCertificates, namesTimeZones, STATIC_TEXT_OVERLAP } from "../../formats/static-program.ts";
import type { BytePath } from "../../model/bytes.ts";
import { decodeByteString, encodeByteString } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type {
  Architecture,
  ArchiveReference,
  ImageSpec,
  LocalFile,
  Request,
} from "../../model/image-spec.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { fileSize } from "../../platform/disk.ts";
import { FileCopy, isExecutable, pathKind, readStart } from "../../platform/files.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { RandomAccessFile } from "../../platform/random-access.ts";
import { PathError } from "./errors.ts";

/** A local file as a store object, with what it needs. */
export interface LocalObject {
  readonly file: LocalFile;
  readonly object: StoreObject;
  /** Where what it needs is looked for. */
  readonly archive: ArchiveReference;
  /** Each once, in the order in which the file names them. */
  readonly needs: readonly Request[];
  /** Absent for what is no ELF file. */
  readonly linkage: ElfLinkage | undefined;
}

/** The bytes and permission bits of a local file. */
export interface LocalFileState {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly mode: number;
}

interface Checksums {
  readonly sha256: string;
  readonly crc32: number;
  /** Bytes. */
  readonly size: number;
}

/** What the loader, the vdso and musl's loader bring along themselves. */
const BUILT_IN = /^(?:linux-(?:vdso|gate)\.so\.1$|ld-(?:linux|musl))/;
const BUILT_INTO_MUSL = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./;

/**
 * What a local file is now.
 *
 * @throws {PathError} `LOCAL_FILE_MISSING`; {DiskError} when it cannot be read.
 */
export async function describeLocalFile(file: LocalFile): Promise<LocalFileState> {
  checkIsFile(file);
  return { sha256: (await computeChecksums(file.path)).sha256, mode: modeOf(file) };
}

/**
 * Reads the local files of an image.
 *
 * @throws {PathError} `LOCAL_FILE_MISSING`, `LOCAL_FILE_DAMAGED` or `LOCAL_FILE_FOREIGN`; {DiskError}.
 */
export async function readLocalFiles(
  { files, architecture, archive }: Pick<ImageSpec, "files" | "architecture" | "archive">,
  context: Pick<Context, "cache" | "signal">,
): Promise<LocalObject[]> {
  const targets = files.map(({ target }) => target);
  const objects: LocalObject[] = [];
  for (const file of files) {
    context.signal.throwIfAborted();
    objects.push(await readLocalFile(file, targets, architecture, file.archive ?? archive, context));
  }
  return objects;
}

async function readLocalFile(
  file: LocalFile,
  targets: readonly string[],
  architecture: Architecture,
  archive: ArchiveReference,
  context: Pick<Context, "cache">,
): Promise<LocalObject> {
  checkIsFile(file);
  const mode = modeOf(file);
  const { copy, ...checksums } = await copyToCache(file.path, context);
  const object = createObject(file, mode, copy, checksums);
  const linkage = readLinkage(file.path, checksums.size);
  if (linkage !== undefined) checkProgram(file, linkage, architecture);
  const wanted = linkage === undefined ? scriptNeeds(file.path) : linkageNeeds(linkage);
  const data = linkage === undefined ? [] : staticNeeds(copy, checksums.size, linkage);
  const needs = [...new Set([...wanted, ...data])]
    .filter((need) => !isProvided(need, targets))
    .map((name) => ({ ...archive, name }));
  return { file, object, archive, needs, linkage };
}

function checkIsFile({ path }: LocalFile): void {
  const kind = pathKind(path);
  if (kind === "file") return;
  throw new PathError(
    "LOCAL_FILE_MISSING",
    `Cannot put ${path} into the image: ${kind === undefined ? "there is no such file" : `it is ${kind === "directory" ? "a directory" : "no regular file"}`}, a file was expected`,
    {
      hint:
        kind === "directory"
          ? "Name each file of it with file()"
          : "Paths are relative to the directory of the image file; build the program first",
    },
  );
}

function modeOf({ path, mode }: LocalFile): number {
  return mode ?? (isExecutable(path) ? 0o755 : 0o644);
}

async function computeChecksums(path: string): Promise<Checksums> {
  using hashed = new HashedFile(path);
  let crc = 0;
  for await (const chunk of hashed.chunks(0, hashed.size)) crc = crc32(chunk, crc);
  return { sha256: await hashed.digest(), crc32: crc, size: hashed.size };
}

/** A file that is written to while it is copied is copied again: the name of the copy is the hash of its bytes. */
async function copyToCache(
  source: string,
  { cache }: Pick<Context, "cache">,
): Promise<Checksums & { readonly copy: string }> {
  for (;;) {
    const checksums = await computeChecksums(source);
    const path = cache.path("downloads", checksums.sha256);
    if (fileSize(path) === checksums.size) return { ...checksums, copy: path };
    using unchecked = new FileCopy(source, path);
    if ((await computeChecksums(unchecked.path)).sha256 !== checksums.sha256) continue;
    unchecked.commit();
    return { ...checksums, copy: path };
  }
}

function createObject(file: LocalFile, mode: number, copy: string, checksums: Checksums): StoreObject {
  const { sha256, size } = checksums;
  const target = encodeByteString(file.target.slice(1)) as string as BytePath;
  return {
    id: `path/${sha256}${file.target}`,
    label: file.target,
    placement: { kind: "at-root" },
    tree: {
      entries: [
        {
          path: target,
          type: "file",
          mode,
          uid: 0,
          gid: 0,
          size,
          content: { kind: "range", file: copy, offset: 0, crc32: checksums.crc32, sha256 },
        },
      ],
    },
    declaredReferences: [],
    overrides: true,
  };
}

function readLinkage(path: string, size: number): ElfLinkage | undefined {
  using source = new RandomAccessFile(path);
  return parseElfLinkage({ size, readInto: (position, target) => source.readInto(position, target) });
}

/** `e_machine` and how it is called. Both architectures have 64 bits, little endian. */
const MACHINES: Readonly<Record<Architecture, number>> = { amd64: 62, arm64: 183 };
const NAMES: Readonly<Record<number, string>> = { 3: "i386", 40: "arm", 62: "amd64", 183: "arm64" };

function checkProgram({ path }: LocalFile, linkage: ElfLinkage, architecture: Architecture): void {
  if (linkage.type !== "executable" && linkage.type !== "shared") return;
  if (linkage.machine !== MACHINES[architecture] || linkage.class !== 64) {
    const own = linkage.class === 32 && linkage.machine === 62 ? "x32" : NAMES[linkage.machine];
    const buildable = own === "amd64" || own === "arm64";
    throw new PathError(
      "LOCAL_FILE_FOREIGN",
      `Cannot put ${path} into an image for ${architecture}: it is a program for ${own ?? `another processor (ELF machine ${linkage.machine})`}`,
      {
        hint: buildable
          ? `Build the program for ${architecture}, or write architecture: "${own}" in buildLayeredImage()`
          : `Build the program for ${architecture}`,
      },
    );
  }
  if (linkage.problem === undefined) return;
  throw new PathError(
    "LOCAL_FILE_DAMAGED",
    `Cannot put ${path} into the image: it is a damaged ELF file, ${linkage.problem}`,
    { hint: "Build the program again" },
  );
}

function* linkageNeeds({ interpreter, needed }: ElfLinkage): Generator<string> {
  if (interpreter !== undefined) yield decodeByteString(interpreter);
  const isMusl = interpreter?.includes("/ld-musl-") === true;
  for (const name of needed) {
    if (name.startsWith("/")) yield decodeByteString(name);
    else if (name.includes("/") || BUILT_IN.test(name) || (isMusl && BUILT_INTO_MUSL.test(name))) continue;
    else yield `lib:${decodeByteString(name)}`;
  }
}

/** Bytes of a static program that are looked at together. */
const STRETCH = 4 << 20;

/** Data that a static program names: what shows it are its bytes alone, whether it is used decides the closure. */
function staticNeeds(path: string, size: number, linkage: ElfLinkage): string[] {
  const isStatic =
    (linkage.type === "executable" || linkage.type === "shared") &&
    linkage.interpreter === undefined &&
    linkage.needed.length === 0;
  if (!isStatic) return [];
  using source = new RandomAccessFile(path);
  const needs = new Set<string>();
  for (let at = 0; at < size; at += STRETCH) {
    const start = Math.max(0, at - 1);
    const bytes = Buffer.alloc(Math.min(STRETCH + STATIC_TEXT_OVERLAP, size - start));
    source.readInto(start, bytes);
    if (namesCertificates(bytes)) needs.add("ca-certificates");
    if (namesTimeZones(bytes)) needs.add("tzdata");
  }
  return [...needs];
}

function* scriptNeeds(path: string): Generator<string> {
  const shebang = parseShebang(readStart(path, SHEBANG_SIZE).toString("latin1"));
  if (shebang === undefined) return;
  const interpreter = shebang.interpreter.replace(/\r$/, "");
  const command = programOfEnv(shebang);
  if (interpreter.startsWith("/")) yield posix.normalize(decodeByteString(interpreter));
  if (command?.startsWith("/")) yield posix.normalize(decodeByteString(command));
  else if (command !== undefined && !command.includes("/")) yield `bin:${decodeByteString(command)}`;
}

/** Whether another file of the image is what is needed; libraries by their names, wherever a RUNPATH has them. */
function isProvided(need: string, targets: readonly string[]): boolean {
  const [, name] = /^(?:lib|bin):(.*)$/s.exec(need) ?? [];
  return targets.some((target) =>
    name === undefined ? mergeUsr(target) === mergeUsr(need) : posix.basename(target) === name,
  );
}

function mergeUsr(path: string): string {
  return path.replace(/^\/(?=(?:bin|sbin|lib[a-z0-9]*)\/)/, "/usr/");
}
