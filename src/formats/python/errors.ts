// The error of what Python's packaging writes: versions, requirements, markers, lock files, wheels.

import { TareError, type TareErrorOptions } from "../../model/errors.ts";

export type PythonFormatErrorCode =
  /** A text is no version (PEP 440). */
  | "VERSION_INVALID"
  /** A text is no set of version specifiers (PEP 440). */
  | "SPECIFIER_INVALID"
  /** A text is no requirement (PEP 508), or no line of a requirements file. */
  | "REQUIREMENT_INVALID"
  /** A text is no environment marker (PEP 508), or compares what cannot be compared. */
  | "MARKER_INVALID"
  /** A requirements file that is to be a lock leaves a version open. */
  | "REQUIREMENT_NOT_PINNED"
  /** A file name that is no wheel's or source distribution's. */
  | "FILE_NAME_INVALID"
  /** A lock file breaks its format. */
  | "LOCK_INVALID"
  /** A lock file of a format or version that is not supported. */
  | "LOCK_UNSUPPORTED"
  /** A lock that does not fit the pyproject.toml beside it. */
  | "LOCK_OUT_OF_DATE"
  /** A lock that is not made for the image's platform or Python. */
  | "LOCK_PLATFORM"
  /** Nothing that is offered to a build is what its pyproject.toml asks for. */
  | "BACKEND_MISSING"
  /** A pyproject.toml breaks its format. */
  | "PROJECT_INVALID"
  /** An extra that the project does not have. */
  | "EXTRA_UNKNOWN"
  /** A dependency group that the project does not have. */
  | "GROUP_UNKNOWN"
  /** An answer of a package index breaks its format (PEP 503, PEP 691). */
  | "INDEX_INVALID"
  /** A file inside a wheel breaks its format: WHEEL, METADATA, RECORD, entry_points.txt. */
  | "WHEEL_INVALID";

/** Thrown by everything under formats/python. */
export class PythonFormatError extends TareError<PythonFormatErrorCode> {
  /** What is wrong, without what it is wrong with; for callers that know a better name of that. */
  readonly problem: string;

  /** @param doing `read the version "x"`: what cannot be done. */
  constructor(code: PythonFormatErrorCode, doing: string, problem: string, options: TareErrorOptions = {}) {
    super(code, `Cannot ${doing}: ${problem}`, options);
    this.problem = problem;
  }
}
