// The measurement of layers is the same on every machine: what docs/measurements.md says of it is current, and it holds.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { benchLayers, formatLayerTable, sumRows } from "../../bench/layers.ts";

const rowsOf = new Map([
  [100, await benchLayers(100)],
  [40, await benchLayers(40)],
]);

test("docs/measurements.md has the bytes that updates move", () => {
  const document = readFileSync(join(import.meta.dirname, "../../docs/measurements.md"), "utf8");
  const written = /<!-- layers -->\n([\s\S]*?)\n<!-- \/layers -->/.exec(document)?.[1];
  assert.equal(
    written,
    formatLayerTable(rowsOf.get(100)!, rowsOf.get(40)!),
    "run npm run bench -- layers --write",
  );
});

test("bySizeAndChange moves the fewest bytes, and at most half of what popularity does", () => {
  for (const [maxLayers, rows] of rowsOf) {
    const total = sumRows(rows, ({ pushed }) => pushed);
    assert.ok(total["bySizeAndChange"]! < total["autoLayer"]!);
    assert.ok(total["bySizeAndChange"]! <= total["popularity"]! / 2, JSON.stringify(total));
    // What no planner can be below; with few layers more must be together.
    const least = rows.reduce((sum, row) => sum + row.least, 0);
    assert.ok(total["bySizeAndChange"]! <= least * (maxLayers === 100 ? 1.02 : 1.08));
    const pulled = sumRows(rows, ({ pulledByChain }) => pulledByChain);
    assert.ok(pulled["bySizeAndChange"]! < Math.min(pulled["autoLayer"]!, pulled["popularity"]!));
  }
});
