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
  /** A ZIP archive breaks its syntax: a damaged or lying header, a wrong size or checksum, data that ends early. */
  | "BAD_ZIP"
  /** A ZIP archive uses something that is well-formed and not supported, such as encryption or symbolic links. */
  | "UNSUPPORTED_ZIP"
  /** A ZIP archive would reach outside its tree, or means two things at once. */
  | "UNSAFE_ZIP"
  /** A bzip2 stream breaks its syntax: a damaged block, a wrong checksum. */
  | "BAD_BZIP2"
  /** A bzip2 stream is cut short. */
  | "TRUNCATED_BZIP2"
  /** An index, manifest or configuration of an image is not what its specification says. */
  | "BAD_OCI_DOCUMENT"
  /** A text is no JSON. */
  | "BAD_JSON"
  /** A text is no term of Erlang or Elixir, or one that means something else than was expected. */
  | "BAD_TERM";

/** Thrown when bytes are not what their format says. */
export class FormatError extends TareError<FormatErrorCode> {
  /** What is wrong, without what it is wrong with; for callers that know a better name of that. */
  readonly problem: string;

  constructor(code: FormatErrorCode, thing: string, problem: string, cause?: unknown) {
    super(code, `Cannot read ${thing}: ${problem}`, { cause });
    this.problem = problem;
  }
}
