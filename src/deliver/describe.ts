// An image, or content of any kind → its entry in the index of a layout.

import type { IndexEntry, Platform } from "../formats/oci.ts";
import { formatIndexEntry } from "../formats/oci.ts";
import { type Content, rootDocument } from "../model/content.ts";
import type { Image } from "../model/image.ts";

/** The platform of an image, by its configuration. */
export function imagePlatform(image: Image): Platform {
  const { architecture, os, variant } = readJson(image.config) as Platform;
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

/**
 * Describes content by its last document.
 *
 * @param refName What the index calls it: the tag in a directory, whose name says the rest; `name:tag` in an archive,
 *   which is loaded under that name.
 * @param platform Undefined for an index, which says it of each of its images.
 */
export function describeContent(
  content: Content,
  refName: string,
  platform: Platform | undefined,
): IndexEntry {
  const { mediaType, digest, bytes } = rootDocument(content);
  return formatIndexEntry({ mediaType, digest, size: bytes.length }, refName, platform);
}

function readJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString("utf8"));
}
