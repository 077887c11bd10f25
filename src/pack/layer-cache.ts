// What layers were packed to before, by the key of their contents. Records are hostile: a damaged one is no record.

import type { Context } from "../model/context.ts";
import type { DiffId, Digest, Layer } from "../model/image.ts";
import { fileSize } from "../platform/disk.ts";
import { readRecord, writeRecord } from "../platform/records.ts";

/** What is remembered of a packed layer; sizes in bytes. */
export interface LayerRecord {
  readonly diffId: DiffId;
  readonly digest: Digest;
  readonly size: number;
  readonly uncompressedSize: number;
}

const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The path in the cache of a blob with this digest. */
export function blobPath(digest: Digest, context: Context): string {
  return context.cache.path("blobs", digest.slice("sha256:".length));
}

/** Makes the layer that a record describes. */
export function toLayer(record: LayerRecord, mediaType: string, comment: string, context: Context): Layer {
  return { ...record, mediaType, comment, blob: { file: blobPath(record.digest, context), offset: 0 } };
}

/** The record under a key; its blob may be gone. */
export function findLayer(key: string, context: Context): LayerRecord | undefined {
  return parseRecord(readRecord(context.cache.path("layers", `${key}.json`)));
}

/** Whether the blob of a layer is there, with the right size. */
export function hasBlob(layer: Pick<LayerRecord, "digest" | "size">, context: Context): boolean {
  return fileSize(blobPath(layer.digest, context)) === layer.size;
}

/** Remembers what a layer was packed to. */
export function saveLayer(key: string, record: LayerRecord, context: Context): void {
  writeRecord(context.cache.path("layers", `${key}.json`), record);
}

function parseRecord(value: unknown): LayerRecord | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { diffId, digest, size, uncompressedSize } = value as Partial<Record<keyof LayerRecord, unknown>>;
  if (!isDigest(diffId) || !isDigest(digest) || !isSize(size) || !isSize(uncompressedSize)) return undefined;
  return { diffId: diffId as string as DiffId, digest, size, uncompressedSize };
}

function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && SHA256_DIGEST.test(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
