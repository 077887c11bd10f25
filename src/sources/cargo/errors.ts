// The errors of the source of crates.

import { TareError } from "../../model/errors.ts";

export type CargoErrorCode =
  /** There is no Cargo.lock. */
  | "CARGO_LOCK_MISSING"
  /** Cargo's settings name a registry that cannot be asked. */
  | "CARGO_REGISTRY_UNUSABLE";

/** Thrown by everything under sources/cargo. */
export class CargoError extends TareError<CargoErrorCode> {}
