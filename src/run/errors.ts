// The error of starting an image.

import { TareError } from "../model/errors.ts";

export type RunErrorCode =
  /** There is no runtime of that name. */
  | "UNKNOWN_RUNTIME"
  /** No runtime can work on this machine. */
  | "NO_RUNTIME"
  /** A runtime cannot start the image, for reasons of its own; the program was not started. */
  | "RUNTIME_FAILED"
  /** The image's configuration or its file system is not what the OCI specification says. */
  | "BAD_IMAGE"
  /** The bytes of a layer are not those that the manifest names. */
  | "LAYER_DAMAGED"
  /** Neither the image nor the command line says what to start. */
  | "NO_COMMAND"
  /** The user is not in the image's /etc/passwd. */
  | "UNKNOWN_USER"
  /** The group is not in the image's /etc/group. */
  | "UNKNOWN_GROUP"
  /** Something to mount does not exist, or cannot be mounted there. */
  | "BAD_MOUNT"
  /** A port to publish is not written as a port, or cannot be published by this runtime. */
  | "BAD_PORT"
  /** An option has a value that it cannot have. */
  | "BAD_OPTION"
  /** The image is for another kind of processor. */
  | "WRONG_ARCHITECTURE";

/** Thrown when an image cannot be started. What the program does afterwards is its exit status. */
export class RunError extends TareError<RunErrorCode> {}
