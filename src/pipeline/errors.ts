// The error of what the way through finds between its stages.

import { TareError } from "../model/errors.ts";

export type PipelineErrorCode =
  /** What is placed at `/` is a file or a link: the root of an image is a directory. */
  "PLACE_NEEDS_NAME";

export class PipelineError extends TareError<PipelineErrorCode> {}
