// The errors of the Debian source.

import { TareError } from "../../model/errors.ts";

export type DebianErrorCode =
  /** A text can be no package name. */
  | "BAD_NAME"
  /** A suite that Tare has no keys for. */
  | "UNKNOWN_SUITE"
  /** A component or architecture that the release does not have. */
  | "UNKNOWN_COMPONENT"
  /** No package of the archive has the name. */
  | "UNKNOWN_PACKAGE"
  /** No package of the archive ships the file. */
  | "UNKNOWN_PATH"
  /** The package exists, but not in the version asked for. */
  | "UNKNOWN_VERSION"
  /** A dependency that nothing in the archive satisfies. */
  | "UNSATISFIABLE"
  /** Packages that may not be together. */
  | "CONFLICT"
  /** A release file whose signature is damaged, or that is not signed the way it must be. */
  | "BAD_SIGNATURE"
  /** A release file signed by nobody that is trusted for its archive. */
  | "UNTRUSTED_KEY"
  /** A release file that is past its Valid-Until. */
  | "RELEASE_EXPIRED"
  /** A release file from the future. */
  | "RELEASE_NOT_YET_VALID"
  /** A release file of another suite than was asked for. */
  | "RELEASE_MISMATCH"
  /** A release file that does not name the index that is needed. */
  | "INDEX_MISSING"
  /** An index that cannot be read though its hash is right. */
  | "BAD_INDEX"
  /** A key file that holds no OpenPGP public keys. */
  | "BAD_KEYRING"
  /** A pin that no lock file of Tare's making has. */
  | "BAD_PIN";

/** Thrown by everything under sources/debian that concerns the archive; bytes and files have errors of their own. */
export class DebianError extends TareError<DebianErrorCode> {}
