// Blobs on their way out: every one is hashed as it passes, wherever it comes from and goes to.

import { createHash } from "node:crypto";
import { sep } from "node:path";
import { layerCompression } from "../formats/oci.ts";
import type { Context } from "../model/context.ts";
import type { BlobRange, Digest, Layer } from "../model/image.ts";
import { ContentError } from "../platform/content.ts";
import { DecompressError, decompress } from "../platform/decompress.ts";
import { fileSize } from "../platform/disk.ts";
import { FileCopy, isPlainFile, readRange } from "../platform/files.ts";
import { TemporaryFile } from "../platform/output.ts";
import { DeliverError } from "./errors.ts";

/** A blob that is on this machine. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly blob: BlobRange;
}

/** Bytes that an uncompressed layer may have whose size is not known. */
const LARGEST_LAYER = 2 ** 40;

/** The error for bytes that are not what they should be: of the cache, which can make them again, or of the user. */
function damage(file: string, problem: string, context: Context, cause?: unknown): Error {
  const message = `Cannot deliver ${file}: ${problem}`;
  if (file.startsWith(context.cache.root + sep)) return new ContentError(file, message, cause);
  return new DeliverError("BLOB_DAMAGED", message, { cause, hint: "Make the image again, or copy it again" });
}

/**
 * Reads a blob.
 *
 * @returns Its bytes in chunks; the last is followed by an error when they do not have the digest.
 * @throws {ContentError} `CACHE_DAMAGED`
 * @throws {DeliverError} `BLOB_DAMAGED`
 */
export async function* readBlob(
  stored: StoredBlob,
  context: Context,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { digest, size, blob } = stored;
  const hash = createHash("sha256");
  const missing = (cause: unknown) => damage(blob.file, "it is gone", context, cause);
  for await (const chunk of readRange({ ...blob, size }, context.signal, missing)) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== digest) throw damage(blob.file, `its digest is ${actual}, wanted ${digest}`, context);
}

/**
 * Reads a layer uncompressed; checks the digest of the blob as well as the diffID.
 *
 * @throws As {@link readBlob}.
 */
export async function* readUncompressed(
  layer: Layer,
  context: Context,
): AsyncGenerator<Uint8Array, void, undefined> {
  const compression = layerCompression(layer.mediaType);
  const hash = createHash("sha256");
  const maxSize = layer.uncompressedSize ?? LARGEST_LAYER;
  try {
    for await (const chunk of decompress(compression, readBlob(layer, context), { maxSize })) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof DecompressError)) throw error;
    throw damage(layer.blob.file, error.problem, context, error);
  }
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== layer.diffId) {
    throw damage(layer.blob.file, `its diffID is ${actual}, wanted ${layer.diffId}`, context);
  }
}

/** The uncompressed size of a layer, bytes; read where it is not known. */
export async function measureUncompressed(layer: Layer, context: Context): Promise<number> {
  if (layer.uncompressedSize !== undefined) return layer.uncompressedSize;
  let size = 0;
  for await (const chunk of readUncompressed(layer, context)) size += chunk.length;
  return size;
}

/**
 * Puts a blob at a path, unless a right one is there already.
 *
 * @returns Whether it was written.
 */
export async function placeBlob(stored: StoredBlob, path: string, context: Context): Promise<boolean> {
  if (await hasBlob(stored, path, context)) return false;
  const { file, offset } = stored.blob;
  if (offset === 0 && fileSize(file) === stored.size) {
    using copy = new FileCopy(file, path);
    // What is hashed is the copy, so that damage by either disk is seen; what is named is the original.
    if (!(await hasBlob(stored, copy.path, context))) {
      throw damage(file, `it does not have the digest ${stored.digest}`, context);
    }
    copy.commit();
    return true;
  }
  using target = new TemporaryFile(path);
  for await (const chunk of readBlob(stored, context)) target.write(chunk);
  target.commit(path);
  return true;
}

async function hasBlob({ digest, size }: StoredBlob, path: string, context: Context): Promise<boolean> {
  if (!isPlainFile(path) || fileSize(path) !== size) return false;
  const hash = createHash("sha256");
  for await (const chunk of readRange({ file: path, offset: 0, size }, context.signal, (cause) => cause)) {
    hash.update(chunk);
  }
  return `sha256:${hash.digest("hex")}` === digest;
}
