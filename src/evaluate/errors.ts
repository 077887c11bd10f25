import { TareError } from "../model/errors.ts";

export type EvaluateErrorCode =
  /** There is no such file, or it cannot be read. */
  | "IMAGE_FILE_MISSING"
  /** The file is no erasable TypeScript: a syntax error, or an `enum`, `namespace`… */
  | "IMAGE_FILE_SYNTAX"
  /** The file, or something that it imports, threw. */
  | "IMAGE_FILE_THREW"
  /** An import of the file cannot be resolved. */
  | "IMPORT_NOT_FOUND"
  /** The default export is no image. */
  | "WRONG_EXPORT"
  /** The image is for another platform than the one that is asked for. */
  | "OTHER_PLATFORM";

/** Thrown by the evaluation of an image file. */
export class EvaluateError extends TareError<EvaluateErrorCode> {}
