import assert from "node:assert/strict";
import { test } from "node:test";
import { makeTree } from "../../test/kit/trees.ts";
import type { BytePath } from "../model/bytes.ts";
import type { DirectoryEntry } from "../model/tree.ts";
import { listStorePaths } from "./store-paths.ts";

const A = `nix/store/${"a".repeat(32)}-a`;
const B = `nix/store/${"b".repeat(32)}-b`;
const unit = (tree: Parameters<typeof makeTree>[0]) => ({ entries: makeTree(tree).entries });
const inStore = (path: string) => unit({ [`${path}/`]: {}, [`${path}/bin/x`]: "x" });
const NONE = new Map<BytePath, DirectoryEntry>();

test("units that are store paths, in their order", () => {
  assert.deepEqual(listStorePaths([inStore(B), inStore(A)], NONE), [`/${B}`, `/${A}`]);
  assert.deepEqual(listStorePaths([unit({ [A]: "a file" })], NONE), [`/${A}`]);
});

test("anything else makes an ordinary layer", () => {
  assert.equal(listStorePaths([], NONE), undefined);
  assert.equal(listStorePaths([inStore(A), unit({ "etc/x": "x" })], NONE), undefined);
  assert.equal(listStorePaths([unit({ [`${A}/`]: {}, "etc/x": "x" })], NONE), undefined);
  assert.equal(listStorePaths([unit({ [`${A}/`]: {}, [`${B}/`]: {} })], NONE), undefined);
  assert.equal(listStorePaths([inStore(A), inStore(A)], NONE), undefined);
  assert.equal(listStorePaths([unit({ [`${A}/bin/x`]: "x" })], NONE), undefined, "without its own directory");
  assert.equal(listStorePaths([unit({ "nix/store/x": "x" })], NONE), undefined, "no store path's name");
  const owned = inStore(A).entries.map((entry) => ({ ...entry, uid: 1 }));
  assert.equal(listStorePaths([{ entries: owned }], NONE), undefined);
  assert.deepEqual(listStorePaths([{ entries: owned }], NONE, { uid: 1, gid: 0 }), [`/${A}`]);
  assert.equal(listStorePaths([inStore(A)], NONE, { uid: 1, gid: 0 }), undefined);
  const store = {
    path: "nix/store" as BytePath,
    type: "directory",
    mode: 0o1775,
    uid: 0,
    gid: 30000,
  } as const;
  assert.equal(listStorePaths([inStore(A)], new Map([[store.path, store]])), undefined);
});
