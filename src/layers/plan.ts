// Units → layer plan, by the planner that is asked for; what it plans is checked against the laws of a plan.

import { InternalError } from "../model/errors.ts";
import type { LayerPlan, PlanUnit } from "../model/layer-plan.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import { didYouMean } from "../model/suggest.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { LayersError } from "./errors.ts";
import type { PlanLimits, Planner } from "./planner.ts";

const PLANNERS = new URL("./planners/", import.meta.url);

/** The planner that is used when none is asked for. */
export const DEFAULT_PLANNER = "one-per-package";

/** The names of all planners, sorted. */
export function listPlanners(): string[] {
  return moduleNames(PLANNERS);
}

/** @throws {LayersError} `UNKNOWN_PLANNER` */
export async function loadPlanner(name: string): Promise<Planner> {
  const names = listPlanners();
  if (!names.includes(name)) {
    throw new LayersError(
      "UNKNOWN_PLANNER",
      `Cannot plan layers: there is no planner "${name}", only ${names.join(", ")}`,
      { hint: didYouMean(name, names) ?? `Use ${DEFAULT_PLANNER}` },
    );
  }
  return (await importModule<{ planner: Planner }>(PLANNERS, name)).planner;
}

/**
 * Plans the layers of an image.
 *
 * @param units Ids are unique; the order does not matter.
 * @throws {LayersError} `UNKNOWN_PLANNER`
 */
export async function planLayers(
  units: readonly PlanUnit[],
  limits: PlanLimits,
  plannerName = DEFAULT_PLANNER,
): Promise<LayerPlan> {
  const planner = await loadPlanner(plannerName);
  const plan = planner.plan(units, limits);
  const problem = planProblem(plan, units, limits);
  if (problem !== undefined) throw new InternalError(`the planner ${plannerName} ${problem}`);
  return plan;
}

/** What breaks the laws of a plan, or undefined. */
export function planProblem(
  plan: LayerPlan,
  units: readonly PlanUnit[],
  limits: PlanLimits,
): string | undefined {
  if (plan.layers.length > limits.maxLayers) {
    return `planned ${plan.layers.length} layers, at most ${limits.maxLayers} were allowed`;
  }
  if (plan.layers.some((layer) => layer.units.length === 0)) return "planned an empty layer";
  const planned = plan.layers.flatMap((layer) => layer.units);
  const wanted = new Set(units.map((unit) => unit.id));
  if (
    planned.length !== wanted.size ||
    planned.some((id) => !wanted.has(id)) ||
    new Set(planned).size !== wanted.size
  ) {
    return "did not plan every unit exactly once";
  }
  if (wanted.has(ROOTFS_UNIT_ID) && !plan.layers.at(-1)!.units.includes(ROOTFS_UNIT_ID)) {
    return "did not put the root file system's additions last";
  }
  return undefined;
}
