// Pushing and pulling a whole image with the registry client, as the deliverer and the source do: blobs, then the
// manifest; and what a registry or a cache holds afterwards.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../../../src/formats/oci.ts";
import { type Digest, type Image, MEDIA_TYPES } from "../../../src/model/image.ts";
import type { ManifestDocument, RegistryClient } from "../../../src/platform/registry/client.ts";
import type { TestRegistry } from "./registry.ts";
import { digestOf } from "./store.ts";

export interface Blob {
  readonly digest: Digest;
  readonly size: number;
  readonly bytes: Buffer;
}

/** The blobs of an image, with their bytes. */
export function blobsOf(image: Image): Blob[] {
  const layers = image.layers.map(({ digest, size, blob }) => ({
    digest,
    size,
    bytes: readFileSync(blob.file).subarray(blob.offset, blob.offset + size),
  }));
  return [{ digest: image.imageId, size: image.config.length, bytes: Buffer.from(image.config) }, ...layers];
}

/** Pushes an image by its reference's tag; every blob in turn, the manifest last. */
export async function pushImage(
  client: RegistryClient,
  image: Image,
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  for (const { digest, size, bytes } of blobsOf(image)) {
    const open = async function* (offset: number) {
      for (let at = offset; at < size; at += READ_SIZE) yield bytes.subarray(at, at + READ_SIZE);
    };
    await client.uploadBlob({ digest, size, open }, { onBytes });
  }
  await client.putManifest(client.reference.tag ?? image.digest, {
    mediaType: MEDIA_TYPES.manifest,
    bytes: image.manifest,
  });
}

const READ_SIZE = 40_000;

/** Pulls an image into the cache; the paths of its blobs. */
export async function pullImage(
  client: RegistryClient,
  name: string,
  onBytes: (count: number) => void = () => {},
): Promise<{ readonly document: ManifestDocument; readonly files: readonly string[] }> {
  const document = await client.getManifest(name);
  const { config, layers } = JSON.parse(Buffer.from(document.bytes).toString("utf8")) as {
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  };
  const files: string[] = [];
  for (const { digest, size } of [config, ...layers])
    files.push(await client.fetchBlob({ digest: digest as Digest, size }, onBytes));
  return { document, files };
}

/** Puts an image into a repository without any client. */
export function storeImage(registry: TestRegistry, name: string, tag: string, image: Image): void {
  const repository = registry.store.repository(name);
  for (const { digest, bytes } of blobsOf(image)) repository.blobs.set(digest, bytes);
  repository.manifests.set(image.digest, {
    mediaType: MEDIA_TYPES.manifest,
    bytes: Buffer.from(image.manifest),
  });
  repository.tags.set(tag, image.digest);
}

/** Fails unless a repository has every byte of an image under a tag. */
export function assertStored(registry: TestRegistry, name: string, tag: string, image: Image): void {
  const repository = registry.store.existing(name);
  assert.equal(repository.tags.get(tag), image.digest);
  assert.deepEqual(repository.manifests.get(image.digest)!.bytes, Buffer.from(image.manifest));
  for (const { digest, bytes } of blobsOf(image))
    assert.equal(repository.blobs.get(digest)?.equals(bytes), true, digest);
}

/** Fails when anything in a folder of the cache is not what its name says; the names. */
export function assertCacheSound(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name));
  for (const name of names) assert.equal(digestOf(readFileSync(join(folder, name))), `sha256:${name}`);
  return names;
}
