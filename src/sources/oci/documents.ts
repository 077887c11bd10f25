// Reads the small documents of an image out of its container, each checked against what refers to it.

import { FormatError } from "../../formats/errors.ts";
import { computeDigest } from "../../formats/oci.ts";
import type { Context } from "../../model/context.ts";
import type { Digest } from "../../model/image.ts";
import { readRange } from "../../platform/files.ts";
import type { Container, Member } from "./container.ts";
import { ImageSourceError } from "./errors.ts";

/** What refers to a blob: its digest and size. */
export interface BlobClaim {
  readonly digest: Digest;
  readonly size: number;
}

/** Where a layout keeps a blob. */
export function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/**
 * The member that holds a blob, if it has the right size; its bytes are not read.
 *
 * @throws {ImageSourceError} `BLOB_MISSING`, `BLOB_MISMATCH`.
 */
export function findBlob(container: Container, { digest, size }: BlobClaim): Member {
  const member = container.find(blobName(digest));
  if (member === undefined) {
    throw new ImageSourceError(
      "BLOB_MISSING",
      `Cannot open the image ${container.path}: it has no blob ${digest}`,
      {
        hint: "Copy the image again, whole",
      },
    );
  }
  if (member.size !== size) {
    throw new ImageSourceError(
      "BLOB_MISMATCH",
      `Cannot open the image ${container.path}: the blob ${digest} has ${member.size} bytes, wanted ${size}`,
    );
  }
  return member;
}

/** Reads a document by its digest. */
export async function readBlobDocument(
  container: Container,
  claim: BlobClaim,
  maxSize: number,
  context: Context,
): Promise<Buffer> {
  const bytes = await readDocument(container, findBlob(container, claim), claim.digest, maxSize, context);
  const actual = computeDigest(bytes);
  if (actual !== claim.digest) {
    throw new ImageSourceError(
      "BLOB_MISMATCH",
      `Cannot open the image ${container.path}: the blob ${claim.digest} has the digest ${actual}`,
    );
  }
  return bytes;
}

/** Reads a document by its name; undefined when there is none. */
export async function readNamedDocument(
  container: Container,
  name: string,
  maxSize: number,
  context: Context,
): Promise<Buffer | undefined> {
  const member = container.find(name);
  return member === undefined ? undefined : readDocument(container, member, name, maxSize, context);
}

async function readDocument(
  container: Container,
  member: Member,
  name: string,
  maxSize: number,
  context: Context,
): Promise<Buffer> {
  if (member.size > maxSize) {
    throw new ImageSourceError(
      "IMAGE_MALFORMED",
      `Cannot open the image ${container.path}: ${name} has ${member.size} bytes, at most ${maxSize} were expected`,
    );
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of readRange(member, context.signal, (cause) => cause)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Runs a parser of formats/; what it refuses is an error of this image. */
export function parsing<T>(container: { readonly path: string }, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new ImageSourceError(
      "IMAGE_MALFORMED",
      `Cannot open the image ${container.path}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}
