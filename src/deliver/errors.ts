import { TareError } from "../model/errors.ts";

export type DeliverErrorCode =
  /** No exporter has this name, or the output has no name of an exporter. */
  | "UNKNOWN_OUTPUT"
  /** Something is at the target that must not be overwritten. */
  | "TARGET_IN_THE_WAY"
  /** The target is an OCI layout that cannot be understood. */
  | "TARGET_DAMAGED"
  /** A blob outside the cache is not what its digest says. */
  | "BLOB_DAMAGED"
  /** The image would go to a terminal. */
  | "OUTPUT_IS_TERMINAL"
  /** The output names a digest, and the image has another. */
  | "DIGEST_NOT_THIS"
  /** The output holds one image, and there are several. */
  | "NEEDS_ONE_IMAGE";

export class DeliverError extends TareError<DeliverErrorCode> {}
