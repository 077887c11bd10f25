// Named files of an image, whether it is a directory or a tar: where each lies and how long it is.

import { join } from "node:path";
import { FormatError } from "../../formats/errors.ts";
import { TarReader } from "../../formats/tar-reader.ts";
import type { Context } from "../../model/context.ts";
import type { BlobRange } from "../../model/image.ts";
import { fileSize } from "../../platform/disk.ts";
import { isPlainFile, readRange } from "../../platform/files.ts";
import { IMAGE_FORMS, ImageSourceError } from "./errors.ts";

/** Bytes of one file. */
export interface Member extends BlobRange {
  readonly size: number;
}

export interface Container {
  /** What it is, for messages. */
  readonly path: string;
  /** The member of this name, which is a plain relative path; undefined when there is none. */
  find(name: string): Member | undefined;
}

/** A directory; only regular files in it count, so that no link leads out of it. */
export function openDirectory(path: string): Container {
  return {
    path,
    find(name) {
      const file = join(path, name);
      if (!isPlainFile(file)) return undefined;
      return { file, offset: 0, size: fileSize(file)! };
    },
  };
}

/** First bytes of compressed files, by what made them. */
const MAGIC: readonly (readonly [string, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];

/** The most members of an archive: layers and documents of all its images. */
const MOST_MEMBERS = 100_000;

/** Links that lead to links that lead to a file. */
const MOST_HOPS = 4;

/**
 * Finds out what lies where in a tar; nothing is unpacked.
 *
 * @throws {ImageSourceError} `COMPRESSED_ARCHIVE`, `NOT_AN_IMAGE`.
 */
export async function openArchive(path: string, context: Context): Promise<Container> {
  const size = fileSize(path) ?? 0;
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  const reader = new TarReader({
    member(header) {
      if (members.size + links.size >= MOST_MEMBERS) {
        throw new FormatError("UNSUPPORTED_TAR", path, `it has more than ${MOST_MEMBERS} members`);
      }
      const name = normalise(header.path, "");
      links.delete(name);
      members.delete(name);
      if (header.type === "file")
        members.set(name, { file: path, offset: header.contentOffset, size: header.size });
      if (header.type === "hardlink") links.set(name, normalise(header.linkTarget, ""));
      if (header.type === "symlink") links.set(name, normalise(header.linkTarget, directoryOf(name)));
    },
    content() {},
    memberEnd() {},
  });
  let isFirst = true;
  try {
    for await (const chunk of readRange({ file: path, offset: 0, size }, context.signal, (cause) => cause)) {
      if (isFirst) refuseCompressed(path, chunk);
      isFirst = false;
      reader.write(chunk);
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new ImageSourceError("NOT_AN_IMAGE", `Cannot open the image ${path}: as a tar, ${error.problem}`, {
      hint: IMAGE_FORMS,
      cause: error,
    });
  }
  return {
    path,
    find(name) {
      let at = normalise(name, "");
      for (let hops = 0; hops < MOST_HOPS && links.has(at); hops++) at = links.get(at)!;
      return members.get(at);
    },
  };
}

function refuseCompressed(path: string, start: Uint8Array): void {
  const kind = MAGIC.find(([, magic]) => magic.every((byte, i) => start[i] === byte))?.[0];
  if (kind === undefined) return;
  throw new ImageSourceError(
    "COMPRESSED_ARCHIVE",
    `Cannot open the image ${path}: it is compressed with ${kind}, a plain tar was wanted`,
    { hint: `Decompress it first: ${kind} -d ${path}` },
  );
}

function directoryOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf("/"), 0));
}

/** A name inside the archive without `.` and `..`; it names only members, never files of this machine. */
function normalise(name: string, directory: string): string {
  const parts = name.startsWith("/") ? [] : directory.split("/");
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.filter((part) => part !== "").join("/");
}
