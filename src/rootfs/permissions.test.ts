import assert from "node:assert/strict";
import { test } from "node:test";
import { compose, idOf, show } from "../../test/kit/packages.ts";
import type { BytePath } from "../model/bytes.ts";
import { applyPermissions } from "./permissions.ts";

test("rules change owners and modes of the units' files that match, in their order", async () => {
  const root = await compose([
    {
      name: "a",
      tree: { "srv/a/": {}, "srv/a/file": "x", "srv/a/link": { target: "file" }, "srv/other": "x" },
    },
    { name: "b", tree: { "srv/a/": {}, "srv/b": "x" } },
  ]);
  const after = applyPermissions(root, [
    { units: new Set([idOf("a")]), regex: "^/srv/a(/|$)", mode: 0o700, uid: 33 },
    { units: new Set([idOf("a")]), regex: "file$", mode: 0o4711, gid: 44 },
  ]);
  assert.match(show(after, "srv/a")!, /^d 0700 33:0/);
  assert.match(show(after, "srv/a/file")!, /^f 04711 33:44/);
  assert.equal(after.merged.get("srv/a/link" as BytePath)?.uid, 33);
  assert.equal(show(after, "srv/other"), show(root, "srv/other"));
  assert.equal(show(after, "srv/b"), show(root, "srv/b"));
  const directory = (id: string) =>
    after.units.find((unit) => unit.id === id)!.entries.find(({ path }) => path === "srv/a");
  assert.deepEqual(directory(idOf("a")), directory(idOf("b")));
  assert.equal(applyPermissions(root, []), root);
});
