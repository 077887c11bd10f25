// The errors of the functions that make an application of a project.

import { TareError } from "../../model/errors.ts";

export type AppErrorCode =
  /** The project's manifest asks for what its lock does not pin, or pins otherwise. */
  | "LOCK_OUT_OF_DATE"
  /** The lock has no checksum by which a download could be known. */
  | "CHECKSUM_MISSING"
  /** A dependency comes from where a build cannot fetch from by a checksum. */
  | "DEPENDENCY_UNSUPPORTED"
  /** The project has no release, or none of that name. */
  | "RELEASE_UNKNOWN"
  /** There is no directory, or no manifest of the language in it. */
  | "PROJECT_MISSING"
  /** The manifest has no script of that name. */
  | "SCRIPT_UNKNOWN"
  /** Nothing says what the application starts, or what it would start is not there. */
  | "ENTRY_MISSING"
  /** The project's engines exclude the Node that it shall run on. */
  | "NODE_VERSION_EXCLUDED"
  /** Several programs could be meant. */
  | "PROGRAM_AMBIGUOUS";

/** Thrown by everything under evaluate/apps. */
export class AppError extends TareError<AppErrorCode> {}
