// The error of the sandbox.

import { TareError } from "../../model/errors.ts";

export type SandboxErrorCode =
  /** This system has no namespaces, or lacks the programs that make them. */
  | "SANDBOX_UNSUPPORTED"
  /** This user may not make namespaces. */
  | "SANDBOX_FORBIDDEN"
  /** The sandbox could not be set up for another reason, or was killed from outside; the program was not run to its end. */
  | "SANDBOX_FAILED"
  /** An option has a value that it cannot have. */
  | "SANDBOX_BAD_OPTION"
  /** Something to mount does not exist, or cannot be mounted there. */
  | "SANDBOX_BAD_MOUNT"
  /** The directory for sandboxes is on a disk on which nothing can be executed. */
  | "SANDBOX_NOEXEC"
  /** What a program left on disk is no tree: too long a path, too many bytes. */
  | "SANDBOX_BAD_TREE";

/** Thrown when a program cannot be run in a sandbox. What the program itself does is in the result. */
export class SandboxError extends TareError<SandboxErrorCode> {}
