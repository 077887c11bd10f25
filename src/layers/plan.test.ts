import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PlanUnit } from "../model/layer-plan.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { LayeringPipeline } from "../model/layering-pipeline.ts";
import { LayersError } from "./errors.ts";
import {
  DEFAULT_PLANNER,
  listPlanners,
  loadPlanner,
  PIPELINE_PLANNER,
  planLayers,
  planProblem,
} from "./plan.ts";

function unit(id: string, size: number, references: readonly string[] = []): PlanUnit {
  return { id, label: id, name: id, size, references };
}

const ROOTFS = unit(ROOTFS_UNIT_ID, 100);
const ONE_EACH: LayeringPipeline = [["popularity_contest"], ["limit_layers", 3]];

const pipelineFor = (planner: string) => (planner === PIPELINE_PLANNER ? ONE_EACH : undefined);

const anyUnits = fc
  .uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 4 }),
      size: fc.oneof(fc.integer({ min: 0, max: 3 << 20 }), fc.constantFrom(0, 64 * 1024, 1 << 20)),
      origin: fc.option(fc.constantFrom("glibc", "gcc-12", "perl"), { nil: undefined }),
      updates: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
      volatile: fc.boolean(),
      present: fc.constantFrom(false, false, false, true),
    }),
    { selector: ({ id }) => id, maxLength: 40 },
  )
  .filter((units) => units.every(({ id }) => id !== ROOTFS_UNIT_ID))
  .chain((units) =>
    // References of any kind: circles, to itself, twice, to nothing.
    fc
      .array(fc.array(fc.constantFrom("nothing", ...units.map(({ id }) => id)), { maxLength: 4 }), {
        minLength: units.length,
        maxLength: units.length,
      })
      .map((references) =>
        units.map(
          (one, i): PlanUnit => ({ ...one, label: one.id, name: one.id, references: references[i]! }),
        ),
      ),
  );

for (const planner of listPlanners()) {
  test(`the laws of a plan hold for ${planner}`, async () => {
    assert.equal((await loadPlanner(planner)).name, planner);
    await fc.assert(
      fc.asyncProperty(
        anyUnits.chain((units) =>
          fc.record({
            units: fc.constant(units),
            shuffled: fc.shuffledSubarray(units, { minLength: units.length }),
            rootfs: fc.constantFrom([], [ROOTFS]),
            baseLayers: fc.integer({ min: 0, max: 3 }),
            room: fc.integer({ min: planner === PIPELINE_PLANNER ? 3 : 1, max: 12 }),
          }),
        ),
        async ({ units, shuffled, rootfs, baseLayers, room }) => {
          const maxLayers = baseLayers + rootfs.length + room;
          const options = { maxLayers, baseLayers, planner, pipeline: pipelineFor(planner) };
          const plan = await planLayers([...units, ...rootfs], options);
          const planned = plan.layers.flatMap((layer) => layer.units);
          const wanted = [...units, ...rootfs].filter(({ present }) => present !== true).map(({ id }) => id);
          assert.deepEqual(planned.toSorted(), wanted.toSorted(), "every unit exactly once");
          assert.ok(plan.layers.length + baseLayers <= maxLayers, "no more layers than allowed");
          assert.ok(plan.layers.every((layer) => layer.units.length > 0 && layer.reason !== ""));
          if (rootfs.length > 0 && planner !== "single")
            assert.deepEqual(plan.layers.at(-1)!.units, [ROOTFS_UNIT_ID]);
          if (planner === "single") assert.equal(plan.layers.length, Math.min(1, planned.length));
          assert.equal(plan.removed, undefined);
          assert.deepEqual(
            await planLayers([...rootfs, ...shuffled], options),
            plan,
            "order does not matter",
          );
        },
      ),
      { numRuns: 60 },
    );
  });
}

test("a plan that breaks a law is our own mistake, and is found", () => {
  const units = [unit("a", 1), unit("b", 1)];
  const problem = (layers: string[][], pipeline?: LayeringPipeline) =>
    planProblem(
      layers.map((ids) => ({ units: ids, reason: "" })),
      { units, others: [], available: 2, pipeline },
    );
  assert.equal(problem([["a"], ["b"]]), undefined);
  assert.match(problem([["a"], ["b"], ["a"]]) ?? "", /at most 2/);
  assert.match(problem([["a", "b"], []]) ?? "", /empty/);
  assert.match(problem([["a"]]) ?? "", /exactly once/);
  assert.equal(problem([["a"]], ONE_EACH), undefined);
  assert.match(problem([["a"], ["a", "b"]], ONE_EACH) ?? "", /exactly once/);
  assert.match(problem([["a"], ["b", "c"]], ONE_EACH) ?? "", /exactly once/);
});

const REFUSED: readonly {
  summary: string;
  options: Parameters<typeof planLayers>[1];
  code: string;
  message: RegExp;
  hint?: RegExp;
}[] = [
  {
    summary: "a planner that is not there",
    options: { maxLayers: 5, planner: "bySizeAndChanges" },
    code: "UNKNOWN_PLANNER",
    message: /no planner "bySizeAndChanges", only autoLayer, bySizeAndChange, pipeline, popularity, single/,
    hint: /bySizeAndChange/,
  },
  {
    summary: "a base image that leaves no room",
    options: { maxLayers: 4, baseLayers: 3 },
    code: "TOO_FEW_LAYERS",
    message: /base image has 3 and the root file system takes 1 of at most 4/,
    hint: /5 or more/,
  },
  {
    summary: "the planner pipeline without a pipeline",
    options: { maxLayers: 5, planner: "pipeline" },
    code: "PIPELINE_EXPECTED",
    message: /there is no layeringPipeline/,
  },
  {
    summary: "a pipeline for another planner",
    options: { maxLayers: 5, planner: "popularity", pipeline: ONE_EACH },
    code: "PIPELINE_EXPECTED",
    message: /takes no layeringPipeline/,
  },
  {
    summary: "a pipeline that leaves too many layers",
    options: { maxLayers: 2, pipeline: [["popularity_contest"]] },
    code: "TOO_MANY_LAYERS",
    message: /leaves 2, at most 1/,
    hint: /\["limit_layers", 1\]/,
  },
  {
    summary: "a pipeline that is none",
    options: { maxLayers: 5, pipeline: [["limit_layers", 0]] },
    code: "BAD_PIPELINE",
    message: /operation 1 \(limit_layers\): a whole number above 0/,
  },
];

for (const { summary, options, code, message, hint = /./ } of REFUSED) {
  test(`refused: ${summary}`, async () => {
    await assert.rejects(planLayers([unit("a", 1), unit("b", 1), ROOTFS], options), (error) => {
      assert.ok(error instanceof LayersError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      if (error.hint !== undefined || hint.source !== ".") assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

test("the default planner is there; what a pipeline removes is told", async () => {
  assert.equal((await planLayers([unit("a", 1)], { maxLayers: 2 })).planner, DEFAULT_PLANNER);
  const plan = await planLayers([unit("a", 1), unit("b", 1)], {
    maxLayers: 2,
    pipeline: [
      ["remove_paths", "a"],
      ["split_every", 1],
    ],
  });
  assert.deepEqual(plan.removed, ["a"]);
  assert.deepEqual(
    plan.layers.map((layer) => layer.units),
    [["b"]],
  );
});
