// A manifest, or an index of several → one image, wherever its documents and blobs are kept. Specification: OCI Image
// Format 1.1, and docker's manifests.

import type { ReadManifest } from "../../formats/oci-documents.ts";
import { layerComments, parseConfig, parseIndex, parseManifest } from "../../formats/oci-documents.ts";
import type { BlobRange, Image, ImageId, Layer } from "../../model/image.ts";
import { MEDIA_TYPES } from "../../model/image.ts";
import type { BlobClaim } from "./documents.ts";
import { parsing } from "./documents.ts";
import { ImageSourceError } from "./errors.ts";

/** Where documents and blobs are looked for by their digests: a layout, or a registry. */
export interface ImageStore {
  /** What it is, for messages. */
  readonly path: string;
  /** A manifest or an index; its digest and size are checked. */
  readManifest(claim: BlobClaim): Promise<Uint8Array>;
  /** A configuration; its digest and size are checked. */
  readConfig(claim: BlobClaim): Promise<Uint8Array>;
  /** Where a blob's bytes are, or will be; they are checked by whoever reads them. */
  locate(claim: BlobClaim): BlobRange;
}

/** What an index says of a manifest, or of an index in it. */
export interface IndexItem extends BlobClaim {
  readonly mediaType: string;
  readonly platform?:
    | { readonly architecture: string; readonly os: string; readonly variant?: string | undefined }
    | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Which image is taken where there are several. */
export interface PlatformChoice {
  /** As OCI names it: `arm64`. */
  readonly architecture: string;
  /** Such as `v7`; undefined takes any, when there is one only. */
  readonly variant?: string | undefined;
}

const DOCKER = "application/vnd.docker.";
export const INDEX_TYPES = [MEDIA_TYPES.index, `${DOCKER}distribution.manifest.list.v2+json`];
export const MANIFEST_TYPES = [MEDIA_TYPES.manifest, `${DOCKER}distribution.manifest.v2+json`];
const CONFIG_TYPES = [MEDIA_TYPES.config, `${DOCKER}container.image.v1+json`];
const LAYER_TYPES = [
  MEDIA_TYPES.layer,
  MEDIA_TYPES.layerGzip,
  MEDIA_TYPES.layerZstd,
  `${DOCKER}image.rootfs.diff.tar`,
  `${DOCKER}image.rootfs.diff.tar.gzip`,
  `${DOCKER}image.rootfs.diff.tar.zstd`,
];

/** How deep indices may lie within each other. */
const DEEPEST = 4;

/**
 * Goes through indices to the one manifest that is wanted.
 *
 * @throws {ImageSourceError} `NO_SUCH_IMAGE`, `SEVERAL_IMAGES`, `UNSUPPORTED_IMAGE`.
 */
export async function chooseManifest(
  store: ImageStore,
  entries: readonly IndexItem[],
  choice: PlatformChoice,
  depth = 0,
): Promise<IndexItem> {
  const images = entries.filter((entry) => entry.platform?.os !== "unknown");
  const entry = images.length === 1 ? images[0]! : choosePlatform(store, images, choice);
  if (MANIFEST_TYPES.includes(entry.mediaType)) return entry;
  if (!INDEX_TYPES.includes(entry.mediaType) || depth >= DEEPEST) {
    throw unsupported(store, `its manifest is of the type ${entry.mediaType}`);
  }
  const bytes = await store.readManifest(entry);
  const { manifests } = parsing(store, () => parseIndex(bytes, `the index ${entry.digest}`));
  return chooseManifest(store, manifests, choice, depth + 1);
}

function choosePlatform(
  store: ImageStore,
  entries: readonly IndexItem[],
  { architecture, variant }: PlatformChoice,
): IndexItem {
  const matching = entries.filter(
    ({ platform }) => platform?.os === "linux" && platform.architecture === architecture,
  );
  const exact = matching.filter(({ platform }) => platform!.variant === variant);
  // A variant that was asked for must be there, unless the index does not tell variants apart.
  const loose = matching.filter(({ platform }) => variant === undefined || platform!.variant === undefined);
  const chosen = exact.length > 0 ? exact : loose;
  if (chosen.length === 1) return chosen[0]!;
  const wanted = `linux/${architecture}${variant === undefined ? "" : `/${variant}`}`;
  const platforms = entries.map(({ platform }) =>
    platform ? [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/") : "unnamed",
  );
  if (chosen.length === 0) {
    throw new ImageSourceError(
      "NO_SUCH_IMAGE",
      `Cannot open the image ${store.path}: it has no image for ${wanted}, only ${platforms.join(", ") || "none at all"}`,
    );
  }
  throw new ImageSourceError(
    "SEVERAL_IMAGES",
    `Cannot open the image ${store.path}: it has ${chosen.length} images for ${wanted}, one was wanted`,
  );
}

export async function openManifest(
  store: ImageStore,
  entry: BlobClaim,
  names: { readonly name: string; readonly tag: string },
): Promise<Image> {
  const manifestBytes = await store.readManifest(entry);
  const manifest = parsing(store, () => parseManifest(manifestBytes, `the manifest ${entry.digest}`));
  if (!CONFIG_TYPES.includes(manifest.config.mediaType)) {
    throw unsupported(store, `its configuration is of the type ${manifest.config.mediaType}`);
  }
  const configBytes = await store.readConfig(manifest.config);
  return {
    ...names,
    imageId: manifest.config.digest as ImageId,
    digest: entry.digest,
    config: configBytes,
    manifest: manifestBytes,
    layers: openLayers(store, manifest, configBytes),
  };
}

function openLayers(store: ImageStore, manifest: ReadManifest, configBytes: Uint8Array): Layer[] {
  const config = parsing(store, () =>
    parseConfig(configBytes, `the configuration ${manifest.config.digest}`),
  );
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new ImageSourceError(
      "IMAGE_MALFORMED",
      `Cannot open the image ${store.path}: its manifest has ${manifest.layers.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const comments = layerComments(config);
  return manifest.layers.map((layer, i) => {
    if (!LAYER_TYPES.includes(layer.mediaType)) {
      throw unsupported(store, `a layer is of the type ${layer.mediaType}`);
    }
    return {
      mediaType: layer.mediaType,
      digest: layer.digest,
      diffId: diffIds[i]!,
      size: layer.size,
      uncompressedSize: layer.mediaType.endsWith("tar") ? layer.size : undefined,
      comment: comments[i]!,
      blob: store.locate(layer),
    };
  });
}

export function unsupported(store: ImageStore, problem: string): ImageSourceError {
  return new ImageSourceError("UNSUPPORTED_IMAGE", `Cannot open the image ${store.path}: ${problem}`, {
    hint: "Convert it with skopeo copy --format oci",
  });
}
