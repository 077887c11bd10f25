// Receipts: what was delivered where, so that an unchanged image is not read and hashed again. A receipt holds while
// no file of the delivery was written to, replaced or touched since; it lives in the cache and is hostile as all of it.

import { createHash } from "node:crypto";
import type { Context } from "../model/context.ts";
import type { Digest } from "../model/image.ts";
import { DiskError, fileSize, writeFileAtomically } from "../platform/disk.ts";
import { fileIdentity, readSmallFile } from "../platform/files.ts";

const LARGEST_RECEIPT = 1 << 20;

/** An image or an index, and what it is called. */
export interface Deliverable {
  readonly name: string;
  readonly tag: string;
  readonly digest: Digest;
}

function receiptPath(output: string, context: Context): string {
  return context.cache.path("builds", `delivered-${createHash("sha256").update(output).digest("hex")}.json`);
}

/** What a receipt says, as text: files and their identities behind what was delivered. */
function describe(output: string, image: Deliverable, files: readonly string[]): string | undefined {
  const identities = files.map((path) => [path, fileIdentity(path)]);
  if (identities.some(([, identity]) => identity === undefined)) return undefined;
  return JSON.stringify({
    output,
    name: image.name,
    tag: image.tag,
    digest: image.digest,
    files: identities,
  });
}

/** Remembers a delivery; one that cannot be remembered has succeeded all the same. */
export function writeReceipt(
  output: string,
  image: Deliverable,
  files: readonly string[],
  context: Context,
): void {
  const receipt = describe(output, image, files);
  if (receipt === undefined) return;
  try {
    writeFileAtomically(receiptPath(output, context), receipt);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** The files of an earlier delivery of this very image that nobody touched since, and their bytes; else undefined. */
export function findReceipt(
  output: string,
  image: Deliverable,
  context: Context,
): { readonly paths: readonly string[]; readonly size: number } | undefined {
  const bytes = readSmallFile(receiptPath(output, context), LARGEST_RECEIPT);
  if (bytes === undefined || bytes === "too-large") return undefined;
  const receipt = bytes.toString("utf8");
  const paths = receiptFiles(receipt);
  if (paths === undefined || describe(output, image, paths) !== receipt) return undefined;
  return { paths, size: paths.reduce((size, path) => size + (fileSize(path) ?? 0), 0) };
}

function receiptFiles(receipt: string): string[] | undefined {
  try {
    const { files } = JSON.parse(receipt) as { files: unknown };
    if (!Array.isArray(files) || files.length === 0) return undefined;
    const paths = files.map((file: unknown) => (Array.isArray(file) ? String(file[0]) : ""));
    return paths.every((path) => path.startsWith("/")) ? paths : undefined;
  } catch {
    return undefined;
  }
}
