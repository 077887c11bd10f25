// Which repositories of which registries are known to have a blob, so that it can be mounted from there; and which blobs
// there are wherever an image or index is. Hints in the cache: a wrong one costs some requests, and no more.

import { type Content, rootDocument } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Digest } from "../model/image.ts";
import { DiskError } from "../platform/disk.ts";
import { removeFile } from "../platform/files.ts";
import { readRecord, writeRecord } from "../platform/records.ts";

/** A repository of a registry. */
export interface Place {
  readonly host: string;
  readonly repository: string;
}

/** Places that are remembered of one blob. */
const MOST_PLACES = 16;

function recordPath(digest: Digest, context: Context): string {
  return context.cache.path("registries", `${digest.slice("sha256:".length)}.json`);
}

/** Repositories of a registry that had a blob, the latest first. */
export function findRepositories(digest: Digest, host: string, context: Context): string[] {
  return readPlaces(digest, context)
    .filter((place) => place.host === host)
    .map((place) => place.repository);
}

/** Remembers that a repository has a blob; where that cannot be written down, nothing is lost. */
export function rememberPlace(digest: Digest, { host, repository }: Place, context: Context): void {
  const places = readPlaces(digest, context);
  const isSame = (place: Place) => place.host === host && place.repository === repository;
  if (places.some(isSame)) return;
  writeHint(recordPath(digest, context), [{ host, repository }, ...places].slice(0, MOST_PLACES));
}

function writeHint(path: string, value: unknown): void {
  try {
    writeRecord(path, value);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

function contentPath(root: Digest, context: Context): string {
  return context.cache.path("registries", `content-${root.slice("sha256:".length)}.json`);
}

/** Remembers of what blobs an image or index consists: a repository that has it has them. */
export function rememberContent(content: Content, context: Context): void {
  const { digest: root } = rootDocument(content);
  if (findContent(root, context).size > 0) return;
  const digests = content.blobs.map(({ digest }) => digest);
  writeHint(contentPath(root, context), digests);
}

/** Forgets of what blobs an image or index consists: a repository that has it has lost some of them. */
export function forgetContent(root: Digest, context: Context): void {
  removeFile(contentPath(root, context));
}

/** The blobs of an image or index that was pushed before; none when it is not known. */
export function findContent(root: Digest, context: Context): ReadonlySet<Digest> {
  const value = readRecord(contentPath(root, context));
  const digests = Array.isArray(value) ? value : [];
  return new Set(digests.filter((digest): digest is Digest => typeof digest === "string"));
}

function readPlaces(digest: Digest, context: Context): Place[] {
  const value = readRecord(recordPath(digest, context));
  return (Array.isArray(value) ? value : []).filter((place): place is Place => {
    const { host, repository } = (place ?? {}) as Partial<Record<keyof Place, unknown>>;
    return typeof host === "string" && typeof repository === "string";
  });
}
