// The error of the archive and image formats.

import { TareError } from "../model/errors.ts";

export type FormatErrorCode =
  /** An ar archive breaks its syntax, or is no .deb. */
  | "BAD_AR"
  /** A tar archive breaks its syntax: a damaged or lying header, a bad number, data that ends early. */
  | "BAD_TAR"
  /** A tar archive uses something that is well-formed and not supported, such as sparse files. */
  | "UNSUPPORTED_TAR"
  /** A tar archive would reach outside its tree, or means something that no tree can hold. */
  | "UNSAFE_TAR"
  /** An index, manifest or configuration of an image is not what its specification says. */
  | "BAD_OCI_DOCUMENT";

/** Thrown when bytes are not what their format says. */
export class FormatError extends TareError<FormatErrorCode> {
  /** What is wrong, without what it is wrong with; for callers that know a better name of that. */
  readonly problem: string;

  constructor(code: FormatErrorCode, thing: string, problem: string, cause?: unknown) {
    super(code, `Cannot read ${thing}: ${problem}`, { cause });
    this.problem = problem;
  }
}
