import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeTree, type TreeDescription } from "../../test/kit/trees.ts";
import { comparePaths } from "../model/bytes.ts";
import type { LayerContents, LayerPlan } from "../model/layer-plan.ts";
import { composeLayers, type Directories } from "./contents.ts";

function unit(id: string, tree: TreeDescription) {
  return { id, label: `${id} 1.0`, entries: makeTree(tree).entries };
}

function directories(tree: TreeDescription): Directories {
  return new Map(
    makeTree(tree).entries.flatMap((entry) => (entry.type === "directory" ? [[entry.path, entry]] : [])),
  );
}

function plan(...layers: string[][]): LayerPlan {
  return { planner: "test", layers: layers.map((units) => ({ units, reason: "test" })) };
}

function dump({ entries }: LayerContents): string[] {
  return entries.map(
    ({ path, type, mode, uid, gid }) => `/${path}: ${type} ${mode.toString(8)} ${uid}:${gid}`,
  );
}

test("parents come with every entry, as the whole root file system has them", () => {
  const layers = composeLayers(
    plan(["a"], ["b", "rootfs"]),
    [
      unit("rootfs", { "var/lib/redis/": { mode: 0o750, uid: 7 } }),
      unit("b", { "usr/bin/b": "b", "usr/lib/": { mode: 0o700 } }),
      unit("a", { "usr/bin/a": "a", "usr/": { mode: 0o700 } }),
    ],
    directories({ "usr/": { mode: 0o775 }, "usr/lib/": { mode: 0o711 }, "var/": { mode: 0o750, gid: 3 } }),
  );
  assert.deepEqual(layers.map(dump), [
    ["/usr: directory 775 0:0", "/usr/bin: directory 755 0:0", "/usr/bin/a: file 644 0:0"],
    [
      "/usr: directory 775 0:0",
      "/usr/bin: directory 755 0:0",
      "/usr/bin/b: file 644 0:0",
      "/usr/lib: directory 711 0:0",
      "/var: directory 750 0:3",
      "/var/lib: directory 755 0:0",
      "/var/lib/redis: directory 750 7:0",
    ],
  ]);
  assert.deepEqual(
    layers.map(({ comment, units }) => ({ comment, units })),
    [
      { comment: "a 1.0", units: ["a"] },
      { comment: "b 1.0, rootfs 1.0", units: ["b", "rootfs"] },
    ],
  );
});

test("the root directory is there only when it is not what every runtime makes it", () => {
  const units = [unit("a", { "/": {}, a: "a" })];
  assert.deepEqual(dump(composeLayers(plan(["a"]), units, new Map())[0]!), ["/a: file 644 0:0"]);
  const [layer] = composeLayers(plan(["a"]), units, directories({ "/": { mode: 0o700 } }));
  assert.deepEqual(dump(layer!), ["/: directory 700 0:0", "/a: file 644 0:0"]);
});

test("a unit of no entries makes a layer of none", () => {
  assert.deepEqual(dump(composeLayers(plan(["a"]), [unit("a", {})], new Map())[0]!), []);
});

test("a file in two units, and a unit that is not there, are our own mistakes", () => {
  const units = [unit("a", { "etc/x": "1" }), unit("b", { "etc/x": "2" })];
  assert.throws(
    () => composeLayers(plan(["a"], ["b"]), units, new Map()),
    /internal error: etc\/x is in the units a and b/,
  );
  assert.throws(() => composeLayers(plan(["c"]), units, new Map()), /internal error: .* c,/);
});

test("whatever the order of units: sorted, whole, and nothing but directories twice", () => {
  const name = fc.constantFrom("a", "b", "c", "d-e", "d");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const files = fc.uniqueArray(path, { maxLength: 20 }).map((paths) =>
    // A path that is the directory of another cannot be a file.
    paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`))),
  );
  fc.assert(
    fc.property(files, fc.infiniteStream(fc.integer({ min: 0, max: 2 })), (paths, owners) => {
      const trees: Record<string, string>[] = [{}, {}, {}];
      for (const one of paths) trees[owners.next().value!]![one] = one;
      const units = trees.map((tree, i) => unit(String(i), tree));
      const layers = composeLayers(plan(["0"], ["2", "1"]), units, new Map());
      assert.deepEqual(composeLayers(plan(["0"], ["2", "1"]), units.toReversed(), new Map()), layers);
      const seen: string[] = [];
      for (const { entries } of layers) {
        const all = entries.map((entry) => entry.path as string);
        assert.deepEqual(all, all.toSorted(comparePaths));
        const present = new Set([
          "",
          ...entries.filter((one) => one.type === "directory").map((one) => one.path as string),
        ]);
        for (const one of all)
          assert.ok(present.has(one.slice(0, Math.max(0, one.lastIndexOf("/")))), `parent of ${one}`);
        seen.push(...entries.filter((one) => one.type !== "directory").map((one) => one.path as string));
      }
      assert.deepEqual(seen.toSorted(), paths.toSorted());
    }),
  );
});
