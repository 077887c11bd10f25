import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hasCapability,
  inheritedDescriptors,
  isLinux,
  listMounts,
  mountOf,
  parseMounts,
  parseSubordinateIds,
} from "./linux.ts";

const user = { uid: 1000, gid: 1000, name: "ann" };

test("subordinate ids by name or number, the first range that is one", () => {
  const cases: readonly [string, { start: number; count: number } | undefined][] = [
    ["ann:100000:65536\n", { start: 100000, count: 65536 }],
    ["bob:1:2\n1000:200000:10\nann:5:6", { start: 200000, count: 10 }],
    ["ann:100000:0\nann:x:1\nann:1\n", undefined],
    ["", undefined],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseSubordinateIds(text, user), expected);
});

test("mounts with the flags that must stay, and names with blanks", () => {
  const mounts = parseMounts(
    [
      "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
      "23 22 0:20 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw",
      "24 23 0:21 / /tmp/a\\040b ro,noexec,relatime - tmpfs tmpfs rw",
      "malformed",
    ].join("\n"),
  );
  assert.deepEqual(mounts, [
    { target: "/", flags: [] },
    { target: "/tmp", flags: ["nosuid", "nodev"] },
    { target: "/tmp/a b", flags: ["ro", "noexec"] },
  ]);
  assert.equal(mountOf("/tmp/a b/c", mounts)?.target, "/tmp/a b");
  assert.equal(mountOf("/tmp/ab", mounts)?.target, "/tmp");
  assert.equal(mountOf("/tmpx", mounts)?.target, "/");
});

test("this machine's own kernel answers", { skip: !isLinux() && "this is not Linux" }, () => {
  assert.ok(mountOf("/proc/self", listMounts()));
  assert.ok(inheritedDescriptors().every((fd) => fd > 2));
  assert.equal(typeof hasCapability("CapEff", "chown"), "boolean");
});
