// What a planner is: one file in planners/, which exports `planner` and is found by its file name.

import type { PlannedLayer, PlanUnit } from "../model/layer-plan.ts";
import type { LayeringPipeline } from "../model/layering-pipeline.ts";

/** What a planner has to divide. */
export interface PlanRequest {
  /** The units to be divided, sorted by id. */
  readonly units: readonly PlanUnit[];
  /** Units of the image that others put into a layer: those of the base image, and the root file system's additions. */
  readonly others: readonly PlanUnit[];
  /** How many layers there may be: at least 1. */
  readonly available: number;
  /** Given to the planner `pipeline`, and to no other. */
  readonly pipeline?: LayeringPipeline | undefined;
}

export interface Planner {
  /** The name of its file in camel case: `by-size-and-change.ts` is `bySizeAndChange`. */
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  /** True: the root file system's additions are among `units`; otherwise they are the last layer, alone. */
  readonly takesRootFileSystem?: true;
  /**
   * Divides units into layers, bottom first.
   *
   * Laws: every unit is in exactly one layer (a pipeline can remove units), no layer is empty, and there are at most
   * `available`. Pure: the same units give the same layers on every machine.
   */
  plan(request: PlanRequest): readonly PlannedLayer[];
}
