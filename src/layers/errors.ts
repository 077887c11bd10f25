import { TareError } from "../model/errors.ts";

export type LayersErrorCode =
  /** No planner has this name. */
  "UNKNOWN_PLANNER";

export class LayersError extends TareError<LayersErrorCode> {}
