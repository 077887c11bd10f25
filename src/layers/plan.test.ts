import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PlanUnit } from "../model/layer-plan.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import { LayersError } from "./errors.ts";
import { listPlanners, loadPlanner, planLayers, planProblem } from "./plan.ts";
import { planner, SMALLEST_OWN_LAYER } from "./planners/one-per-package.ts";

function unit(id: string, size: number, dependents = 0): PlanUnit {
  return { id, label: id, size, dependents };
}

const ROOTFS = unit(ROOTFS_UNIT_ID, 100);

/** `a | b c | rootfs` */
function draw(units: readonly PlanUnit[], maxLayers: number): string {
  return planner
    .plan(units, { maxLayers })
    .layers.map((layer) => layer.units.join(" "))
    .join(" | ");
}

test("the worked example of the planner's description", () => {
  const units = [
    unit("netbase", 20e3, 1),
    unit("redis-server", 2e6),
    ROOTFS,
    unit("libc6", 12e6, 9),
    unit("perl-base", 7e6),
  ];
  assert.equal(draw(units, 4), "libc6 | perl-base | netbase redis-server | rootfs");
});

const KIB = 1024;

const CASES: readonly { summary: string; units: readonly PlanUnit[]; maxLayers: number; plan: string }[] = [
  { summary: "nothing", units: [], maxLayers: 10, plan: "" },
  { summary: "the root file system alone", units: [ROOTFS], maxLayers: 10, plan: "rootfs" },
  {
    summary: "what is needed most comes first, then by id",
    units: [ROOTFS, unit("z", 1e6), unit("a", 1e6), unit("libc6", 1e6, 2)],
    maxLayers: 10,
    plan: "libc6 | a | z | rootfs",
  },
  {
    summary: "64 KiB is enough for a layer, a byte less is not",
    units: [unit("big", 64 * KIB), unit("small", 64 * KIB - 1), unit("empty", 0), ROOTFS],
    maxLayers: 10,
    plan: "big | empty small | rootfs",
  },
  {
    summary: "as many layers as allowed, all big",
    units: [unit("a", 3e6), unit("b", 2e6), unit("c", 1e6), ROOTFS],
    maxLayers: 4,
    plan: "a | b | c | rootfs",
  },
  {
    summary: "one more than allowed",
    units: [unit("a", 3e6), unit("b", 2e6), unit("c", 1e6), unit("d", 4e6), ROOTFS],
    maxLayers: 4,
    plan: "a | d | b c | rootfs",
  },
  {
    summary: "ties go by id",
    units: [unit("b", 1e6), unit("c", 1e6), unit("a", 1e6)],
    maxLayers: 2,
    plan: "a | b c",
  },
  {
    summary: "two layers",
    units: [unit("b", 1e6), ROOTFS, unit("a", 1e6)],
    maxLayers: 2,
    plan: "a b | rootfs",
  },
  { summary: "one layer", units: [unit("b", 1e6), ROOTFS, unit("a", 1e6)], maxLayers: 1, plan: "a b rootfs" },
];

for (const { summary, units, maxLayers, plan } of CASES) {
  test(`one-per-package: ${summary}`, () => assert.equal(draw(units, maxLayers), plan));
}

const anyUnits = fc
  .uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 4 }),
      size: fc.oneof(fc.integer({ min: 0, max: 3 * SMALLEST_OWN_LAYER }), fc.constant(SMALLEST_OWN_LAYER)),
      dependents: fc.integer({ min: 0, max: 4 }),
    }),
    { selector: (one) => one.id, maxLength: 40 },
  )
  .map((units) => units.map((one) => ({ ...one, label: one.id })));

for (const name of listPlanners()) {
  test(`the laws of a plan hold for ${name}`, async () => {
    const { plan, ...described } = await loadPlanner(name);
    assert.equal(described.name, name);
    fc.assert(
      fc.property(
        anyUnits.chain((units) =>
          fc.record({
            units: fc.constant(units),
            shuffled: fc.shuffledSubarray(units, { minLength: units.length }),
            withRootfs: fc.boolean(),
            maxLayers: fc.integer({ min: 1, max: 20 }),
          }),
        ),
        ({ units, shuffled, withRootfs, maxLayers }) => {
          const rootfs = withRootfs ? [ROOTFS] : [];
          const first = plan([...units, ...rootfs], { maxLayers });
          assert.equal(planProblem(first, [...units, ...rootfs], { maxLayers }), undefined);
          assert.deepEqual(
            plan([...rootfs, ...shuffled], { maxLayers }),
            first,
            "the order of units does not matter",
          );
        },
      ),
    );
  });
}

test("a plan that breaks a law is our own mistake, and is found", () => {
  const limits = { maxLayers: 2 };
  const units = [unit("a", 1), ROOTFS];
  const problem = (...layers: string[][]) =>
    planProblem({ planner: "x", layers: layers.map((ids) => ({ units: ids, reason: "" })) }, units, limits);
  assert.equal(problem(["a"], ["rootfs"]), undefined);
  assert.match(problem(["a"], [], ["rootfs"]) ?? "", /at most 2/);
  assert.match(problem(["a", "rootfs"], []) ?? "", /empty/);
  assert.match(problem(["rootfs"]) ?? "", /exactly once/);
  assert.match(problem(["a"], ["a", "rootfs"]) ?? "", /exactly once/);
  assert.match(problem(["a"], ["rootfs", "b"]) ?? "", /exactly once/);
  assert.match(problem(["rootfs"], ["a"]) ?? "", /last/);
});

test("a planner is found by its name, and a wrong name is told", async () => {
  const plan = await planLayers([unit("a", 1), ROOTFS], { maxLayers: 5 }, "one-per-package");
  assert.equal(plan.planner, "one-per-package");
  await assert.rejects(
    planLayers([], { maxLayers: 5 }, "one-per-pakage"),
    (error) =>
      error instanceof LayersError &&
      error.code === "UNKNOWN_PLANNER" &&
      /one-per-package/.test(error.hint ?? ""),
  );
});
