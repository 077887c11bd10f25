// A layer for each of the most popular units, and one for all others: nixpkgs' dockerTools until its auto-layer.
//
//   popularity      9     5     3     2     2     2     1          available = 3
//                ┌─────┬─────┬─────┬─────┬─────┬─────┬─────┐
//                │  F  │  E  │  D  │  C  │  B  │  G  │  A  │
//                └──┬──┴──┬──┴──┬──┴─────┴─────┴─────┴─────┘
//                 layer layer  layer
//
// Algorithm: the popularity of a unit counts the paths of references that lead to it or to what needs it
// (popularity.ts); the most popular `available` − 1 units get a layer each, all others are the last one, in the same
// order. What many things need is in many images: images share the first layers. Sizes play no part. The worked example
// is in docs/layers.md.

import type { PlannedLayer } from "../../model/layer-plan.ts";
import { createGraph } from "../graph.ts";
import type { Planner, PlanRequest } from "../planner.ts";
import { computePopularity, sortByPopularity } from "../popularity.ts";

export const planner: Planner = {
  name: "popularity",
  summary: "one layer for each of the most popular units, one for all others (nixpkgs, formerly)",
  plan,
};

function plan({ units, available }: PlanRequest): PlannedLayer[] {
  const graph = createGraph(units);
  const popularity = computePopularity(graph);
  const sorted = sortByPopularity(graph, popularity);
  const own = sorted.slice(0, available - 1).map((unit) => ({
    units: [unit.id],
    reason: `popularity ${formatCount(popularity.get(unit)!)}`,
  }));
  const rest = sorted.slice(own.length);
  if (rest.length === 0) return own;
  const most = formatCount(popularity.get(rest[0]!)!);
  return [
    ...own,
    {
      units: rest.map(({ id }) => id),
      reason: rest.length === 1 ? `popularity ${most}` : `popularity ${most} and below`,
    },
  ];
}

/** Digits up to a quadrillion, the power of ten beyond. */
function formatCount(count: bigint): string {
  const digits = count.toString();
  return digits.length <= 15 ? digits : `${digits[0]}e${digits.length - 1}`;
}
