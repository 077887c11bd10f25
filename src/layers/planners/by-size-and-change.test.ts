import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PlanUnit } from "../../model/layer-plan.ts";
import { planLayers } from "../plan.ts";
import { LARGEST_SHARED_LAYER, SMALLEST_OWN_LAYER } from "./by-size-and-change.ts";

const KIB = 1024;

function unit(id: string, size: number, more: Partial<PlanUnit> = {}): PlanUnit {
  return { id, label: id, name: id, size, references: [], updates: 0, ...more };
}

/** `a | b c | rootfs` */
async function draw(units: readonly PlanUnit[], maxLayers: number): Promise<string> {
  const { layers } = await planLayers(units, { maxLayers });
  return layers.map((layer) => layer.units.join(" ")).join(" | ");
}

const store = (letter: string, name: string) => `/nix/store/${letter.repeat(32)}-${name}`;

const CASES: readonly { summary: string; units: readonly PlanUnit[]; maxLayers: number; plan: string }[] = [
  { summary: "nothing", units: [], maxLayers: 10, plan: "" },
  {
    summary: "64 KiB is enough for a layer, a byte less is not",
    units: [unit("big", 64 * KIB), unit("small", 64 * KIB - 1), unit("empty", 0)],
    maxLayers: 10,
    plan: "big | empty small",
  },
  {
    summary: "small ones of one origin that are large together have a layer",
    units: [unit("a", 40 * KIB, { origin: "x" }), unit("b", 40 * KIB, { origin: "x" }), unit("c", 1)],
    maxLayers: 10,
    plan: "c | a b",
  },
  {
    summary: "small ones are with the largest of their origin",
    units: [unit("a", 1, { origin: "x" }), unit("b", 1e6, { origin: "x" }), unit("c", 2e6, { origin: "x" })],
    maxLayers: 10,
    plan: "a c | b",
  },
  {
    summary: "layers of an origin become one before anything is shared",
    units: [unit("a", 1e6), unit("b", 1e6, { origin: "x" }), unit("c", 2e6, { origin: "x" })],
    maxLayers: 2,
    plan: "a | b c",
  },
  {
    summary: "the smallest origins share first",
    units: [unit("a", 3e6), unit("b", 200e3), unit("c", 300e3), unit("d", 4e6)],
    maxLayers: 3,
    plan: "a | b c | d",
  },
  {
    summary: "what was updated most is on top",
    units: [unit("a", 1e6, { updates: 9 }), unit("b", 1e6, { updates: 1 }), unit("c", 1e6)],
    maxLayers: 9,
    plan: "c | b | a",
  },
  {
    summary: "what the user makes is above, however small it is",
    units: [unit("a", 1, { volatile: true }), unit("b", 1e6, { updates: 9 }), unit("rootfs", 5)],
    maxLayers: 9,
    plan: "b | a | rootfs",
  },
  {
    summary: "one layer is for all",
    units: [unit("b", 1e6), unit("a", 1e6, { volatile: true })],
    maxLayers: 1,
    plan: "a b",
  },
  {
    summary: "outputs of a derivation are together, and what refers to others is above them",
    units: [
      unit(store("a", "app-1.0"), 1e6, { updates: undefined, references: [store("b", "libz-1.2")] }),
      unit(store("b", "libz-1.2"), 1e6, { updates: undefined }),
      unit(store("c", "libz-1.2-dev"), 1e3, { updates: undefined, references: [store("b", "libz-1.2")] }),
    ],
    maxLayers: 9,
    plan: `${store("b", "libz-1.2")} ${store("c", "libz-1.2-dev")} | ${store("a", "app-1.0")}`,
  },
];

for (const { summary, units, maxLayers, plan } of CASES) {
  test(`bySizeAndChange: ${summary}`, async () => assert.equal(await draw(units, maxLayers), plan));
}

/** Units of few origins and every size, with versions that do not matter to where they go. */
const image = fc.uniqueArray(
  fc.record({
    name: fc.integer({ min: 0, max: 9999 }).map((n) => `p${n}`),
    origin: fc.integer({ min: 0, max: 40 }).map((n) => `source-${n}`),
    size: fc.oneof(fc.integer({ min: 0, max: SMALLEST_OWN_LAYER }), fc.integer({ min: 0, max: 5e6 })),
  }),
  { selector: ({ name }) => name, minLength: 5, maxLength: 60 },
);

const toUnit = (version: number) => (one: { name: string; origin: string; size: number }) =>
  unit(`${one.name}/${version}`, one.size, one);

async function layersOf(units: readonly PlanUnit[], maxLayers: number): Promise<Set<string>> {
  const { layers } = await planLayers(units, { maxLayers });
  return new Set(layers.map((layer) => layer.units.join(" ")));
}

const bytesOf = (layers: Iterable<string>, units: readonly PlanUnit[]) => {
  const sizes = new Map(units.map(({ id, size }) => [id, size]));
  return [...layers].flatMap((layer) => layer.split(" ")).reduce((sum, id) => sum + sizes.get(id)!, 0);
};

test("an update of one source moves that source, and no more than one shared layer", async () => {
  await fc.assert(
    fc.asyncProperty(image, async (units) => {
      const changed = units[0]!.origin;
      const before = units.map(toUnit(1));
      const after = units.map((one) => toUnit(one.origin === changed ? 2 : 1)(one));
      const old = await layersOf(before, 127);
      const moved = [...(await layersOf(after, 127))].filter((layer) => !old.has(layer));
      const own = after.filter(({ origin }) => origin === changed).reduce((sum, { size }) => sum + size, 0);
      assert.ok(bytesOf(moved, after) <= own + LARGEST_SHARED_LAYER, moved.join("\n"));
    }),
    { numRuns: 100 },
  );
});

test("a package more or less moves its source, and no more than one shared layer", async () => {
  await fc.assert(
    fc.asyncProperty(image, async (units) => {
      const all = units.map(toUnit(1));
      const [added, ...before] = all;
      const [small, large] = [await layersOf(before, 127), await layersOf(all, 127)];
      const own = all
        .filter(({ origin }) => origin === added!.origin)
        .reduce((sum, { size }) => sum + size, 0);
      for (const [from, to] of [
        [small, large],
        [large, small],
      ] as const) {
        const moved = [...to].filter((layer) => !from.has(layer));
        assert.ok(bytesOf(moved, all) <= own + 2 * LARGEST_SHARED_LAYER, moved.join("\n"));
      }
    }),
    { numRuns: 100 },
  );
});

test("thousands of units in few layers, in no time", async () => {
  const units = Array.from({ length: 10_000 }, (_, i) => unit(`u${i}`, (i * 7919) % 3_000_000));
  const { layers } = await planLayers(units, { maxLayers: 100 });
  assert.ok(layers.length > 30 && layers.length <= 100, String(layers.length));
});
