// OCI documents as Tare writes them: compact JSON in UTF-8 with a fixed order of keys, so that equal values have equal
// digests. Specification: OCI Image Format 1.1. Reading them is oci-documents.ts.

import { createHash } from "node:crypto";
import type { DiffId, Digest } from "../model/image.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import type { NormalizedImageConfig } from "../model/image-spec.ts";

/** The annotation by which a layout names an image. */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** The content of the file `oci-layout`. */
export const OCI_LAYOUT_FILE = '{"imageLayoutVersion":"1.0.0"}';

/** What a manifest or an index says of a blob. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
}

export interface ConfigDocument {
  /** RFC 3339. */
  readonly created: string;
  readonly platform: Platform;
  readonly config: NormalizedImageConfig;
  /** Bottom first. */
  readonly layers: readonly { readonly diffId: DiffId; readonly comment: string }[];
  /** Of the base image that `layers` follow. */
  readonly base?: { readonly diffIds: readonly DiffId[]; readonly history: readonly object[] } | undefined;
}

/** The digest of a document's bytes. */
export function computeDigest(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

/** Describes a document that is held in memory. */
export function describeDocument(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: computeDigest(bytes), size: bytes.length };
}

/** Keys of an image configuration's `config` in the order of the specification. */
const CONFIG_KEYS = [
  "User",
  "ExposedPorts",
  "Env",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "WorkingDir",
  "Labels",
  "StopSignal",
] as const satisfies readonly (keyof NormalizedImageConfig)[];

/** Writes an image configuration, with one history entry a layer. */
export function formatConfig({ created, platform, config, layers, base }: ConfigDocument): Buffer {
  const known = CONFIG_KEYS.filter((key) => config[key] !== undefined);
  const inherited = Object.entries(config)
    .filter(([key]) => !(CONFIG_KEYS as readonly string[]).includes(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return formatJson({
    created,
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    os: platform.os,
    config: Object.fromEntries([...known.map((key) => [key, sortMap(config[key])] as const), ...inherited]),
    rootfs: {
      type: "layers",
      diff_ids: [...(base?.diffIds ?? []), ...layers.map((layer) => layer.diffId)],
    },
    history: [
      ...(base?.history ?? []),
      ...layers.map(({ comment }) => ({ created, created_by: "tare", comment })),
    ],
  });
}

/** Sorts the keys of a map by code units; a list keeps its order, which means something. */
function sortMap(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Writes an image manifest. */
export function formatManifest(config: Descriptor, layers: readonly Descriptor[]): Buffer {
  return formatJson({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: toDescriptor(config),
    layers: layers.map(toDescriptor),
  });
}

/** An index entry; those of other tools keep the properties that Tare does not know. */
export type IndexEntry = Descriptor & {
  readonly platform?: Platform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

/**
 * Writes an index.
 *
 * @param rest Properties of an index that is being changed, kept as they are; `manifests` is replaced.
 */
export function formatIndex(
  manifests: readonly object[],
  rest: Readonly<Record<string, unknown>> = {},
): Buffer {
  return formatJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, ...rest, manifests });
}

/** The index entry of an image under a name. */
export function formatIndexEntry(
  manifest: Descriptor,
  refName: string,
  platform: Platform | undefined,
): IndexEntry {
  return {
    ...toDescriptor(manifest),
    ...(platform === undefined ? {} : { platform }),
    annotations: { [REF_NAME]: refName },
  };
}

function toDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function formatJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), "utf8");
}

/** How a layer of this media type is compressed; OCI's and docker's names end in it. */
export function layerCompression(mediaType: string): "none" | "gzip" | "zstd" {
  const kind = /[+.](gzip|zstd|zst)$/.exec(mediaType)?.[1];
  return kind === undefined ? "none" : kind === "gzip" ? "gzip" : "zstd";
}
