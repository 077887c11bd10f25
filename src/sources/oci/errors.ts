import { TareError } from "../../model/errors.ts";

export type ImageSourceErrorCode =
  /** There is nothing at the path. */
  | "IMAGE_NOT_FOUND"
  /** What is at the path is no image in a known form. */
  | "NOT_AN_IMAGE"
  /** The archive is compressed as a whole. */
  | "COMPRESSED_ARCHIVE"
  /** A document of the image is not what its specification says, or an archive breaks its syntax. */
  | "IMAGE_MALFORMED"
  /** A blob or member that the image refers to is not there. */
  | "BLOB_MISSING"
  /** A document does not have its digest, or a blob not its size. */
  | "BLOB_MISMATCH"
  /** There is no image with this tag, or for this architecture. */
  | "NO_SUCH_IMAGE"
  /** There are several images, and none was chosen. */
  | "SEVERAL_IMAGES"
  /** The image is well-formed and of a kind that is not supported. */
  | "UNSUPPORTED_IMAGE";

/** What to name instead of something that is no image. */
export const IMAGE_FORMS =
  "Name an OCI layout (oci:DIR), an archive of podman save or docker save (oci-archive:FILE, docker-archive:FILE), an image of a registry (docker://HOST/NAME:TAG), an image.ts, or a program";

/** Thrown when an image cannot be opened. */
export class ImageSourceError extends TareError<ImageSourceErrorCode> {}
