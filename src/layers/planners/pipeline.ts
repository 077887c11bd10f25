// The layers that the user's own pipeline makes: `layeringPipeline`, written as in nixpkgs' dockerTools.
//
//   [["split_paths", ["C"]], ["over", "main", ["popularity_contest"]]]
//
//     graph ──split_paths──→ main: C D ──popularity_contest──→ [D] [C]
//                            common: E F ─────────────────────→ [E F]
//                            rest: A B G ─────────────────────→ [A B G]
//
// Algorithm: the operations are applied in their order, beginning with the graph of all units, the smallest first
// (pipeline.ts). Every graph that is left is a layer. A pipeline has to keep within the limit itself, by "limit_layers".
// All operations and their worked examples are in docs/layers.md.

import type { PlannedLayer } from "../../model/layer-plan.ts";
import { layeringPipelineProblem } from "../../model/layering-pipeline.ts";
import { LayersError } from "../errors.ts";
import { createGraph } from "../graph.ts";
import { runPipeline } from "../pipeline.ts";
import type { Planner, PlanRequest } from "../planner.ts";

export const planner: Planner = {
  name: "pipeline",
  summary: "the layers that layeringPipeline makes",
  plan,
};

function plan({ units, available, pipeline = [] }: PlanRequest): PlannedLayer[] {
  const problem = layeringPipelineProblem(pipeline);
  if (problem !== undefined) {
    throw new LayersError("BAD_PIPELINE", `Cannot use the layering pipeline: ${problem}`);
  }
  if (units.length === 0) return [];
  const layers = runPipeline(createGraph(units.toSorted((a, b) => a.size - b.size)), pipeline);
  if (layers.length > available) {
    throw new LayersError(
      "TOO_MANY_LAYERS",
      `Cannot plan layers: the pipeline leaves ${layers.length}, at most ${available} were wanted`,
      { hint: `End the pipeline with ["flatten"], ["limit_layers", ${available}]` },
    );
  }
  return layers.map(({ vertices }) => ({
    units: vertices.map(({ id }) => id),
    reason: "by the layering pipeline",
  }));
}
