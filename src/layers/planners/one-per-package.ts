// One layer for each package, as far as the limit goes.
//
//   units            ≥ 64 KiB, by size                        < 64 KiB         rootfs
//                 ┌──────┬──────┬──────┬──────┬──────┐   ┌───┬───┬───┐       ┌──────┐
//                 │ big₁ │ big₂ │ big₃ │ big₄ │ big₅ │   │ · │ · │ · │       │      │
//                 └──┬───┴──┬───┴──┬───┴──┬───┴──┬───┘   └─┬─┴─┬─┴─┬─┘       └──┬───┘
//   maxLayers = 5  layer  layer  layer    └──────┴── one shared layer            layer
//
// Algorithm:
// 1. The root file system's additions are the last layer, alone.
// 2. A unit of 64 KiB or more gets a layer of its own. A smaller one never does: a layer costs a request and a mount
//    wherever it goes, which is dearer than sending 64 KiB again, and metapackages have no files at all.
// 3. When that is more layers than allowed, the biggest units keep theirs; ties go by id.
// 4. All other units share one layer.
// 5. Order, bottom first: what most units need, then by id, so that images with the same foundations begin with the
//    same layers and share them on disk as well as on the wire; then the shared layer, which changes most; then rootfs.
//
// Example: maxLayers 4, units libc6 (12 MB, 9 dependents), perl-base (7 MB, 0), redis-server (2 MB, 0),
// netbase (20 KB, 1), rootfs. Three layers are left beside rootfs, and netbase needs the shared one: libc6 and
// perl-base keep theirs. Plan: [libc6] [perl-base] [netbase redis-server] [rootfs].

import { compareStrings } from "../../model/bytes.ts";
import type { LayerPlan, PlannedLayer, PlanUnit } from "../../model/layer-plan.ts";
import { ROOTFS_UNIT_ID } from "../../model/layer-plan.ts";
import type { PlanLimits, Planner } from "../planner.ts";

/** Bytes of files from which on a unit can have a layer of its own. */
export const SMALLEST_OWN_LAYER = 64 * 1024;

export const planner: Planner = {
  name: "one-per-package",
  summary: "one layer for each package, the smallest ones together",
  plan,
};

function plan(units: readonly PlanUnit[], { maxLayers }: PlanLimits): LayerPlan {
  const rootfs = units.filter((unit) => unit.id === ROOTFS_UNIT_ID);
  const packages = units.filter((unit) => unit.id !== ROOTFS_UNIT_ID);
  const available = maxLayers - rootfs.length;
  if (available < 1)
    return { planner: planner.name, layers: [shareLayer([...sortById(packages), ...rootfs])] };
  const own = chooseOwn(packages, available);
  const shared = sortById(packages.filter((unit) => !own.has(unit)));
  const layers: PlannedLayer[] = sortByDependents([...own]).map((unit) => ({
    units: [unit.id],
    reason: "a package of its own",
  }));
  if (shared.length > 0) layers.push(shareLayer(shared));
  if (rootfs.length > 0) layers.push({ units: [ROOTFS_UNIT_ID], reason: "what belongs to no package" });
  return { planner: planner.name, layers };
}

/** The units that get a layer of their own out of `available` layers. */
function chooseOwn(packages: readonly PlanUnit[], available: number): ReadonlySet<PlanUnit> {
  const big = packages
    .filter((unit) => unit.size >= SMALLEST_OWN_LAYER)
    .sort((a, b) => b.size - a.size || compareStrings(a.id, b.id));
  const allFit = big.length === packages.length && big.length <= available;
  return new Set(allFit ? big : big.slice(0, available - 1));
}

function shareLayer(units: readonly PlanUnit[]): PlannedLayer {
  return {
    units: units.map((unit) => unit.id),
    reason: "packages that are small, or beyond the limit of layers",
  };
}

function sortById(units: readonly PlanUnit[]): PlanUnit[] {
  return [...units].sort((a, b) => compareStrings(a.id, b.id));
}

function sortByDependents(units: readonly PlanUnit[]): PlanUnit[] {
  return [...units].sort((a, b) => b.dependents - a.dependents || compareStrings(a.id, b.id));
}
