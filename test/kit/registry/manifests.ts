// Manifests, tags, referrers and the catalog: requests in, answers out (distribution specification 1.1).

import { compareStrings } from "../../../src/model/bytes.ts";
import { type Answer, bytes, empty, json, page, Refusal, type RegistryRequest } from "./answer.ts";
import { notAllowed } from "./blobs.ts";
import { checkDigest, digestOf, matches, type RegistryStore, type Repository } from "./store.ts";

export interface ManifestRules {
  readonly deletes?: boolean;
  /** False: the referrers API is not there (404), and OCI-Subject is not answered. */
  readonly referrers?: boolean;
  /** False: the filter of referrers is not applied. */
  readonly filters?: boolean;
  /** Entries of a page of tags, referrers or repositories. */
  readonly pageSize?: number;
  /** Largest manifest that is taken, in bytes. */
  readonly maxManifestSize?: number;
}

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEX_TYPES: readonly string[] = [INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"];
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
}

interface ManifestDocument {
  readonly schemaVersion?: number;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function serveManifest(
  store: RegistryStore,
  rules: ManifestRules,
  request: RegistryRequest,
  name: string,
  reference: string,
): Answer {
  switch (request.method) {
    case "PUT":
      return putManifest(store.repository(name), rules, request, reference);
    case "DELETE":
      return deleteManifest(store.existing(name), rules, reference);
    case "GET":
    case "HEAD":
      return getManifest(store.existing(name), request, reference);
    default:
      throw notAllowed(request, "GET, HEAD, PUT, DELETE");
  }
}

function getManifest(repository: Repository, request: RegistryRequest, reference: string): Answer {
  const digest = reference.includes(":") ? checkDigest(reference) : repository.tags.get(reference);
  const manifest = digest === undefined ? undefined : repository.manifests.get(digest);
  if (digest === undefined || manifest === undefined)
    throw new Refusal("MANIFEST_UNKNOWN", `${repository.name} has no manifest ${reference}`);
  const { accept } = request.headers;
  const accepted = accept?.split(",").map((type) => type.replace(/;.*/, "").trim());
  if (accepted !== undefined && !accepted.some((type) => type === manifest.mediaType || type === "*/*"))
    throw new Refusal("MANIFEST_UNKNOWN", `the manifest is a ${manifest.mediaType}, which is not accepted`);
  return bytes(200, manifest.bytes, {
    "Content-Type": manifest.mediaType,
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
  });
}

function putManifest(
  repository: Repository,
  rules: ManifestRules,
  request: RegistryRequest,
  reference: string,
): Answer {
  const byDigest = reference.includes(":");
  if (byDigest) checkDigest(reference);
  else if (!TAG.test(reference)) throw new Refusal("TAG_INVALID", `not a tag: ${reference}`);
  if (request.body.length > (rules.maxManifestSize ?? 4 << 20))
    throw new Refusal("SIZE_INVALID", "the manifest is too large", { status: 413 });
  const mediaType = request.headers["content-type"] ?? "";
  const document = parseManifest(request.body, mediaType);
  checkReferences(repository, document, mediaType);
  const digest = byDigest ? reference : digestOf(request.body);
  if (!matches(request.body, digest))
    throw new Refusal("DIGEST_INVALID", `the manifest does not have the digest ${digest}`);
  repository.manifests.set(digest, { mediaType, bytes: request.body });
  if (!byDigest) repository.tags.set(reference, digest);
  const { subject } = document;
  return empty(201, {
    Location: `/v2/${repository.name}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
    ...(subject === undefined || rules.referrers === false ? {} : { "OCI-Subject": subject.digest }),
  });
}

function parseManifest(content: Buffer, mediaType: string): ManifestDocument {
  let document: ManifestDocument | null;
  try {
    document = JSON.parse(content.toString("utf8")) as ManifestDocument | null;
  } catch (error) {
    throw new Refusal("MANIFEST_INVALID", `the manifest is not JSON: ${(error as Error).message}`);
  }
  if (document === null || document.schemaVersion !== 2)
    throw new Refusal("MANIFEST_INVALID", "schemaVersion is not 2");
  if (![...MANIFEST_TYPES, ...INDEX_TYPES].includes(mediaType))
    throw new Refusal("MANIFEST_INVALID", `not a type of manifest: ${mediaType}`, { status: 415 });
  if (document.mediaType !== undefined && document.mediaType !== mediaType)
    throw new Refusal("MANIFEST_INVALID", `mediaType is ${document.mediaType}, Content-Type is ${mediaType}`);
  return document;
}

function checkReferences(repository: Repository, document: ManifestDocument, mediaType: string): void {
  if (INDEX_TYPES.includes(mediaType)) {
    if (!Array.isArray(document.manifests))
      throw new Refusal("MANIFEST_INVALID", "the index has no manifests");
    for (const child of document.manifests)
      checkReference(child, repository.manifests.get(child.digest)?.bytes, "manifest");
    return;
  }
  if (document.config === undefined || !Array.isArray(document.layers))
    throw new Refusal("MANIFEST_INVALID", "the manifest has no config or no layers");
  for (const blob of [document.config, ...document.layers])
    if (!blob.mediaType?.includes("nondistributable") && !blob.mediaType?.includes(".foreign."))
      checkReference(blob, repository.blobs.get(blob.digest), "blob");
}

function checkReference({ digest, size }: Descriptor, content: Buffer | undefined, kind: string): void {
  checkDigest(digest);
  if (content === undefined) throw new Refusal("MANIFEST_BLOB_UNKNOWN", `the ${kind} ${digest} is not there`);
  if (content.length !== size)
    throw new Refusal("MANIFEST_INVALID", `the ${kind} ${digest} has ${content.length} bytes, not ${size}`);
}

function deleteManifest(repository: Repository, rules: ManifestRules, reference: string): Answer {
  if (rules.deletes === false) throw new Refusal("UNSUPPORTED", "manifests cannot be deleted");
  const known = reference.includes(":")
    ? repository.manifests.delete(checkDigest(reference))
    : repository.tags.delete(reference);
  if (!known) throw new Refusal("MANIFEST_UNKNOWN", `${repository.name} has no manifest ${reference}`);
  for (const [tag, digest] of repository.tags) if (digest === reference) repository.tags.delete(tag);
  return empty(202);
}

/** Tags are in case-insensitive order since version 1.1. */
const compareTags = (a: string, b: string) =>
  compareStrings(a.toLowerCase(), b.toLowerCase()) || compareStrings(a, b);

export function listTags(
  store: RegistryStore,
  rules: ManifestRules,
  request: RegistryRequest,
  name: string,
): Answer {
  if (request.method !== "GET") throw notAllowed(request, "GET");
  const tags = [...store.existing(name).tags.keys()].sort(compareTags);
  const { items, headers } = page(request, tags, (tag) => tag, compareTags, rules.pageSize);
  return json({ name, tags: items }, 200, headers);
}

export function listRepositories(
  store: RegistryStore,
  rules: ManifestRules,
  request: RegistryRequest,
): Answer {
  if (request.method !== "GET") throw notAllowed(request, "GET");
  const names = [...store.repositories.keys()].sort(compareStrings);
  const { items, headers } = page(request, names, (name) => name, compareStrings, rules.pageSize);
  return json({ repositories: items }, 200, headers);
}

/** An index of the manifests whose subject is a digest, there or not. */
export function listReferrers(
  store: RegistryStore,
  rules: ManifestRules,
  request: RegistryRequest,
  name: string,
  reference: string,
): Answer {
  if (request.method !== "GET") throw notAllowed(request, "GET");
  if (rules.referrers === false)
    throw new Refusal("UNSUPPORTED", "there is no referrers API", { status: 404 });
  const subject = checkDigest(reference);
  const wanted = rules.filters === false ? null : request.query.get("artifactType");
  const found = [...store.existing(name).manifests]
    .map(([digest, manifest]) => describeReferrer(digest, manifest, subject))
    .filter((descriptor) => descriptor !== undefined)
    .filter(({ artifactType }) => wanted === null || artifactType === wanted)
    .sort((a, b) => compareStrings(a.digest, b.digest));
  const { items, headers } = page(request, found, ({ digest }) => digest, compareStrings, rules.pageSize);
  return json({ schemaVersion: 2, mediaType: INDEX, manifests: items }, 200, {
    "Content-Type": INDEX,
    ...headers,
    ...(wanted === null ? {} : { "OCI-Filters-Applied": "artifactType" }),
  });
}

function describeReferrer(
  digest: string,
  { mediaType, bytes: content }: { readonly mediaType: string; readonly bytes: Buffer },
  subject: string,
) {
  const document = JSON.parse(content.toString("utf8")) as ManifestDocument;
  if (document.subject?.digest !== subject) return undefined;
  return {
    mediaType,
    digest,
    size: content.length,
    artifactType: document.artifactType ?? document.config?.mediaType,
    annotations: document.annotations,
  };
}
