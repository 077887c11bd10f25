// An OCI layout, directory or tar → one image of it. Specification: OCI Image Format 1.1, and docker's manifests.

import { basename } from "node:path";
import { REF_NAME } from "../../formats/oci.ts";
import type { ReadIndexEntry, ReadManifest } from "../../formats/oci-documents.ts";
import {
  checkLayoutFile,
  LARGEST_CONFIG,
  LARGEST_MANIFEST,
  layerComments,
  parseConfig,
  parseIndex,
  parseManifest,
} from "../../formats/oci-documents.ts";
import type { Context } from "../../model/context.ts";
import type { Image, ImageId, Layer } from "../../model/image.ts";
import { MEDIA_TYPES } from "../../model/image.ts";
import type { Container } from "./container.ts";
import { findBlob, parsing, readBlobDocument, readNamedDocument } from "./documents.ts";
import { ImageSourceError } from "./errors.ts";

export interface ImageChoice {
  readonly tag: string | undefined;
  /** Taken where there are images for several architectures. */
  readonly architecture: string;
}

const DOCKER = "application/vnd.docker.";
const INDEX_TYPES = [MEDIA_TYPES.index, `${DOCKER}distribution.manifest.list.v2+json`];
const MANIFEST_TYPES = [MEDIA_TYPES.manifest, `${DOCKER}distribution.manifest.v2+json`];
const CONFIG_TYPES = [MEDIA_TYPES.config, `${DOCKER}container.image.v1+json`];
const LAYER_TYPES = [
  MEDIA_TYPES.layer,
  MEDIA_TYPES.layerGzip,
  MEDIA_TYPES.layerZstd,
  `${DOCKER}image.rootfs.diff.tar`,
  `${DOCKER}image.rootfs.diff.tar.gzip`,
  `${DOCKER}image.rootfs.diff.tar.zstd`,
];

/** The annotation of containerd that holds the whole name. */
const CONTAINERD_NAME = "io.containerd.image.name";
const LARGEST_LAYOUT_FILE = 4096;
/** How deep indices may lie within each other. */
const DEEPEST = 4;

/** @throws {ImageSourceError} */
export async function openLayout(
  container: Container,
  choice: ImageChoice,
  context: Context,
): Promise<Image> {
  const layoutFile = await readNamedDocument(container, "oci-layout", LARGEST_LAYOUT_FILE, context);
  const indexFile = await readNamedDocument(container, "index.json", LARGEST_MANIFEST, context);
  if (layoutFile === undefined || indexFile === undefined) {
    throw new ImageSourceError(
      "NOT_AN_IMAGE",
      `Cannot open the image ${container.path}: it has no ${layoutFile === undefined ? "oci-layout" : "index.json"}`,
    );
  }
  parsing(container, () => checkLayoutFile(layoutFile, "oci-layout"));
  const index = parsing(container, () => parseIndex(indexFile, "index.json"));
  const named = chooseTag(container, index.manifests, choice.tag);
  const entry = await chooseManifest(container, named, choice, context);
  return openManifest(container, entry, nameOf(container, named[0] ?? entry), context);
}

/** The entries that a tag means, or all when there is just one thing to mean. */
function chooseTag(
  container: Container,
  entries: readonly ReadIndexEntry[],
  tag: string | undefined,
): readonly ReadIndexEntry[] {
  const tags = [...new Set(entries.flatMap((entry) => tagsOf(entry)[0] ?? []))];
  if (tag === undefined) {
    if (tags.length > 1) {
      throw new ImageSourceError(
        "SEVERAL_IMAGES",
        `Cannot open the image ${container.path}: it holds the images ${tags.join(", ")}, one was wanted`,
        { hint: `Name one of them: ${container.path}:${tags[0]}` },
      );
    }
    return entries;
  }
  const chosen = entries.filter((entry) => tagsOf(entry).includes(tag));
  if (chosen.length === 0) {
    throw new ImageSourceError(
      "NO_SUCH_IMAGE",
      `Cannot open the image ${container.path}: it holds no image "${tag}", only ${tags.join(", ") || "one without a name"}`,
    );
  }
  return chosen;
}

/** What an entry may be called by, the tag first. */
function tagsOf({ annotations }: ReadIndexEntry): string[] {
  const names = [annotations?.[REF_NAME], annotations?.[CONTAINERD_NAME]].filter(
    (name) => name !== undefined,
  );
  return [...names, ...names.map(tagOf)];
}

/** The tag of `host/name:tag`; a text without a colon behind its last slash is a tag by itself. */
function tagOf(name: string): string {
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(colon + 1) : name;
}

function nameOf(container: Container, entry: ReadIndexEntry): { name: string; tag: string } {
  const { [REF_NAME]: reference, [CONTAINERD_NAME]: full = reference } = entry.annotations ?? {};
  const fallback = basename(container.path).replace(/\.[^.]*$/, "");
  const tag = tagOf(reference ?? full ?? "latest");
  const colon = full === undefined ? -1 : full.lastIndexOf(":");
  const name = full !== undefined && colon > full.lastIndexOf("/") ? full.slice(0, colon) : fallback;
  return { name, tag };
}

/** Goes through indices to the one manifest that is wanted. */
async function chooseManifest(
  container: Container,
  entries: readonly ReadIndexEntry[],
  choice: ImageChoice,
  context: Context,
  depth = 0,
): Promise<ReadIndexEntry> {
  const images = entries.filter((entry) => entry.platform?.os !== "unknown");
  const entry = images.length === 1 ? images[0]! : choosePlatform(container, images, choice);
  if (MANIFEST_TYPES.includes(entry.mediaType)) return entry;
  if (!INDEX_TYPES.includes(entry.mediaType) || depth >= DEEPEST) {
    throw unsupported(container, `its manifest is of the type ${entry.mediaType}`);
  }
  const bytes = await readBlobDocument(container, entry, LARGEST_MANIFEST, context);
  const { manifests } = parsing(container, () => parseIndex(bytes, `the index ${entry.digest}`));
  return chooseManifest(container, manifests, choice, context, depth + 1);
}

function choosePlatform(
  container: Container,
  entries: readonly ReadIndexEntry[],
  { architecture }: ImageChoice,
): ReadIndexEntry {
  const chosen = entries.filter(
    ({ platform }) => platform?.os === "linux" && platform.architecture === architecture,
  );
  if (chosen.length === 1) return chosen[0]!;
  const platforms = entries.map(({ platform }) =>
    platform ? `${platform.os}/${platform.architecture}` : "unnamed",
  );
  if (chosen.length === 0) {
    throw new ImageSourceError(
      "NO_SUCH_IMAGE",
      `Cannot open the image ${container.path}: it has no image for linux/${architecture}, only ${platforms.join(", ") || "none at all"}`,
    );
  }
  throw new ImageSourceError(
    "SEVERAL_IMAGES",
    `Cannot open the image ${container.path}: it has ${chosen.length} images for linux/${architecture}, one was wanted`,
  );
}

async function openManifest(
  container: Container,
  entry: ReadIndexEntry,
  names: { readonly name: string; readonly tag: string },
  context: Context,
): Promise<Image> {
  const manifestBytes = await readBlobDocument(container, entry, LARGEST_MANIFEST, context);
  const manifest = parsing(container, () => parseManifest(manifestBytes, `the manifest ${entry.digest}`));
  if (!CONFIG_TYPES.includes(manifest.config.mediaType)) {
    throw unsupported(container, `its configuration is of the type ${manifest.config.mediaType}`);
  }
  const configBytes = await readBlobDocument(container, manifest.config, LARGEST_CONFIG, context);
  return {
    ...names,
    imageId: manifest.config.digest as ImageId,
    digest: entry.digest,
    config: configBytes,
    manifest: manifestBytes,
    layers: openLayers(container, manifest, configBytes),
  };
}

function openLayers(container: Container, manifest: ReadManifest, configBytes: Uint8Array): Layer[] {
  const config = parsing(container, () =>
    parseConfig(configBytes, `the configuration ${manifest.config.digest}`),
  );
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new ImageSourceError(
      "IMAGE_MALFORMED",
      `Cannot open the image ${container.path}: its manifest has ${manifest.layers.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const comments = layerComments(config);
  return manifest.layers.map((layer, i) => {
    if (!LAYER_TYPES.includes(layer.mediaType)) {
      throw unsupported(container, `a layer is of the type ${layer.mediaType}`);
    }
    const { file, offset } = findBlob(container, layer);
    return {
      mediaType: layer.mediaType,
      digest: layer.digest,
      diffId: diffIds[i]!,
      size: layer.size,
      uncompressedSize: layer.mediaType.endsWith("tar") ? layer.size : undefined,
      comment: comments[i]!,
      blob: { file, offset },
    };
  });
}

function unsupported(container: Container, problem: string): ImageSourceError {
  return new ImageSourceError("UNSUPPORTED_IMAGE", `Cannot open the image ${container.path}: ${problem}`, {
    hint: "Convert it with skopeo copy --format oci",
  });
}
