// The errors of the closure stage.

import { TareError } from "../model/errors.ts";

export type ClosureErrorCode =
  /** `keep:` or `drop:` names nothing that it would change. */
  | "OVERRIDE_WITHOUT_EFFECT"
  /** An entrypoint is in no package of the closure. */
  | "ENTRYPOINT_NOT_FOUND"
  /** A root is not among the objects. */
  | "ROOT_NOT_FOUND";

export class ClosureError extends TareError<ClosureErrorCode> {}
