// Packed layers and what image.ts says → an image: configuration and manifest, and their digests.

import { parseBaseHistory } from "../formats/base-config.ts";
import type { Platform } from "../formats/oci.ts";
import { computeDigest, describeDocument, formatConfig, formatManifest } from "../formats/oci.ts";
import type { Image, ImageId, Layer } from "../model/image.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import type { Architecture, NormalizedImageConfig } from "../model/image-spec.ts";
import { formatTimestamp } from "../platform/clock.ts";
import { PackError } from "./errors.ts";

export interface ImageParts {
  readonly name: string;
  readonly tag: string;
  readonly architecture: Architecture;
  readonly config: NormalizedImageConfig;
  /** Seconds since the epoch: of the image and of each history entry. */
  readonly createdSeconds: number;
}

/** The end of the year 9999, the last that RFC 3339 can write. */
const LAST_SECOND = 253_402_300_799;

/**
 * Assembles an image; the order of the layers is that of the root file system, bottom first.
 *
 * @param base The image that it starts from: its layers are below, as they are, and so is its history.
 *
 * @throws {PackError} `BAD_TIME`
 */
export function assembleImage(parts: ImageParts, ownLayers: readonly Layer[], base?: Image): Image {
  const layers = [...(base?.layers ?? []), ...ownLayers];
  const { name, tag, architecture, config, createdSeconds } = parts;
  if (!Number.isInteger(createdSeconds) || createdSeconds < 0 || createdSeconds > LAST_SECOND) {
    throw new PackError(
      "BAD_TIME",
      `Cannot assemble the image ${name}: its time is ${createdSeconds}, wanted whole seconds from 0 to ${LAST_SECOND}`,
    );
  }
  const configBytes = formatConfig({
    created: formatTimestamp(createdSeconds),
    platform: imagePlatform(architecture),
    config,
    layers: ownLayers,
    base: base && {
      diffIds: base.layers.map(({ diffId }) => diffId),
      history: parseBaseHistory(base.config, `${base.name}:${base.tag}`),
    },
  });
  const configDescriptor = describeDocument(MEDIA_TYPES.config, configBytes);
  const manifest = formatManifest(configDescriptor, layers);
  return {
    name,
    tag,
    imageId: configDescriptor.digest as ImageId,
    digest: computeDigest(manifest),
    config: configBytes,
    manifest,
    layers,
  };
}

/** The platform as docker and podman write it: 64-bit ARM has the variant v8. */
function imagePlatform(architecture: Architecture): Platform {
  return { architecture, os: "linux", variant: architecture === "arm64" ? "v8" : undefined };
}
