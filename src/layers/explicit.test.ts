import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlanUnit } from "../model/layer-plan.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { LayersError } from "./errors.ts";
import { assignUnits } from "./explicit.ts";
import { planLayers } from "./plan.ts";

const unit = (id: string, references: readonly string[] = []): PlanUnit => ({
  id,
  label: id,
  name: id,
  size: 1,
  references,
});

const UNITS = [
  unit("app", ["lib", "app"]),
  unit("lib", ["libc"]),
  unit("libc"),
  unit("tool", ["libc", "none"]),
];

test("a layer has its members and what they refer to, but for what is in a layer before it", () => {
  assert.deepEqual(
    assignUnits(UNITS, [
      { members: ["lib"], ignore: [] },
      { members: ["app", "tool"], ignore: [] },
      { members: ["libc", "unknown"], ignore: [] },
    ]),
    [["lib", "libc"], ["app", "tool"], []],
  );
});

test("what is ignored goes into a later layer", () => {
  assert.deepEqual(
    assignUnits(UNITS, [
      { members: ["app"], ignore: ["lib"] },
      { members: ["lib"], ignore: [] },
    ]),
    [["app", "libc"], ["lib"]],
  );
});

test("explicit layers are below those of every planner, and count", async () => {
  const units = [...UNITS, unit(ROOTFS_UNIT_ID)];
  for (const planner of ["bySizeAndChange", "autoLayer", "popularity", "single"]) {
    const plan = await planLayers(units, { maxLayers: 4, planner, explicit: [["libc"], [], ["lib"]] });
    const [first, second, ...rest] = plan.layers.map((layer) => layer.units);
    assert.deepEqual([first, second], [["libc"], ["lib"]], planner);
    assert.deepEqual(rest.flat().sort(), [ROOTFS_UNIT_ID, "app", "tool"].sort(), planner);
    assert.ok(plan.layers.length <= 4);
  }
});

test("the planner single makes one layer of everything", async () => {
  const units = [...UNITS, unit(ROOTFS_UNIT_ID)];
  const plan = await planLayers(units, { maxLayers: 127, planner: "single" });
  assert.deepEqual(
    plan.layers.map((layer) => layer.units),
    [units.map(({ id }) => id).sort()],
  );
  assert.deepEqual((await planLayers([], { maxLayers: 2, planner: "single" })).layers, []);
});

test("explicit layers that leave none are refused with TOO_FEW_LAYERS", async () => {
  await assert.rejects(
    planLayers(UNITS, { maxLayers: 2, explicit: [["libc"], ["lib"]] }),
    (error: LayersError) => error.code === "TOO_FEW_LAYERS" && /image\.ts describes 2/.test(error.message),
  );
});
