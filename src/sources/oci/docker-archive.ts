// What `docker save`, podman, skopeo and dockerTools write as a docker archive → one image of it. Such archives have
// no manifest with digests: one is made, as it would be if the layers were pushed as they are.

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { DOCKER_MANIFEST } from "../../formats/docker-archive.ts";
import { computeDigest, describeDocument, formatManifest } from "../../formats/oci.ts";
import type { ReadDockerManifest } from "../../formats/oci-documents.ts";
import {
  LARGEST_CONFIG,
  LARGEST_MANIFEST,
  layerComments,
  parseConfig,
  parseDockerManifest,
} from "../../formats/oci-documents.ts";
import type { Context } from "../../model/context.ts";
import type { DiffId, Digest, Image, ImageId, Layer } from "../../model/image.ts";
import { MEDIA_TYPES } from "../../model/image.ts";
import { readRange } from "../../platform/files.ts";
import type { Container, Member } from "./container.ts";
import { parsing, readNamedDocument } from "./documents.ts";
import { IMAGE_FORMS, ImageSourceError } from "./errors.ts";

type Entry = ReadDockerManifest[number];

/** @throws {ImageSourceError} */
export async function openDockerArchive(
  container: Container,
  tag: string | undefined,
  context: Context,
): Promise<Image> {
  const bytes = await readNamedDocument(container, DOCKER_MANIFEST, LARGEST_MANIFEST, context);
  if (bytes === undefined) {
    throw new ImageSourceError(
      "NOT_AN_IMAGE",
      `Cannot open the image ${container.path}: it has no ${DOCKER_MANIFEST}`,
      { hint: IMAGE_FORMS },
    );
  }
  const entry = chooseEntry(
    container,
    parsing(container, () => parseDockerManifest(bytes, DOCKER_MANIFEST)),
    tag,
  );
  const config = await readNamedDocument(container, entry.Config, LARGEST_CONFIG, context);
  if (config === undefined) throw missing(container, entry.Config);
  const layers = await openLayers(container, entry, config, context);
  const configDescriptor = describeDocument(MEDIA_TYPES.config, config);
  const manifest = formatManifest(configDescriptor, layers);
  return {
    ...nameOf(container, entry, tag),
    imageId: configDescriptor.digest as ImageId,
    digest: computeDigest(manifest),
    config,
    manifest,
    layers,
  };
}

function chooseEntry(container: Container, entries: ReadDockerManifest, tag: string | undefined): Entry {
  const names = entries.flatMap((entry) => entry.RepoTags ?? []);
  const chosen = tag === undefined ? entries : entries.filter((entry) => findName(entry, tag) !== undefined);
  if (chosen.length === 1) return chosen[0]!;
  if (chosen.length === 0) {
    throw new ImageSourceError(
      "NO_SUCH_IMAGE",
      `Cannot open the image ${container.path}: it holds no image "${tag}", only ${names.join(", ") || "one without a name"}`,
    );
  }
  throw new ImageSourceError(
    "SEVERAL_IMAGES",
    `Cannot open the image ${container.path}: it holds the images ${names.join(", ")}, one was wanted`,
    { hint: `Name one of them: ${container.path}:TAG` },
  );
}

function splitName(name: string): { name: string; tag: string } {
  const colon = name.lastIndexOf(":");
  if (colon <= name.lastIndexOf("/")) return { name, tag: "latest" };
  return { name: name.slice(0, colon), tag: name.slice(colon + 1) };
}

function findName(entry: Entry, tag: string): string | undefined {
  return entry.RepoTags?.find((name) => name === tag || splitName(name).tag === tag);
}

function nameOf(container: Container, entry: Entry, tag: string | undefined): { name: string; tag: string } {
  const name = tag === undefined ? entry.RepoTags?.[0] : findName(entry, tag);
  if (name !== undefined) return splitName(name);
  return { name: basename(container.path).replace(/\.[^.]*$/, ""), tag: "latest" };
}

async function openLayers(
  container: Container,
  entry: Entry,
  configBytes: Uint8Array,
  context: Context,
): Promise<Layer[]> {
  const config = parsing(container, () => parseConfig(configBytes, entry.Config));
  const names = entry.Layers ?? [];
  const diffIds = config.rootfs.diff_ids;
  if (names.length !== diffIds.length) {
    throw new ImageSourceError(
      "IMAGE_MALFORMED",
      `Cannot open the image ${container.path}: ${DOCKER_MANIFEST} has ${names.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const comments = layerComments(config);
  const layers: Layer[] = [];
  for (const [i, name] of names.entries()) {
    const member = container.find(name);
    if (member === undefined) throw missing(container, name);
    layers.push(await openLayer(member, diffIds[i]!, comments[i]!, context));
  }
  return layers;
}

/** Nearly always a plain tar, whose digest is its diffID; some tools put compressed layers in. */
async function openLayer(member: Member, diffId: DiffId, comment: string, context: Context): Promise<Layer> {
  const { file, offset, size } = member;
  const mediaType = await sniffMediaType(member, context);
  const isPlain = mediaType === MEDIA_TYPES.layer;
  const digest = isPlain ? (diffId as string as Digest) : await hashMember(member, context);
  return {
    mediaType,
    digest,
    diffId,
    size,
    uncompressedSize: isPlain ? size : undefined,
    comment,
    blob: { file, offset },
  };
}

async function sniffMediaType(member: Member, context: Context): Promise<string> {
  const start = { ...member, size: Math.min(member.size, 4) };
  for await (const bytes of readRange(start, context.signal, (cause) => cause)) {
    if (bytes.toString("hex").startsWith("1f8b")) return MEDIA_TYPES.layerGzip;
    if (bytes.toString("hex") === "28b52ffd") return MEDIA_TYPES.layerZstd;
  }
  return MEDIA_TYPES.layer;
}

async function hashMember(member: Member, context: Context): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of readRange(member, context.signal, (cause) => cause)) hash.update(chunk);
  return `sha256:${hash.digest("hex")}` as Digest;
}

function missing(container: Container, name: string): ImageSourceError {
  return new ImageSourceError(
    "BLOB_MISSING",
    `Cannot open the image ${container.path}: it has no member ${name}`,
    {
      hint: "Copy the image again, whole",
    },
  );
}
