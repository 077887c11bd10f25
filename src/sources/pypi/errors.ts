// The errors of Python's packages: what a lock pins, what an index has, what a wheel holds.

import { TareError } from "../../model/errors.ts";

export type PypiErrorCode =
  /** A project without a lock file that can be read. */
  | "LOCK_MISSING"
  /** A package whose lock entry has no sha256. */
  | "HASH_MISSING"
  /** No index has a file with a hash of the lock. */
  | "FILE_NOT_FOUND"
  /** There are wheels, and none of them is for the image's platform. */
  | "WHEEL_PLATFORM"
  /** A wheel whose insides are not what the format or the lock says. */
  | "WHEEL_INVALID"
  /** A wheel that would write outside of its place, or more than can be. */
  | "WHEEL_UNSAFE"
  /** Two wheels of which one has a file where the other has a directory. */
  | "WHEEL_CONFLICT"
  /** A source distribution that cannot be read. */
  | "SDIST_INVALID"
  /** A source distribution, or a project of this machine, and image.ts does not say with what it is built. */
  | "SOURCE_NOT_BUILT"
  /** A package that the lock takes from a repository, not from a file with a hash. */
  | "GIT_UNSUPPORTED"
  /** A wheel asks for what the lock does not have. */
  | "REQUIREMENT_UNMET";

/** Thrown by everything under sources/pypi. */
export class PypiError extends TareError<PypiErrorCode> {}
