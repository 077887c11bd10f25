import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type GraphShape, ReferenceGraph } from "./graph.ts";

/** Packages 0, 1, 2…, nodes with packages and sizes, edges between nodes; node 0 is the start. */
const shapes = fc.integer({ min: 2, max: 14 }).chain((nodes) =>
  fc
    .record({
      packages: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: nodes - 1, maxLength: nodes - 1 }),
      sizes: fc.array(fc.nat(9), { minLength: nodes - 1, maxLength: nodes - 1 }),
      edges: fc.array(fc.tuple(fc.nat(nodes - 1), fc.nat(nodes - 1)), { maxLength: 3 * nodes }),
    })
    .map(
      ({ packages, sizes, edges }): GraphShape => ({
        objects: Array.from({ length: 41 }, (_, i) => `package-${i}`),
        packages: [-1, ...packages],
        sizes: [0, ...sizes],
        from: edges.map(([from]) => from),
        to: edges.map(([, to]) => to),
        start: 0,
      }),
    ),
);

test("what a package adds is what is not reached without it, and the closest that brings it is known", () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const graph = new ReferenceGraph(shape);
      const dominance = graph.computeDominance();
      const losses = shape.objects.map((_, number) =>
        graph.cutEdges((_, to) => shape.packages[to] === number),
      );
      const dominatorsOf = (id: string) =>
        shape.objects.filter((other, number) => other !== id && losses[number]!.objects.includes(id));
      for (const [number, id] of shape.objects.entries()) {
        const { addedSize, dominator } = dominance.get(id)!;
        assert.equal(addedSize, losses[number]!.size, id);
        const dominators = dominatorsOf(id);
        if (dominators.length === 0) assert.equal(dominator, undefined);
        else assert.ok(dominators.includes(dominator!), id);
        for (const other of dominators) {
          assert.ok(!dominatorsOf(other).includes(dominator!), `${other} is between ${dominator} and ${id}`);
        }
      }
    }),
    { seed: 11, numRuns: 400 },
  );
});

test("a package is gone when none of its nodes is left", () => {
  // start → a1 → b → c, start → a2 → c
  const graph = new ReferenceGraph({
    objects: ["a", "b", "c"],
    packages: [-1, 0, 0, 1, 2],
    sizes: [0, 1, 2, 4, 8],
    from: [0, 0, 1, 3, 2],
    to: [1, 2, 3, 4, 4],
    start: 0,
  });
  assert.deepEqual(graph.cutPackages("a", "b"), { objects: ["b"], size: 4 });
  assert.deepEqual(graph.cutPackages("a", "c"), { objects: [], size: 0 });
  assert.deepEqual(
    graph.cutEdges((from, to) => from === 0 && to === 1),
    { objects: ["b"], size: 5 },
  );
  assert.deepEqual(
    [...graph.computeDominance()],
    [
      ["a", { addedSize: 15, dominator: undefined }],
      ["b", { addedSize: 4, dominator: "a" }],
      ["c", { addedSize: 8, dominator: "a" }],
    ],
  );
});
