// The errors of the root file system stage.

import { TareError } from "../model/errors.ts";

export type RootFsErrorCode =
  /** Two packages bring different files under one path. */
  | "FILE_CONFLICT"
  /** Symbolic links lead round in a circle, with files below them. */
  | "LINK_LOOP"
  /** Commands of image.ts failed, or made what no layer can hold. */
  | "COMMANDS_FAILED"
  /** image.ts names a user or group that there is not. */
  | "UNKNOWN_OWNER";

/** Thrown when the packages of an image cannot be merged into one root file system. */
export class RootFsError extends TareError<RootFsErrorCode> {}
