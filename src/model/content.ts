// What images consist of, as registries and layouts keep it: documents and blobs named by their digests, whatever they
// mean. An image is one manifest; an index with all its images is content as well.

import { type BlobRange, type Digest, type Image, MEDIA_TYPES } from "./image.ts";

/** A manifest or an index: its bytes are its identity. */
export interface ContentDocument {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** A configuration, or a layer. */
export interface ContentBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** In memory, or where it is on this machine; a blob of a registry may have to be fetched there first. */
  readonly data: { readonly bytes: Uint8Array } | BlobRange;
}

export interface Content {
  readonly name: string;
  readonly tag: string;
  /** Each behind all that it refers to; the last is the image itself, or the index. */
  readonly documents: readonly [...ContentDocument[], ContentDocument];
  /** Each once. */
  readonly blobs: readonly ContentBlob[];
}

/** The image or index that content is. */
export function rootDocument({ documents }: Content): ContentDocument {
  return documents.at(-1)!;
}

/** The content of one image; another tool's manifest keeps its media type. */
export function imageContent(image: Image): Content {
  const { mediaType = MEDIA_TYPES.manifest } = JSON.parse(Buffer.from(image.manifest).toString("utf8")) as {
    mediaType?: string;
  };
  const blobs: ContentBlob[] = [
    ...image.layers.map(({ digest, size, blob }) => ({ digest, size, data: blob })),
    { digest: image.imageId, size: image.config.length, data: { bytes: image.config } },
  ];
  return {
    name: image.name,
    tag: image.tag,
    documents: [{ mediaType, digest: image.digest, bytes: image.manifest }],
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
  };
}
