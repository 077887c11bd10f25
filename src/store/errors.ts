// The error of what is done with stores.

import { TareError } from "../model/errors.ts";

export type StoreCommandErrorCode =
  /** An argument that names nothing which a command can be about. */
  | "BAD_ARGUMENT"
  /** There is no store at the place that is named. */
  | "STORE_MISSING"
  /** A stream holds a path whose references are neither valid nor in it, or another version of a valid path. */
  | "IMPORT_REFUSED"
  /** A path does not depend on another. */
  | "NO_DEPENDENCY"
  /** No build has left store paths for an image file. */
  | "NO_ROOTS"
  /** A key file cannot be used, or would be overwritten. */
  | "KEY_FILE_WRONG"
  /** Paths cannot be written to a place, or not as asked for. */
  | "PUSH_REFUSED";

export class StoreCommandError extends TareError<StoreCommandErrorCode> {}
