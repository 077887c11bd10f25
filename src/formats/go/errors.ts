// The errors of what Go writes down: go.mod, go.sum and the zips of modules.

import { TareError } from "../../model/errors.ts";

export type GoFormatErrorCode =
  /** A go.mod that cannot be read. */
  | "GO_MOD_INVALID"
  /** A go.sum that cannot be read. */
  | "GO_SUM_INVALID";

/** Thrown by everything under formats/go. */
export class GoFormatError extends TareError<GoFormatErrorCode> {}
