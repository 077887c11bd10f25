import { TareError } from "../model/errors.ts";

export type LayersErrorCode =
  /** No planner has this name. */
  | "UNKNOWN_PLANNER"
  /** The base image and the root file system's own layer leave no layer for what else is in the image. */
  | "TOO_FEW_LAYERS"
  /** The planner `pipeline` was asked for without a pipeline, or a pipeline with another planner. */
  | "PIPELINE_EXPECTED"
  /** A value is no pipeline. */
  | "BAD_PIPELINE"
  /** An operation of a pipeline was given something that it does not work on. */
  | "PIPELINE_MISMATCH"
  /** A pipeline leaves more layers than the image may have. */
  | "TOO_MANY_LAYERS"
  /** There is nothing that a plan could be compared with. */
  | "NOT_COMPARABLE";

export class LayersError extends TareError<LayersErrorCode> {}
