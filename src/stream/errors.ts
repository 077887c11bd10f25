// The errors of `tare stream-conf`.

import { TareError } from "../model/errors.ts";

export type StreamErrorCode =
  /** The file is no configuration of a stream script: a key is missing, or has a value of another kind. */
  | "CONF_INVALID"
  /** A path that is no store path of the store directory. */
  | "OUTSIDE_STORE"
  /** A store path that is not on this machine. */
  | "STORE_PATH_MISSING"
  /** The customisation layer lacks its files, or its tar is not what its checksum says. */
  | "CUSTOMISATION_INVALID"
  /** The base image is not there, or is no docker archive. */
  | "BASE_INVALID";

export class StreamError extends TareError<StreamErrorCode> {}
