// The largest units with what only they need, and what several of them need in common: nixpkgs' dockerTools today.
//
//      app ─→ framework (30 MB) ─→ zlib ←─ database (20 MB) ←─ app          available = 4
//                 └─→ templates                └─→ tables
//
//   roots        {framework, database}    {database}          {framework}             {}
//              ┌──────────────────────┬──────────────────┬────────────────────────┬────────┐
//              │         zlib         │ database, tables │ framework, templates   │  app   │
//              └──────────────────────┴──────────────────┴────────────────────────┴────────┘
//
// Algorithm: units become roots by size, the largest first, until one more would make more layers than there may be. A
// unit belongs to the layer of the nearest roots that need it: a root to itself, others to one root or to a set of them,
// and what no root needs is together. Layers are ordered by the size of all that they need. The units of the base image
// and the root file system's additions take part, as in nixpkgs, but are in no layer. The worked example is in
// docs/layers.md.

import { compareStrings } from "../../model/bytes.ts";
import type { PlannedLayer } from "../../model/layer-plan.ts";
import { autoLayer } from "../auto-layer.ts";
import { createGraph } from "../graph.ts";
import type { Planner, PlanRequest } from "../planner.ts";

export const planner: Planner = {
  name: "autoLayer",
  summary: "the largest units with what only they need, what they share apart (nixpkgs)",
  plan,
};

function plan({ units, others, available }: PlanRequest): PlannedLayer[] {
  const all = [...units, ...others].sort((a, b) => compareStrings(a.id, b.id));
  const ids = new Set(units.map(({ id }) => id));
  return autoLayer(createGraph(all), available)
    .map(({ roots, units: members }) => ({
      units: members.map(({ id }) => id).filter((id) => ids.has(id)),
      reason: describe(roots.map(({ label }) => label)),
    }))
    .filter((layer) => layer.units.length > 0);
}

function describe(roots: readonly string[]): string {
  const [first, ...others] = roots;
  if (first === undefined) return "what none of the largest needs";
  if (others.length === 0) return `${first}, and what only it needs`;
  if (others.length > 2) return `what ${first} and ${others.length} others need`;
  return `what ${roots.slice(0, -1).join(", ")} and ${others.at(-1)} need`;
}
