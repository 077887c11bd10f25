// The errors of what npm and pnpm write down: lock files, manifests, integrity strings.

import { TareError } from "../../model/errors.ts";

export type NodeLockErrorCode =
  /** A lock file that is no JSON or YAML, or that lacks what its format has. */
  | "NODE_LOCK_INVALID"
  /** A version of the lock file that does not say enough, or that is newer than this Tare. */
  | "LOCK_VERSION_UNSUPPORTED"
  /** The lock was made for another package.json. */
  | "LOCK_OUT_OF_DATE"
  /** A package.json or pnpm-workspace.yaml that cannot be read. */
  | "MANIFEST_INVALID"
  /** An integrity string without a hash that can be checked. */
  | "BAD_INTEGRITY"
  /** A package whose bytes the lock says nothing about. */
  | "INTEGRITY_MISSING"
  /** A package that must be there, and is for another platform. */
  | "PLATFORM_MISMATCH"
  /** A package from somewhere that cannot be reproduced, such as a git repository. */
  | "DEPENDENCY_UNSUPPORTED";

/** Thrown by everything under formats/npm. */
export class NodeLockError extends TareError<NodeLockErrorCode> {}
