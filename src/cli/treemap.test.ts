import assert from "node:assert/strict";
import { test } from "node:test";
import type { PackageSizes, SizedPackage } from "../closure/package-sizes.ts";
import { drawTreemap } from "./treemap.ts";

/** `[name, own size, added size, dominator]`; each refers to the next. */
function measured(...rows: readonly [string, number, number, string?][]): PackageSizes {
  const packages = rows.map(([id, ownSize, addedSize, dominator], i): SizedPackage => {
    const next = rows[i + 1]?.[0];
    const evidence = [{ kind: "elf-needed", token: "lib<b>.so" }];
    return {
      ...{ id, label: `${id} 1.0`, isRoot: i === 0, ownSize, closureSize: addedSize, addedSize, dominator },
      references: next === undefined ? [] : [{ from: id, to: next, evidence }],
    };
  });
  return { starts: [rows[0]![0]], packages: new Map(packages.map((one) => [one.id, one])) };
}

interface Drawn {
  readonly tooltip: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function boxesOf(svg: string): Drawn[] {
  const pattern =
    /<g><title>([^<]*)<\/title><rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"[^>]*\/>(?:<text [^>]*>[^<]*<\/text>)?<\/g>/g;
  return [...svg.matchAll(pattern)].map(([, tooltip, x, y, width, height]) => ({
    ...{ tooltip: tooltip!, x: Number(x), y: Number(y) },
    ...{ width: Number(width), height: Number(height) },
  }));
}

const SIZES = measured(
  ["app", 1000, 9000],
  ["lib", 2000, 5000, "app"],
  ["data", 3000, 3000, "lib"],
  ["shared", 3000, 3000, "app"],
);

test("a box lies inside the box of what alone brings it, and is as large as its bytes", async () => {
  const boxes = boxesOf(await drawTreemap("app", SIZES));
  const find = (name: string) => boxes.find(({ tooltip }) => tooltip.startsWith(name))!;
  const [app, lib, data, shared] = ["app 1.0", "lib 1.0", "data 1.0", "shared 1.0"].map(find) as [
    Drawn,
    Drawn,
    Drawn,
    Drawn,
  ];
  const isInside = (inner: Drawn, outer: Drawn) =>
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height;
  assert.ok(isInside(lib, app) && isInside(data, lib) && isInside(shared, app));
  assert.ok(!isInside(shared, lib));
  assert.equal(boxes.filter(({ tooltip }) => tooltip.startsWith("own files")).length, 2);
  const area = ({ width, height }: Drawn) => width * height;
  assert.ok(Math.abs(area(lib) / area(shared) - 5 / 3) < 0.2, `${area(lib)} to ${area(shared)}`);
});

test("a pointer is told sizes, and who refers to it by what", async () => {
  const boxes = boxesOf(await drawTreemap("app", SIZES));
  assert.ok(
    boxes.some(
      ({ tooltip }) =>
        tooltip ===
        "data 1.0\nown 3.0 kB, added 3.0 kB, closure 3.0 kB\n← lib 1.0: elf-needed lib&lt;b&gt;.so",
    ),
  );
});

test("the same image is the same bytes, whatever the order of its packages", async () => {
  const turned = { ...SIZES, packages: new Map([...SIZES.packages].reverse()) };
  assert.equal(await drawTreemap("app", turned), await drawTreemap("app", SIZES));
});

test("names cannot leave their text", async () => {
  const svg = await drawTreemap('<script>"&\u0000', measured(["<a>&", 10, 10]));
  assert.ok(!/<script|<a>/.test(svg));
  assert.match(svg, /&lt;script&gt;&quot;&amp;�/);
  assert.match(svg, /&lt;a&gt;&amp; 1\.0/);
});
