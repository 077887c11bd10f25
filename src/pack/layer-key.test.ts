import assert from "node:assert/strict";
import { test } from "node:test";
import { layerContents } from "../../test/kit/images.ts";
import { makeTree, type TreeDescription } from "../../test/kit/trees.ts";
import { computeLayerKey } from "./layer-key.ts";

function key(tree: TreeDescription, codecId = "none", mtimeSeconds = 1): string {
  return computeLayerKey(layerContents(makeTree(tree)), codecId, mtimeSeconds);
}

const BASE: TreeDescription = { "etc/": {}, "etc/a": "1", "etc/l": { target: "a" } };

test("the key is stable", () => {
  assert.equal(key(BASE), "68f50c564b9f478492fc978d49a192a22aa8196e65322412f863251a2d50537d");
});

const CHANGES: readonly { summary: string; key: string }[] = [
  { summary: "a name", key: key({ "etc/": {}, "etc/b": "1", "etc/l": { target: "a" } }) },
  { summary: "a content", key: key({ ...BASE, "etc/a": "2" }) },
  { summary: "a mode", key: key({ ...BASE, "etc/a": { text: "1", mode: 0o600 } }) },
  { summary: "an owner", key: key({ ...BASE, "etc/a": { text: "1", uid: 1 } }) },
  { summary: "a group", key: key({ ...BASE, "etc/": { gid: 1 } }) },
  { summary: "a link's target", key: key({ ...BASE, "etc/l": { target: "b" } }) },
  { summary: "an entry more", key: key({ ...BASE, "etc/z": "" }) },
  { summary: "the codec", key: key(BASE, "zstd:1.5.7:l3:8MiB") },
  { summary: "the time", key: key(BASE, "none", 2) },
];

for (const { summary, key: changed } of CHANGES) {
  test(`the key changes with ${summary}`, () => {
    assert.notEqual(changed, key(BASE));
    assert.equal(CHANGES.filter((one) => one.key === changed).length, 1);
  });
}

test("hard links matter where there are two names, whatever their inode is called", () => {
  const linked = (a: string | undefined, b: string | undefined) =>
    key({
      a: { text: "x", ...(a === undefined ? {} : { inode: a }) },
      b: { text: "x", ...(b === undefined ? {} : { inode: b }) },
    });
  assert.equal(linked("1", "1"), linked("2", "2"));
  assert.equal(linked("1", "2"), linked(undefined, undefined));
  assert.notEqual(linked("1", "1"), linked("1", "2"));
});

test("what the layer is called, and where its contents lie, are no part of the key", () => {
  const contents = layerContents(makeTree(BASE));
  const other = { ...contents, comment: "other", units: ["x"], reason: "other" };
  assert.equal(computeLayerKey(other, "none", 1), computeLayerKey(contents, "none", 1));
});

test("the key changes with the form, and with the order of store paths", () => {
  const contents = layerContents(makeTree(BASE));
  const keys = [undefined, ["/nix/store/a", "/nix/store/b"], ["/nix/store/b", "/nix/store/a"]].map(
    (storePaths) => computeLayerKey({ ...contents, storePaths }, "none", 1),
  );
  assert.equal(new Set(keys).size, 3);
});
