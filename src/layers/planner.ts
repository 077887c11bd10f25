// What a planner is: one file in planners/, which exports `planner` and is found by its file name.

import type { LayerPlan, PlanUnit } from "../model/layer-plan.ts";

export interface PlanLimits {
  /** The most layers that the image may have: at least 1. */
  readonly maxLayers: number;
}

export interface Planner {
  /** The name of its file. */
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  /**
   * Divides units into layers, bottom first.
   *
   * Laws: every unit is in exactly one layer, no layer is empty, there are at most `maxLayers`, the unit
   * `ROOTFS_UNIT_ID` is in the last one, and the order of `units` does not matter. Pure.
   */
  plan(units: readonly PlanUnit[], limits: PlanLimits): LayerPlan;
}
