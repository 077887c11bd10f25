// Manifests and indices of a repository: asked for, fetched, stored; every one has the digest that it claims.

import { computeDigest } from "../../formats/oci.ts";
import type { Digest } from "../../model/image.ts";
import { MEDIA_TYPES } from "../../model/image.ts";
import { hintFor, RegistryError } from "./errors.ts";
import { updateReferrersTag } from "./referrers.ts";
import { PassingFailure, withPatience } from "./retry.ts";
import { type Session, showRepository } from "./session.ts";
import type { HttpAnswer } from "./transport.ts";

export interface ManifestHead {
  /** Undefined where the registry does not say. */
  readonly mediaType: string | undefined;
  readonly digest: Digest;
  /** Bytes; undefined where the registry does not say. */
  readonly size: number | undefined;
}

export interface ManifestDocument {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** Bytes that a manifest may have; registries allow as much. */
export const LARGEST_MANIFEST = 4 << 20;

const SHA256_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Everything that Tare can do something with, so that no registry converts it. */
const ACCEPT = [
  MEDIA_TYPES.index,
  MEDIA_TYPES.manifest,
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "*/*;q=0.1",
].join(", ");

export async function headManifest(session: Session, name: string): Promise<ManifestHead | undefined> {
  const answer = await session.request({
    method: "HEAD",
    target: session.path("manifests", name),
    headers: { accept: ACCEPT },
    doing: `look for ${name} in ${showRepository(session.reference)}`,
    accept: [200, 404, 405],
  });
  await answer.body.dump().catch(() => undefined);
  if (answer.status === 404) return undefined;
  const digest = readDigest(answer) ?? (SHA256_DIGEST.test(name) ? (name as Digest) : undefined);
  if (answer.status === 200 && digest !== undefined) {
    return { mediaType: readMediaType(answer), digest, size: readLength(answer) };
  }
  // Some registries know no HEAD, others leave the digest out.
  try {
    const { mediaType, digest: computed, bytes } = await getManifest(session, name);
    return { mediaType, digest: computed, size: bytes.length };
  } catch (error) {
    if (error instanceof RegistryError && error.code === "MANIFEST_UNKNOWN") return undefined;
    throw error;
  }
}

export async function getManifest(session: Session, name: string): Promise<ManifestDocument> {
  const doing = `fetch the manifest ${name} of ${showRepository(session.reference)}`;
  return withPatience(session.timing, session.context, async () => {
    const answer = await session.once({
      method: "GET",
      target: session.path("manifests", name),
      headers: { accept: ACCEPT },
      doing,
      accept: [200],
      codes: { missing: "MANIFEST_UNKNOWN" },
    });
    const bytes = await session.readDocument(answer, LARGEST_MANIFEST);
    const digest = computeDigest(bytes);
    const wanted = SHA256_DIGEST.test(name) ? name : readDigest(answer);
    if (wanted !== undefined && wanted !== digest) {
      // A body that was cut short without anyone noticing looks like this as well.
      throw new PassingFailure(
        new RegistryError("DIGEST_MISMATCH", `Cannot ${doing}: its digest is ${digest}, wanted ${wanted}`, {
          hint: "The registry, or something between, changes what it sends: tell who runs it",
        }),
      );
    }
    const document = parseDocument(bytes);
    if (document === undefined) {
      // A page to log in, of a proxy, comes with status 200.
      throw new RegistryError(
        "REGISTRY_FAULTY",
        `Cannot ${doing}: the answer is no JSON, a manifest was wanted`,
        {
          hint: hintFor("REGISTRY_FAULTY"),
        },
      );
    }
    return {
      mediaType: documentType(document) ?? readMediaType(answer) ?? MEDIA_TYPES.manifest,
      digest,
      bytes,
    };
  });
}

export async function putManifest(
  session: Session,
  name: string,
  { mediaType, bytes }: Pick<ManifestDocument, "mediaType" | "bytes">,
): Promise<Digest> {
  const doing = `push the manifest ${name} to ${showRepository(session.reference)}`;
  const answer = await session.request({
    method: "PUT",
    target: session.path("manifests", name),
    body: { size: bytes.length, mediaType, open: () => bytes },
    doing,
    accept: [200, 201, 202, 204],
    codes: { missing: "BLOB_UNKNOWN", refused: "MANIFEST_INVALID" },
  });
  await answer.body.dump().catch(() => undefined);
  const digest = computeDigest(bytes);
  const stored = readDigest(answer);
  if (stored !== undefined && stored !== digest) {
    throw new RegistryError(
      "DIGEST_MISMATCH",
      `Cannot ${doing}: the registry stored ${stored}, wanted ${digest}`,
      {
        hint: "The registry, or something between, changes what it gets: tell who runs it",
      },
    );
  }
  if (answer.header("oci-subject") === undefined) {
    await updateReferrersTag(session, { mediaType, digest, bytes });
  }
  return digest;
}

/** The digest that a registry says something has; undefined when it does not say, or not as SHA-256. */
export function readDigest(answer: HttpAnswer): Digest | undefined {
  const digest = answer.header("docker-content-digest")?.trim().toLowerCase();
  return digest !== undefined && SHA256_DIGEST.test(digest) ? (digest as Digest) : undefined;
}

/** The length that a registry says; undefined when it does not. */
export function readLength(answer: HttpAnswer): number | undefined {
  const length = answer.header("content-length");
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function readMediaType(answer: HttpAnswer): string | undefined {
  const type = (answer.header("content-type") ?? "").replace(/;.*/s, "").trim().toLowerCase();
  return type.startsWith("application/vnd.") ? type : undefined;
}

/** What a document says of itself; that is what its digest vouches for. */
function documentType({ mediaType }: { readonly mediaType?: unknown }): string | undefined {
  return typeof mediaType === "string" && mediaType.length <= 255 ? mediaType : undefined;
}

/** Undefined for what is no object of JSON. */
function parseDocument(bytes: Uint8Array): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
