// A client of OCI registries: one repository, opened for reading or for writing. What enters is hostile until its
// digest is checked; no secret leaves. Specification: OCI Distribution 1.1, and what registries do besides.

import type { Context } from "../../model/context.ts";
import type { Digest } from "../../model/image.ts";
import type { Credentials } from "./credentials.ts";
import { fetchBlob } from "./download.ts";
import {
  getManifest,
  headManifest,
  type ManifestDocument,
  type ManifestHead,
  putManifest,
} from "./manifests.ts";
import { parseRegistryReference, type RegistryReference } from "./reference.ts";
import { listReferrers, type Referrers } from "./referrers.ts";
import { openSession } from "./session.ts";
import { listTags } from "./tags.ts";
import type { RegistryTiming } from "./timing.ts";
import {
  type BlobUpload,
  headBlob,
  mountBlob,
  type Uploaded,
  type UploadOptions,
  uploadBlob,
} from "./upload.ts";

export type { Credentials } from "./credentials.ts";
export type { ManifestDocument, ManifestHead } from "./manifests.ts";
export type { RegistryReference } from "./reference.ts";
export type { Referrers } from "./referrers.ts";
export type { RegistryTiming } from "./timing.ts";
export type { BlobUpload, Uploaded, UploadOptions } from "./upload.ts";

export interface RegistryOptions {
  /** What tokens are asked for; default `pull`. */
  readonly access?: "pull" | "push" | undefined;
  /** True: plain HTTP where HTTPS fails, and certificates that nobody vouches for. Loopback hosts may speak HTTP anyway. */
  readonly insecure?: boolean | undefined;
  /** Absolute path of a PEM file with certificates that are trusted besides those of the machine. */
  readonly caFile?: string | undefined;
  /** Used instead of what configuration files, helpers and the environment say; `anonymous` looks for none. */
  readonly credentials?: Credentials | "anonymous" | undefined;
  /** False: TARE_REGISTRY_USERNAME and TARE_REGISTRY_PASSWORD are meant for another registry. Default true. */
  readonly environmentCredentials?: boolean | undefined;
  /** Where certificates of registries are, one directory a host; default: those of docker and podman. */
  readonly certificateDirectories?: readonly string[] | undefined;
  /** Timeouts and pauses; defaults in timing.ts. */
  readonly timing?: Partial<RegistryTiming> | undefined;
}

/** One repository of a registry. Methods may be called at the same time. */
export interface RegistryClient extends AsyncDisposable {
  readonly reference: RegistryReference;
  /** What a tag or digest stands for, without its bytes; undefined when there is none. */
  headManifest(name: string): Promise<ManifestHead | undefined>;
  /** A manifest or index, its digest checked. @throws {RegistryError} `MANIFEST_UNKNOWN`, `DIGEST_MISMATCH`. */
  getManifest(name: string): Promise<ManifestDocument>;
  /** Stores a manifest or index under a tag or its digest. */
  putManifest(name: string, document: Pick<ManifestDocument, "mediaType" | "bytes">): Promise<Digest>;
  /** Whether the repository has a blob; `size` is undefined where the registry does not say. */
  headBlob(digest: Digest): Promise<{ readonly size: number | undefined } | undefined>;
  /**
   * Brings a blob into the cache's `blobs`, continuing what was begun; size and digest are checked while it streams.
   *
   * @param onBytes Called with the number of new bytes; negative when received bytes had to be thrown away.
   * @returns Its path there.
   */
  fetchBlob(
    blob: { readonly digest: Digest; readonly size: number },
    onBytes?: (count: number) => void,
  ): Promise<string>;
  /** Uploads a blob unless the repository has it; interrupted uploads are continued. */
  uploadBlob(blob: BlobUpload, options?: UploadOptions): Promise<Uploaded>;
  /** Makes a blob of another repository of the registry one of this; false when the registry does not. */
  mountBlob(digest: Digest, from: string): Promise<boolean>;
  listTags(): Promise<string[]>;
  /** What refers to a manifest: by the referrers API, or by the tag that stands in for it. */
  listReferrers(digest: Digest, artifactType?: string): Promise<Referrers>;
}

/**
 * Opens a repository; nothing is asked of the registry yet.
 *
 * @throws {RegistryError} `REFERENCE_INVALID`, `REGISTRY_OFFLINE`, `REGISTRY_UNTRUSTED` when `caFile` cannot be used.
 */
export function openRegistry(
  reference: string | RegistryReference,
  options: RegistryOptions,
  context: Context,
): RegistryClient {
  const parsed = typeof reference === "string" ? parseRegistryReference(reference) : reference;
  const session = openSession(parsed, options, context);
  return {
    reference: parsed,
    headManifest: (name) => headManifest(session, name),
    getManifest: (name) => getManifest(session, name),
    putManifest: (name, document) => putManifest(session, name, document),
    headBlob: (digest) => headBlob(session, digest),
    fetchBlob: (blob, onBytes) => fetchBlob(session, blob, onBytes),
    uploadBlob: (blob, uploadOptions) => uploadBlob(session, blob, uploadOptions),
    mountBlob: (digest, from) => mountBlob(session, digest, from),
    listTags: () => listTags(session),
    listReferrers: (digest, artifactType) => listReferrers(session, digest, artifactType),
    [Symbol.asyncDispose]: () => session.close(),
  };
}
