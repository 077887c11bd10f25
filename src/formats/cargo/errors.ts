// The errors of what Cargo writes down: Cargo.toml and Cargo.lock.

import { TareError } from "../../model/errors.ts";

export type CargoFormatErrorCode =
  /** A Cargo.toml that cannot be read. */
  | "CARGO_MANIFEST_INVALID"
  /** A Cargo.lock that cannot be read. */
  | "CARGO_LOCK_INVALID"
  /** A crate from somewhere that cannot be checked, such as a git repository. */
  | "CRATE_UNSUPPORTED"
  /** A crate whose bytes the lock says nothing about. */
  | "CHECKSUM_MISSING";

/** Thrown by everything under formats/cargo. */
export class CargoFormatError extends TareError<CargoFormatErrorCode> {}
