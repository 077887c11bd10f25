import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { StoreObject } from "../model/store-object.ts";
import { computeDeclaredClosure, reachDeclared } from "./declared.ts";

const graph =
  (edges: Record<string, string[]>) =>
  (name: string): { references: string[] } | undefined =>
    edges[name] === undefined ? undefined : { references: edges[name] };

test("references come before referrers, and what is not reachable does not come", () => {
  const edges = graph({ app: ["lib", "tool"], tool: ["lib"], lib: ["libc"], other: ["libc"] });
  assert.deepEqual(reachDeclared(["app"], edges), ["libc", "lib", "tool", "app"]);
});

test("cycles end, and a reference to nothing known is a leaf", () => {
  assert.deepEqual(reachDeclared(["a"], graph({ a: ["b"], b: ["c", "gone"], c: ["a"] })), [
    "c",
    "gone",
    "b",
    "a",
  ]);
});

test("a chain deeper than the call stack is followed", () => {
  const order = reachDeclared(["0"], (name) => ({
    references: Number(name) < 200_000 ? [String(Number(name) + 1)] : [],
  }));
  assert.equal(order.length, 200_001);
});

test("any graph: every reachable name once, whatever the order of the roots", () => {
  const graphs = fc.dictionary(fc.constantFrom(..."abcdefgh"), fc.array(fc.constantFrom(..."abcdefgh")));
  fc.assert(
    fc.property(graphs, fc.uniqueArray(fc.constantFrom(..."abcdefgh")), (edges, roots) => {
      const order = reachDeclared(roots, graph(edges));
      assert.equal(new Set(order).size, order.length);
      const reached = new Set(order);
      for (const root of roots) assert.ok(reached.has(root));
      for (const name of order) for (const to of edges[name] ?? []) assert.ok(reached.has(to));
      assert.deepEqual(reachDeclared([...roots].reverse(), graph(edges)), order);
    }),
  );
});

function object(id: string, declaredReferences: string[], control: Record<string, string> = {}): StoreObject {
  return {
    id,
    label: id,
    placement: { kind: "at-root" },
    tree: {
      entries: [
        {
          path: `usr/include/${id}.h` as never,
          type: "file",
          mode: 0o644,
          uid: 0,
          gid: 0,
          size: 7,
          content: { kind: "bytes", bytes: new Uint8Array(7), sha256: "" },
        },
      ],
    },
    declaredReferences,
    package: {
      type: "deb",
      name: id,
      version: "1",
      architecture: "amd64",
      control: new Map(Object.entries(control)),
      controlFiles: new Map(),
    },
  };
}

test("edges say what declared them, and what was left out is counted", () => {
  const closure = computeDeclaredClosure([object("lib", []), object("app", ["lib", "lib"])], ["app"]);
  assert.deepEqual(closure.edges, [
    { from: "app", to: "lib", evidence: [{ kind: "declared", token: "lib" }] },
  ]);
  assert.deepEqual(closure.pruned, [{ name: "development files", files: 2, size: 14 }]);
  assert.deepEqual(
    closure.units.map((unit) => [unit.object.id, unit.entries.length]),
    [
      ["lib", 0],
      ["app", 0],
    ],
  );
});

test("a compiler, by its own declaration, keeps the headers of all", () => {
  const closure = computeDeclaredClosure(
    [object("lib", []), object("cc", ["lib"], { Provides: "c-compiler" })],
    ["cc"],
  );
  assert.deepEqual(closure.pruned, []);
  assert.equal(closure.units[0]?.entries.length, 1);
});
