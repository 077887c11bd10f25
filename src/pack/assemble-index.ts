// Images for several platforms → an index, and all that it consists of. Specification: OCI Image Index 1.1.

import { computeDigest, formatIndex, type Platform } from "../formats/oci.ts";
import { type Content, imageContent, rootDocument } from "../model/content.ts";
import { type Image, MEDIA_TYPES } from "../model/image.ts";

/**
 * Assembles an index of images, in their order.
 *
 * @param images One or more; the first of them says what the index is called.
 */
export function assembleIndex(images: readonly Image[]): Content {
  const contents = images.map(imageContent);
  const manifests = images.map((image, i) => {
    const { mediaType, digest, bytes } = rootDocument(contents[i]!);
    return { mediaType, digest, size: bytes.length, platform: readPlatform(image) };
  });
  const bytes = formatIndex(manifests);
  const blobs = contents.flatMap((content) => content.blobs);
  return {
    name: images[0]!.name,
    tag: images[0]!.tag,
    documents: [
      ...contents.flatMap(({ documents }) => documents),
      { mediaType: MEDIA_TYPES.index, digest: computeDigest(bytes), bytes },
    ],
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
  };
}

/** What the configuration says. */
function readPlatform({ config }: Image): Platform {
  const { architecture, os, variant } = JSON.parse(Buffer.from(config).toString("utf8")) as Platform;
  return { architecture, os, ...(variant !== undefined && { variant }) };
}
