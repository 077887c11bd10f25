// Units → layer plan, by the planner that is asked for; what it plans is checked against the laws of a plan.

import { compareStrings } from "../model/bytes.ts";
import { InternalError } from "../model/errors.ts";
import type { LayerPlan, PlannedLayer, PlanUnit } from "../model/layer-plan.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { LayeringPipeline } from "../model/layering-pipeline.ts";
import { didYouMean } from "../model/suggest.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { LayersError } from "./errors.ts";
import type { Planner, PlanRequest } from "./planner.ts";

const PLANNERS = new URL("./planners/", import.meta.url);

/** The planner that is used when none is asked for. */
export const DEFAULT_PLANNER = "bySizeAndChange";

/** The planner that runs a layering pipeline. */
export const PIPELINE_PLANNER = "pipeline";

export interface PlanOptions {
  /** The most layers that the image may have, those of the base image and of the root file system among them. */
  readonly maxLayers: number;
  /** How many layers the base image has. */
  readonly baseLayers?: number | undefined;
  /** Default: {@link PIPELINE_PLANNER} where there is a pipeline, else {@link DEFAULT_PLANNER}. */
  readonly planner?: string | undefined;
  readonly pipeline?: LayeringPipeline | undefined;
  /** Layers below the planner's, as ids of units; empty ones are left out. */
  readonly explicit?: readonly (readonly string[])[] | undefined;
}

/** The names of all planners, sorted. */
export function listPlanners(): string[] {
  return moduleNames(PLANNERS).map(toCamelCase).sort(compareStrings);
}

/** @throws {LayersError} `UNKNOWN_PLANNER` */
export async function loadPlanner(name: string): Promise<Planner> {
  const module = moduleNames(PLANNERS).find((file) => toCamelCase(file) === name);
  if (module === undefined) {
    const names = listPlanners();
    throw new LayersError(
      "UNKNOWN_PLANNER",
      `Cannot plan layers: there is no planner "${name}", only ${names.join(", ")}`,
      { hint: didYouMean(name, names) ?? `Use ${DEFAULT_PLANNER}` },
    );
  }
  return (await importModule<{ planner: Planner }>(PLANNERS, module)).planner;
}

/**
 * Plans the layers of an image. The root file system's additions are the last layer, alone; what a planner divides are
 * all units but these, those of explicit layers and those that are present already.
 *
 * @param units Ids are unique; the order does not matter.
 * @throws {LayersError} `UNKNOWN_PLANNER`, `TOO_FEW_LAYERS`, or what the planner `pipeline` throws.
 */
export async function planLayers(units: readonly PlanUnit[], options: PlanOptions): Promise<LayerPlan> {
  const planner = await choosePlanner(options);
  const isApart = ({ id }: PlanUnit) => id === ROOTFS_UNIT_ID && planner.takesRootFileSystem !== true;
  const present = new Set(units.flatMap((unit) => (unit.present === true ? [unit.id] : [])));
  const known = new Set(units.map(({ id }) => id));
  const explicit = (options.explicit ?? [])
    .map((layer) => layer.filter((id) => known.has(id) && !present.has(id)))
    .filter((layer) => layer.length > 0)
    .map((layer): PlannedLayer => ({ units: layer, reason: "as image.ts says" }));
  const assigned = new Set(explicit.flatMap((layer) => layer.units));
  const isOther = (unit: PlanUnit) => isApart(unit) || unit.present === true || assigned.has(unit.id);
  const rootfs = units.find((unit) => isApart(unit) && unit.present !== true);
  const sorted = units.toSorted((a, b) => compareStrings(a.id, b.id));
  const request: PlanRequest = {
    units: sorted.filter((unit) => !isOther(unit)),
    others: sorted.filter(isOther),
    available: countAvailable(options, explicit.length, rootfs !== undefined),
    pipeline: options.pipeline,
  };
  const layers = planner.plan(request);
  const problem = planProblem(layers, request);
  if (problem !== undefined) throw new InternalError(`the planner ${planner.name} ${problem}`);
  const planned = new Set(layers.flatMap((layer) => layer.units));
  const removed = request.units.map(({ id }) => id).filter((id) => !planned.has(id));
  return {
    planner: planner.name,
    layers: [...explicit, ...layers, ...(rootfs === undefined ? [] : [ROOTFS_LAYER])],
    ...(removed.length > 0 && { removed }),
  };
}

const ROOTFS_LAYER: PlannedLayer = { units: [ROOTFS_UNIT_ID], reason: "what belongs to no package" };

function choosePlanner({ planner, pipeline }: PlanOptions): Promise<Planner> {
  const name = planner ?? (pipeline === undefined ? DEFAULT_PLANNER : PIPELINE_PLANNER);
  if ((name === PIPELINE_PLANNER) === (pipeline !== undefined)) return loadPlanner(name);
  throw new LayersError(
    "PIPELINE_EXPECTED",
    pipeline === undefined
      ? `Cannot plan layers by the planner "${name}": there is no layeringPipeline`
      : `Cannot plan layers by the planner "${name}": it takes no layeringPipeline`,
    { hint: 'Give layeringPipeline alone, or with planner: "pipeline"' },
  );
}

function countAvailable(
  { maxLayers, baseLayers = 0 }: PlanOptions,
  explicitLayers: number,
  hasRootfs: boolean,
): number {
  const used = baseLayers + explicitLayers + (hasRootfs ? 1 : 0);
  if (used < maxLayers) return maxLayers - used;
  const own = explicitLayers === 0 ? "" : `, image.ts describes ${explicitLayers}`;
  throw new LayersError(
    "TOO_FEW_LAYERS",
    `Cannot plan layers: the base image has ${baseLayers}${own} and the root file system takes 1 of at most ${maxLayers}, one more was wanted`,
    { hint: `Raise maxLayers to ${used + 1} or more` },
  );
}

/** What breaks the laws of a plan, or undefined. Only a pipeline can leave units out. */
export function planProblem(
  layers: readonly PlannedLayer[],
  { units, available, pipeline }: PlanRequest,
): string | undefined {
  if (layers.length > available) return `planned ${layers.length} layers, at most ${available} were allowed`;
  if (layers.some((layer) => layer.units.length === 0)) return "planned an empty layer";
  const planned = layers.flatMap((layer) => layer.units);
  const distinct = new Set(planned);
  const wanted = new Set(units.map((unit) => unit.id));
  if (
    distinct.size !== planned.length ||
    planned.some((id) => !wanted.has(id)) ||
    (pipeline === undefined && distinct.size !== wanted.size)
  ) {
    return "did not plan every unit exactly once";
  }
  return undefined;
}

function toCamelCase(file: string): string {
  return file.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
