// An image of a registry → the image as if it lay here: documents are fetched and checked, layers when they are asked
// for, into the cache.

import { computeDigest } from "../../formats/oci.ts";
import { LARGEST_CONFIG } from "../../formats/oci-documents.ts";
import type { Content } from "../../model/content.ts";
import type { Context } from "../../model/context.ts";
import type { Digest, Image } from "../../model/image.ts";
import { readSmallFile, removeFile } from "../../platform/files.ts";
import { openRegistry, type RegistryClient, type RegistryOptions } from "../../platform/registry/client.ts";
import {
  formatRegistryReference,
  manifestName,
  type RegistryReference,
} from "../../platform/registry/reference.ts";
import { readAll } from "./all-images.ts";
import type { BlobClaim } from "./documents.ts";
import { ImageSourceError } from "./errors.ts";
import { chooseManifest, type ImageStore, openManifest, type PlatformChoice } from "./manifest.ts";

/** Blobs that are fetched at once. */
const MOST_FETCHES = 4;

/** An image of a registry, opened. Dispose of it when done. */
export class RegistryImage implements AsyncDisposable {
  readonly reference: RegistryReference;
  readonly #client: RegistryClient;
  readonly #context: Context;
  /** Manifests that were read, by digest. */
  readonly #manifests = new Map<Digest, Uint8Array>();

  constructor(reference: RegistryReference, options: RegistryOptions, context: Context) {
    this.reference = reference;
    this.#context = context;
    this.#client = openRegistry(reference, { ...options, access: "pull" }, context);
  }

  /** @throws {ImageSourceError} @throws {RegistryError} */
  async openImage(platform: PlatformChoice): Promise<Image> {
    const entry = await chooseManifest(this.#store(), [await this.#readRoot()], platform);
    return openManifest(this.#store(), entry, this.#names());
  }

  /** Opens the index, or the one image that there is, with all that it refers to. */
  async openAll(): Promise<Content> {
    return { ...this.#names(), ...(await readAll(this.#store(), await this.#readRoot())) };
  }

  /** Brings a blob into the cache, where what was opened says it is. */
  async fetch(blob: BlobClaim): Promise<void> {
    await this.#client.fetchBlob(blob);
  }

  /** Brings blobs into the cache, several at once. */
  async fetchAll(blobs: readonly BlobClaim[]): Promise<void> {
    const waiting = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
    const stage = this.#context.progress.stage("fetching");
    stage.expect(
      waiting.length,
      waiting.reduce((sum, { size }) => sum + size, 0),
    );
    const work = async () => {
      for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
        await this.#client.fetchBlob(blob, (count) => stage.advance(0, count));
        stage.advance(1);
      }
    };
    const workers = Array.from({ length: MOST_FETCHES }, () =>
      work().catch((error: unknown) => {
        waiting.length = 0;
        throw error;
      }),
    );
    const ended = await Promise.allSettled(workers);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
    stage.done(formatRegistryReference(this.reference));
  }

  async #readRoot(): Promise<BlobClaim & { readonly mediaType: string }> {
    const { mediaType, digest, bytes } = await this.#client.getManifest(manifestName(this.reference));
    this.#manifests.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  #names(): { readonly name: string; readonly tag: string } {
    const { host, repository, tag } = this.reference;
    return { name: `${host}/${repository}`, tag: tag ?? "latest" };
  }

  #store(): ImageStore {
    const path = `docker://${formatRegistryReference(this.reference)}`;
    return {
      path,
      readManifest: async ({ digest, size }) => {
        const bytes = this.#manifests.get(digest) ?? (await this.#client.getManifest(digest)).bytes;
        this.#manifests.set(digest, bytes);
        if (bytes.length !== size) {
          throw new ImageSourceError(
            "BLOB_MISMATCH",
            `Cannot open the image ${path}: the document ${digest} has ${bytes.length} bytes, wanted ${size}`,
          );
        }
        return bytes;
      },
      readConfig: async (claim) => {
        if (claim.size > LARGEST_CONFIG) {
          throw new ImageSourceError(
            "IMAGE_MALFORMED",
            `Cannot open the image ${path}: its configuration has ${claim.size} bytes, at most ${LARGEST_CONFIG} were expected`,
          );
        }
        return this.#readConfig(claim);
      },
      locate: ({ digest }) => ({
        file: this.#context.cache.path("blobs", digest.slice("sha256:".length)),
        offset: 0,
      }),
    };
  }

  /** Reads a configuration from the cache; one that is damaged there is fetched again. */
  async #readConfig(claim: BlobClaim): Promise<Uint8Array> {
    const read = async () => {
      const file = await this.#client.fetchBlob(claim);
      const bytes = readSmallFile(file, LARGEST_CONFIG);
      if (bytes instanceof Buffer && computeDigest(bytes) === claim.digest) return bytes;
      removeFile(file);
      return undefined;
    };
    const bytes = (await read()) ?? (await read());
    if (bytes !== undefined) return bytes;
    throw new ImageSourceError(
      "BLOB_MISMATCH",
      `Cannot open the image docker://${formatRegistryReference(this.reference)}: the blob ${claim.digest} is damaged in the cache`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}
