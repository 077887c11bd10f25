// The archive of `docker save`: a tar with each layer's uncompressed tar, the configuration and `manifest.json`.
// Specification: Docker Image Specification 1.2, "Combined Image JSON + Filesystem Changeset Format".

import type { DiffId, ImageId } from "../model/image.ts";

/** The member that says which others make up which image. */
export const DOCKER_MANIFEST = "manifest.json";

/** One image of an archive; names of members are as they are in the tar. */
export interface DockerManifestEntry {
  readonly config: string;
  /** `name:tag`. */
  readonly repoTags: readonly string[];
  /** Bottom first. */
  readonly layers: readonly string[];
}

export function dockerConfigName(imageId: ImageId): string {
  return `${imageId.slice("sha256:".length)}.json`;
}

export function dockerLayerName(diffId: DiffId): string {
  return `${diffId.slice("sha256:".length)}/layer.tar`;
}

/** Writes `manifest.json`. */
export function formatDockerManifest(images: readonly DockerManifestEntry[]): Buffer {
  return Buffer.from(
    JSON.stringify(
      images.map(({ config, repoTags, layers }) => ({ Config: config, RepoTags: repoTags, Layers: layers })),
    ),
  );
}
