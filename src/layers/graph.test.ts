import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PlanUnit } from "../model/layer-plan.ts";
import { createGraph, findComponents, induceGraph, originOf, reach, tieKey } from "./graph.ts";
import { computePopularity } from "./popularity.ts";

const units = fc
  .array(fc.array(fc.integer({ min: 0, max: 14 }), { maxLength: 4 }), { maxLength: 15 })
  .map((references) =>
    references.map(
      (targets, i): PlanUnit => ({
        id: `u${i}`,
        label: "",
        name: `u${i}`,
        size: i,
        references: targets.map((target) => `u${target}`),
      }),
    ),
  );

test("components are the units that reach each other, and come after what they refer to", () => {
  fc.assert(
    fc.property(units, (vertices) => {
      const graph = createGraph(vertices);
      const reached = new Map(vertices.map((one) => [one, reach([one], graph.references)]));
      const components = findComponents(graph);
      assert.deepEqual(new Set(components.flat()), new Set(vertices));
      assert.equal(components.flat().length, vertices.length);
      const index = new Map(components.flatMap((members, i) => members.map((one) => [one, i] as const)));
      for (const one of vertices)
        for (const other of reached.get(one)!) {
          const mutual = reached.get(other)!.has(one);
          assert.equal(index.get(one) === index.get(other), mutual);
          assert.ok(index.get(other)! <= index.get(one)!);
        }
    }),
  );
});

/** nixpkgs' definition, word for word: exponential. */
function naivePopularity(graph: ReturnType<typeof createGraph>): Map<PlanUnit, bigint> {
  const count = (targets: readonly PlanUnit[]): Map<PlanUnit, bigint> => {
    const sums = new Map<PlanUnit, bigint>();
    const add = (one: PlanUnit, value: bigint) => sums.set(one, (sums.get(one) ?? 0n) + value);
    for (const target of targets) {
      add(target, 1n);
      for (const [one, value] of count(graph.references.get(target)!)) add(one, value + 1n);
    }
    return sums;
  };
  const referred = new Set([...graph.references.values()].flat());
  return count(graph.vertices.filter((one) => !referred.has(one)));
}

test("popularity is what nixpkgs defines, on every graph without circles", () => {
  fc.assert(
    fc.property(units, (vertices) => {
      const forward = vertices.map((one, i) => ({
        ...one,
        references: one.references.filter((id) => Number(id.slice(1)) > i),
      }));
      const graph = createGraph(forward);
      const expected = naivePopularity(graph);
      for (const [one, value] of computePopularity(graph)) assert.equal(value, expected.get(one), one.id);
    }),
  );
});

test("more than a word of units, and circles, have the popularity of what stands around them", () => {
  const chain = Array.from({ length: 100 }, (_, i) => ({
    id: `u${i}`,
    label: "",
    name: `u${i}`,
    size: 1,
    references: [`u${i + 1}`, ...(i === 50 ? ["u49"] : [])],
  }));
  const graph = createGraph(chain);
  const values = [...computePopularity(graph)].map(([{ id }, value]) => [id, value] as const);
  const of = new Map(values);
  assert.equal(of.get("u0"), 1n);
  assert.equal(of.get("u48"), 49n);
  assert.equal(of.get("u49"), 50n);
  assert.equal(of.get("u50"), 50n);
  assert.equal(of.get("u99"), 99n);
});

test("a part of a graph has the references that stay inside", () => {
  const [a, b, c] = ["b c", "c", ""].map((references, i) => ({
    id: "abc"[i]!,
    label: "",
    name: "abc"[i]!,
    size: 1,
    references: references.split(" "),
  })) as PlanUnit[] as [PlanUnit, PlanUnit, PlanUnit];
  const part = induceGraph(createGraph([a, b, c]), new Set([a, c]));
  assert.deepEqual(
    [...part.references],
    [
      [a, [c]],
      [c, []],
    ],
  );
});

const NAMES: readonly { name: string; key: string; origin: string }[] = [
  {
    name: "/nix/store/5491acbd352b44v1956av820c58cv06f-glibc-2.38-bin",
    key: "glibc-2.38-bin-/nix/store/5491acbd352b44v1956av820c58cv06f",
    origin: "glibc",
  },
  {
    name: "/nix/store/5491acbd352b44v1956av820c58cv06f-gtk+3-doc",
    key: "gtk+3-doc-/nix/store/5491acbd352b44v1956av820c58cv06f",
    origin: "gtk+3-doc",
  },
  { name: "libc6-dev", key: "libc6-dev", origin: "libc6-dev" },
  { name: "/srv/my-server-2", key: "server-2-/srv/my", origin: "/srv/my-server-2" },
];

for (const { name, key, origin } of NAMES) {
  test(`the key of ties and the origin of ${name}`, () => {
    const one = { id: "x", label: "", name, size: 0, references: [] };
    assert.equal(tieKey(one), key);
    assert.equal(originOf(one), origin);
    assert.equal(originOf({ ...one, origin: "given" }), "given");
  });
}
