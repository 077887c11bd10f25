// The errors of the source of Go modules.

import { TareError } from "../../model/errors.ts";

export type GoErrorCode =
  /** There is no go.sum, and modules are required. */
  | "GO_SUM_MISSING"
  /** go.mod requires a module that go.sum does not vouch for. */
  | "GO_SUM_OUT_OF_DATE"
  /** A module is not what go.sum says. */
  | "GO_SUM_MISMATCH"
  /** No proxy to fetch modules from: GOPROXY names none. */
  | "GO_PROXY_UNUSABLE";

/** Thrown by everything under sources/go. */
export class GoError extends TareError<GoErrorCode> {}
