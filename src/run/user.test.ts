import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveUser } from "./user.ts";

const PASSWD =
  "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n7:x:70:71::relative:/bin/sh\nbroken\n";
const GROUP = "root:x:0:\nstaff:x:50:app,other\nmedia:x:44:app\nagain:x:44:app\n";

const cases: readonly (readonly [string, string, number, number, readonly number[], string])[] = [
  ["nobody said: root", "", 0, 0, [], "/root"],
  ["a name", "app", 1000, 1001, [50, 44], "/home/app"],
  ["a number that has a name", "1000", 1000, 1001, [50, 44], "/home/app"],
  ["a number without one", "4321", 4321, 0, [], "/"],
  ["a name of digits is a name first", "7", 70, 71, [], "/"],
  ["a group by name takes the place of all groups", "app:staff", 1000, 50, [], "/home/app"],
  ["a group by number", "app:99", 1000, 99, [], "/home/app"],
  ["a group alone is root's", ":media", 0, 44, [], "/root"],
  ["an empty group is none", "app:", 1000, 1001, [50, 44], "/home/app"],
];

for (const [summary, user, uid, gid, groups, home] of cases) {
  test(summary, () => assert.deepEqual(resolveUser(user, PASSWD, GROUP), { uid, gid, groups, home }));
}

test("names that the image does not have are refused, with the nearest ones", () => {
  assert.throws(() => resolveUser("aap", PASSWD, GROUP), {
    code: "UNKNOWN_USER",
    hint: 'Did you mean "app"?',
  });
  assert.throws(() => resolveUser("app:stuff", PASSWD, GROUP), {
    code: "UNKNOWN_GROUP",
    hint: 'Did you mean "staff"?',
  });
  assert.throws(() => resolveUser("4294967295", "", ""), { code: "UNKNOWN_USER" });
  assert.throws(() => resolveUser("-1", "", ""), { code: "UNKNOWN_USER" });
});
