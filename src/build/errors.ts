// The error of builds.

import { TareError } from "../model/errors.ts";

export type BuildErrorCode =
  /** The builder ended with another exit code than 0. */
  | "BUILD_FAILED"
  /** The build took too long, or was silent for too long, or said too much. */
  | "BUILD_TIMEOUT"
  /** The builder ended well, and did not make one of its outputs. */
  | "OUTPUT_MISSING"
  /** An output that was to have a hash has another. */
  | "OUTPUT_HASH_MISMATCH"
  /** An output refers to what `allowedReferences` or `disallowedReferences` keep from it. */
  | "REFERENCE_FORBIDDEN"
  /** Outputs of one build refer to each other in a circle. */
  | "OUTPUT_CYCLE"
  /** A second build of the same derivation gave other bytes. */
  | "BUILD_NOT_REPRODUCIBLE"
  /** The derivation is for another kind of machine than this. */
  | "BUILD_PLATFORM"
  /** There is no log of such a build. */
  | "LOG_MISSING"
  /** There is no such builtin builder, or its instructions are wrong. */
  | "BUILTIN_INVALID";

export class BuildError extends TareError<BuildErrorCode> {}
