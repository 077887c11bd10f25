// Images as OCI has them. The three hashes that must not be mixed up are three types.

/** Digest of a blob as it is stored: `sha256:<64 hex>`. */
export type Digest = string & { readonly digest: unique symbol };

/** Digest of a layer's uncompressed tar. */
export type DiffId = string & { readonly diffId: unique symbol };

/** Digest of the image configuration: what docker calls the image ID. */
export type ImageId = Digest & { readonly imageId: unique symbol };

export const MEDIA_TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

/** `size` bytes of a file on this machine: a blob of its own, or a member of an archive. */
export interface BlobRange {
  /** Absolute path. */
  readonly file: string;
  /** Offset of the first byte; 0 for a blob that is a file of its own. */
  readonly offset: number;
}

export interface Layer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly diffId: DiffId;
  /** Bytes of the blob as stored. */
  readonly size: number;
  /** Bytes of the uncompressed tar; undefined for another tool's layer, which would have to be read to know. */
  readonly uncompressedSize: number | undefined;
  /** What its history entry says is in it; empty when it says nothing. */
  readonly comment: string;
  /** Where the blob's bytes are on this machine. */
  readonly blob: BlobRange;
}

/** A packed image: small documents in memory, layers on disk. */
export interface Image {
  readonly name: string;
  readonly tag: string;
  readonly imageId: ImageId;
  /** Digest of the manifest: what registries and `name@digest` use. */
  readonly digest: Digest;
  readonly config: Uint8Array;
  readonly manifest: Uint8Array;
  readonly layers: readonly Layer[];
}
