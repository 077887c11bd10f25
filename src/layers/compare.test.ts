import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescribedLayer } from "../model/layer-plan.ts";
import { compareLayers, computeTransfer } from "./compare.ts";
import { LayersError } from "./errors.ts";
import { parsePlanDocument } from "./plan-document.ts";

const layer = (key: string, size: number) => ({ key, size });

test("a registry gets what it has not, a chain breaks at the lowest change", () => {
  const old = [layer("a", 1), layer("b", 10), layer("c", 100)];
  const next = [layer("a", 1), layer("d", 1000), layer("c", 100)];
  assert.deepEqual(computeTransfer(next, old), { push: 1000, pullByChain: 1100 });
  assert.deepEqual(computeTransfer(old, old), { push: 0, pullByChain: 0 });
  assert.deepEqual(computeTransfer(old.slice(0, 2), old), { push: 0, pullByChain: 0 });
  assert.deepEqual(computeTransfer(next, []), { push: 1101, pullByChain: 1101 });
  assert.deepEqual(computeTransfer(next, [...old, layer("d", 1)], old), { push: 0, pullByChain: 1100 });
});

const CASES: readonly { summary: string; next: DescribedLayer; old: DescribedLayer; state: string }[] = [
  {
    summary: "digests decide",
    next: { comment: "a 1", digest: "x", contents: "k" },
    old: { comment: "a 1", digest: "y", contents: "k" },
    state: "new",
  },
  {
    summary: "contents decide where a digest is missing",
    next: { comment: "a 1", contents: "k" },
    old: { comment: "b 2", digest: "y", contents: "k" },
    state: "kept",
  },
  {
    summary: "other contents are no doubt",
    next: { comment: "a 1", contents: "k" },
    old: { comment: "a 1", contents: "l" },
    state: "new",
  },
  {
    summary: "a history that names versions is presumed to be right",
    next: { comment: "a 1.0-2", contents: "k" },
    old: { comment: "a 1.0-2", digest: "y" },
    state: "presumed",
  },
  {
    summary: "a history that names none tells nothing",
    next: { comment: "root file system", contents: "k" },
    old: { comment: "root file system", digest: "y" },
    state: "new",
  },
];

for (const { summary, next, old, state } of CASES) {
  test(`comparing: ${summary}`, () => {
    const { layers, gone } = compareLayers([next], [old]);
    assert.equal(layers[0]!.state, state);
    assert.equal(gone.length, state === "new" ? 1 : 0);
  });
}

test("sizes are those of blobs where they are known", () => {
  const comparison = compareLayers(
    [
      { comment: "", contents: "a", uncompressedSize: 30 },
      { comment: "", contents: "b", uncompressedSize: 300, digest: "b", compressedSize: 100 },
      { comment: "", contents: "c", uncompressedSize: 3000 },
    ],
    [{ comment: "", contents: "a" }],
  );
  assert.deepEqual(comparison.layers, [
    { state: "kept", size: 30, compressed: false },
    { state: "new", size: 100, compressed: true },
    { state: "new", size: 3000, compressed: false },
  ]);
  assert.equal(comparison.push, 3100);
  assert.equal(comparison.pullByChain, 3100);
});

const KEY = "0".repeat(64);
const GOOD = { comment: "a", contents: KEY, uncompressedSize: 5, units: [], reason: "" };

test("a plan as JSON is read, and what is none is refused", () => {
  assert.deepEqual(parsePlanDocument({ layers: [GOOD] }, "p.json"), [
    { comment: "a", contents: KEY, uncompressedSize: 5 },
  ]);
  const packed = { ...GOOD, digest: `sha256:${KEY}`, compressedSize: 3 };
  assert.equal(parsePlanDocument({ layers: [packed] }, "p.json")[0]!.compressedSize, 3);
  for (const value of [
    undefined,
    null,
    [],
    {},
    { layers: {} },
    { layers: [null] },
    { layers: [{ ...GOOD, comment: 1 }] },
    { layers: [{ ...GOOD, contents: "x" }] },
    { layers: [{ ...GOOD, uncompressedSize: -1 }] },
    { layers: [{ ...packed, digest: KEY }] },
    { layers: [{ ...packed, compressedSize: undefined }] },
  ]) {
    assert.throws(
      () => parsePlanDocument(value, "p.json"),
      (error) =>
        error instanceof LayersError && error.code === "NOT_COMPARABLE" && /p\.json/.test(error.message),
      JSON.stringify(value),
    );
  }
});
