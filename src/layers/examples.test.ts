// The worked examples of docs/layers.md are what the planners plan.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { PlanUnit } from "../model/layer-plan.ts";
import type { LayeringPipeline } from "../model/layering-pipeline.ts";
import { listPlanners, planLayers } from "./plan.ts";

const DOCUMENT = readFileSync(join(import.meta.dirname, "../../docs/layers.md"), "utf8");

const UNIT =
  /^(?<name>\S+) +(?<size>\d+)(?<unit>kB|MB)?(?: +of (?<origin>\S+))?(?: +updated (?<updates>\d+))?(?<volatile> +volatile)?(?: +→ (?<references>.+))?$/;

function readUnit(line: string): PlanUnit {
  const found = UNIT.exec(line.trim())?.groups;
  assert.ok(found, `"${line}" is a unit`);
  const { name = "", size, unit, origin, updates, references } = found;
  return {
    id: name,
    label: name,
    name,
    size: Number(size) * (unit === "MB" ? 1e6 : unit === "kB" ? 1e3 : 1),
    origin,
    updates: Number(updates ?? 0),
    volatile: found["volatile"] !== undefined,
    references: references?.split(" ") ?? [],
  };
}

const EXAMPLES = [...DOCUMENT.matchAll(/^```layers (\w+) maxLayers=(\d+)(.*)\n([\s\S]*?)^= (.*)\n```$/gm)];

for (const [i, [, planner, maxLayers, pipeline, units, expected]] of EXAMPLES.entries()) {
  test(`example ${i + 1}: ${planner}, maxLayers ${maxLayers}`, async () => {
    const plan = await planLayers(units!.trim().split("\n").map(readUnit), {
      maxLayers: Number(maxLayers),
      planner,
      pipeline: pipeline === "" ? undefined : (JSON.parse(pipeline!) as LayeringPipeline),
    });
    assert.equal(plan.layers.map((layer) => layer.units.join(" ")).join(" | "), expected);
  });
}

test("every planner has an example, and no example is overlooked", () => {
  assert.deepEqual([...new Set(EXAMPLES.map(([, planner]) => planner!))].sort(), listPlanners());
  assert.equal(EXAMPLES.length, DOCUMENT.split("```layers").length - 1);
});
