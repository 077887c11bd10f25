// An image → its entry in the index of a layout.

import type { IndexEntry, Platform } from "../formats/oci.ts";
import { formatIndexEntry } from "../formats/oci.ts";
import type { Image } from "../model/image.ts";
import { MEDIA_TYPES } from "../model/image.ts";

/**
 * Describes an image by what its own documents say; another tool's manifest keeps its media type.
 *
 * @param refName What the index calls it: the tag in a directory, whose name says the rest; `name:tag` in an archive,
 *   which is loaded under that name.
 */
export function describeImage(image: Image, refName: string): IndexEntry {
  const { mediaType = MEDIA_TYPES.manifest } = readJson(image.manifest) as { mediaType?: string };
  const { architecture, os, variant } = readJson(image.config) as Platform;
  const platform: Platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
  return formatIndexEntry(
    { mediaType, digest: image.digest, size: image.manifest.length },
    refName,
    platform,
  );
}

function readJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString("utf8"));
}
