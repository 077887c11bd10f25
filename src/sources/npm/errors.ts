// The errors of the npm source.

import { TareError } from "../../model/errors.ts";

export type NpmErrorCode =
  /** A text that is no name of a package, or no range of versions. */
  | "BAD_NAME"
  /** The registry has no such package. */
  | "UNKNOWN_PACKAGE"
  /** The package has no version that answers all requests. */
  | "UNKNOWN_VERSION"
  /** A package that needs others: those belong into the lock of a project. */
  | "HAS_DEPENDENCIES"
  /** A package for another platform than the image. */
  | "WRONG_PLATFORM"
  /** The registry's answer about a package is not what a registry answers. */
  | "BAD_PACKUMENT"
  /** The registry wants to know who asks. */
  | "UNAUTHORIZED"
  /** A setting of .npmrc that cannot be used. */
  | "BAD_SETTING"
  /** A pin that no lock file of Tare's making has. */
  | "BAD_PIN"
  /** The bytes are not those that the lock names. */
  | "INTEGRITY_MISMATCH"
  /** The right bytes, but no tarball. */
  | "TARBALL_MALFORMED"
  /** A tarball that would reach outside its package, or that no tree can hold. */
  | "TARBALL_UNSAFE"
  /** It expands to more than a package of its size can. */
  | "TARBALL_TOO_LARGE"
  /** A tarball of the project that is not there. */
  | "PROJECT_FILE_MISSING"
  /** A directory without a package.json, or without a lock file that Tare reads. */
  | "LOCK_NOT_FOUND"
  /** A native addon that only its install script can make, which may not run. */
  | "INSTALL_SCRIPT_NOT_ALLOWED"
  /** A package whose scripts are allowed, and that has none or is not there. */
  | "INSTALL_SCRIPT_UNKNOWN"
  /** Two things of a lock that would lie at the same path. */
  | "LAYOUT_CONFLICT";

/** Thrown by everything under sources/npm. */
export class NpmError extends TareError<NpmErrorCode> {}
