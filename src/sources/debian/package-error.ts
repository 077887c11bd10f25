// The error of reading .debs.

import { TareError } from "../../model/errors.ts";

export type PackageErrorCode =
  /** The bytes are not those of the pin: fetch them again. */
  | "DEB_HASH_MISMATCH"
  /** The right bytes, but no .deb as deb(5) describes it. */
  | "DEB_MALFORMED"
  /** A member that would reach outside the package's tree, or that no tree can hold. */
  | "DEB_UNSAFE"
  /** Well-formed, and not supported: bzip2, sparse files. */
  | "DEB_UNSUPPORTED"
  /** It expands to more than a package of its size can. */
  | "DEB_TOO_LARGE"
  /** It is the .deb of another package than the pin says. */
  | "DEB_WRONG_PACKAGE";

/** Thrown when a .deb cannot become a tree. */
export class PackageError extends TareError<PackageErrorCode> {}
