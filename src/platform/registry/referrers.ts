// What refers to a manifest by its `subject`: signatures, attestations. By the referrers API, or where a registry has
// none by an index under a tag. Specification: OCI Distribution 1.1, "Listing Referrers", "Referrers Tag Schema".

import type { Descriptor } from "../../formats/oci.ts";
import { formatIndex } from "../../formats/oci.ts";
import type { Digest } from "../../model/image.ts";
import { MEDIA_TYPES } from "../../model/image.ts";
import { RegistryError } from "./errors.ts";
import { getManifest, type ManifestDocument, putManifest } from "./manifests.ts";
import type { Session } from "./session.ts";
import { showRepository } from "./session.ts";
import { readPages } from "./tags.ts";

/** An entry of a list of referrers. */
export type Referrer = Descriptor & {
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
};

export interface Referrers {
  /** How it was found out. */
  readonly by: "api" | "tag";
  readonly referrers: readonly Referrer[];
}

export async function listReferrers(
  session: Session,
  digest: Digest,
  artifactType: string | undefined,
): Promise<Referrers> {
  const wanted = (found: readonly Referrer[]) =>
    // A registry may filter or not; who asked gets what was asked for.
    found.filter((referrer) => artifactType === undefined || referrer.artifactType === artifactType);
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const found: Referrer[] = [];
  let hasApi = false;
  for await (const page of readPages(session, {
    method: "GET",
    target: `${session.path("referrers", digest)}${query}`,
    headers: { accept: MEDIA_TYPES.index },
    doing: `list what refers to ${digest} in ${showRepository(session.reference)}`,
    accept: [200, 400, 404, 405],
  })) {
    hasApi = true;
    found.push(...readReferrers(page));
  }
  if (hasApi) return { by: "api", referrers: wanted(found) };
  return { by: "tag", referrers: wanted(readReferrers(await readTag(session, digest))) };
}

/** Adds a manifest to the tag of its subject; for registries that did not say that they know subjects. */
export async function updateReferrersTag(session: Session, document: ManifestDocument): Promise<void> {
  const { subject, artifactType, config, annotations } = parse(document.bytes) as {
    readonly subject?: { readonly digest?: unknown };
    readonly artifactType?: unknown;
    readonly config?: { readonly mediaType?: unknown };
    readonly annotations?: unknown;
  };
  const digest = subject?.digest;
  if (!isDigest(digest)) return;
  const type = artifactType ?? config?.mediaType;
  const entry = {
    mediaType: document.mediaType,
    digest: document.digest,
    size: document.bytes.length,
    ...(typeof type === "string" ? { artifactType: type } : {}),
    ...(typeof annotations === "object" && annotations !== null ? { annotations } : {}),
  };
  const others = readReferrers(await readTag(session, digest));
  if (others.some((other) => other.digest === document.digest)) return;
  const bytes = formatIndex([...others, entry]);
  await putManifest(session, tagOf(digest), { mediaType: MEDIA_TYPES.index, bytes });
}

function tagOf(digest: Digest): string {
  return digest.replace(":", "-");
}

async function readTag(session: Session, digest: Digest): Promise<unknown> {
  try {
    return parse((await getManifest(session, tagOf(digest))).bytes);
  } catch (error) {
    if (error instanceof RegistryError && error.code === "MANIFEST_UNKNOWN") return undefined;
    throw error;
  }
}

function readReferrers(index: unknown): Referrer[] {
  const manifests = (index as { manifests?: unknown } | null | undefined)?.manifests;
  return (Array.isArray(manifests) ? manifests : []).filter((entry): entry is Referrer => {
    const { mediaType, digest, size } = (entry ?? {}) as Partial<Record<string, unknown>>;
    return typeof mediaType === "string" && isDigest(digest) && Number.isSafeInteger(size);
  });
}

function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

function parse(bytes: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
