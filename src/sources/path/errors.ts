// The errors of files of this machine that go into an image.

import { TareError } from "../../model/errors.ts";

export type PathErrorCode =
  /** There is no such file, or it is no regular file. */
  | "LOCAL_FILE_MISSING"
  /** An ELF file that is cut short or breaks its format. */
  | "LOCAL_FILE_DAMAGED"
  /** An ELF file for another processor than the image. */
  | "LOCAL_FILE_FOREIGN"
  /** A file wants symbol versions of a library that the archive's library does not have. */
  | "SYMBOL_VERSION_TOO_NEW";

/** Thrown by everything under sources/path. */
export class PathError extends TareError<PathErrorCode> {}
