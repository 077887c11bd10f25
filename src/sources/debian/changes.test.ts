import assert from "node:assert/strict";
import { test } from "node:test";
import type { LockSection } from "../../model/lock.ts";
import { describeChanges } from "./changes.ts";

function section(versions: Readonly<Record<string, string>>, sha256 = "0"): LockSection {
  return {
    source: "debian",
    scope: { architecture: "amd64" },
    requests: {},
    releases: {},
    packages: Object.fromEntries(
      Object.entries(versions).map(([name, version]) => [
        name,
        {
          name,
          version,
          architecture: "amd64",
          release: "bookworm",
          path: "pool/x",
          size: 1,
          sha256,
          dependencies: [],
        },
      ]),
    ),
  };
}

test("what an update changed, sorted, in dpkg's order of versions", () => {
  const before = section({ b: "1.9", a: "1:1", c: "1.0~rc1", same: "1", z: "1", eq: "1.0" });
  const after = section({ b: "1.10", a: "2", c: "1.0", same: "1", n: "3", eq: "1.0-0" });
  assert.deepEqual(describeChanges(before, after), [
    { kind: "downgraded", name: "a", from: "1:1", to: "2" },
    { kind: "upgraded", name: "b", from: "1.9", to: "1.10" },
    { kind: "upgraded", name: "c", from: "1.0~rc1", to: "1.0" },
    { kind: "replaced", name: "eq", from: "1.0", to: "1.0-0" },
    { kind: "added", name: "n", to: "3" },
    { kind: "removed", name: "z", from: "1" },
  ]);
});

test("new and vanished sections, and files of the same version", () => {
  assert.deepEqual(describeChanges(undefined, section({ a: "1" })), [{ kind: "added", name: "a", to: "1" }]);
  assert.deepEqual(describeChanges(section({ a: "1" }), undefined), [
    { kind: "removed", name: "a", from: "1" },
  ]);
  assert.deepEqual(describeChanges(section({ a: "1" }), section({ a: "1" })), []);
  assert.deepEqual(describeChanges(section({ a: "1" }), section({ a: "1" }, "1")), [
    { kind: "replaced", name: "a", from: "1", to: "1" },
  ]);
});
