// The errors of the closure stage.

import { TareError } from "../model/errors.ts";

export type ClosureErrorCode =
  /** `keep:` or `drop:` names nothing that it would change. */
  | "OVERRIDE_WITHOUT_EFFECT"
  /** An entrypoint is in no package of the closure. */
  | "ENTRYPOINT_NOT_FOUND"
  /** A root is not among the objects. */
  | "ROOT_NOT_FOUND"
  /** Something that `forbid:` names is in the image. */
  | "FORBIDDEN"
  /** What was asked about is not in the image. */
  | "NOT_IN_IMAGE";

export class ClosureError extends TareError<ClosureErrorCode> {}
