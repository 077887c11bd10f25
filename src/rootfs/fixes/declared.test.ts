import assert from "node:assert/strict";
import { test } from "node:test";
import { compose, readText, reportsOf, show } from "../../../test/kit/packages.ts";
import type { DeclaredFiles, DeclaredUser } from "../../model/image-spec.ts";
import type { RootFsError } from "../errors.ts";

const user = (name: string, more: Partial<DeclaredUser> = {}): DeclaredUser => ({
  name,
  home: `/home/${name}`,
  createHome: true,
  shell: "/usr/sbin/nologin",
  groups: [],
  ...more,
});

const declared = (parts: Partial<DeclaredFiles>) => ({
  declared: { users: [], directories: [], files: [], ...parts },
});

test("users get ids, groups, homes and lines in the account files", async () => {
  const users = [
    user("app", { uid: 1234, groups: ["audio"], comment: "The app" }),
    user("next"),
    user("in-group", { uid: 7777, gid: 1234, createHome: false }),
  ];
  const root = await compose([{ name: "a" }], declared({ users }));
  const passwd = readText(root, "etc/passwd");
  assert.match(passwd, /^app:x:1234:1234:The app:\/home\/app:\/usr\/sbin\/nologin$/m);
  assert.match(passwd, /^next:x:1000:1000::\/home\/next:/m);
  assert.match(passwd, /^in-group:x:7777:1234:/m);
  const group = readText(root, "etc/group");
  assert.match(group, /^audio:x:\d+:app$/m);
  assert.match(group, /^app:x:1234:$/m);
  assert.doesNotMatch(group, /^in-group:/m);
  assert.match(readText(root, "etc/shadow"), /^app:!:/m);
  assert.match(show(root, "home/app")!, /^d 0755 1234:1234/);
  assert.equal(show(root, "home/in-group"), undefined);
});

test("directories and files have their owners and modes, also where a package has them", async () => {
  const root = await compose(
    [{ name: "a", tree: { "data/": { mode: 0o755 }, "etc/app.conf": "packaged\n" } }],
    declared({
      users: [user("app", { uid: 1234 })],
      directories: [
        { path: "/data", mode: 0o750, owner: "app" },
        { path: "/var/deep/down/", mode: 0o1777, owner: "0:12" },
      ],
      files: [{ path: "/etc/app.conf", text: "é\n", mode: 0o600, owner: "app:audio" }],
    }),
  );
  assert.match(show(root, "data")!, /^d 0750 1234:1234/);
  assert.match(show(root, "var/deep/down")!, /^d 01777 0:12/);
  assert.match(show(root, "var/deep")!, /^d 0755 0:0/);
  assert.match(show(root, "etc/app.conf")!, /^f 0600 1234:29/);
  assert.equal(readText(root, "etc/app.conf"), "é\n");
  assert.match(reportsOf(root, "declared").join("\n"), /0750, of app, declared in image\.ts/);
});

test("owners and groups that nobody has are refused with UNKNOWN_OWNER", async () => {
  for (const [parts, problem] of [
    [
      { directories: [{ path: "/x", mode: 0o755, owner: "nobdy" }] },
      /give a file to nobdy: there is no such user/,
    ],
    [
      { directories: [{ path: "/x", mode: 0o755, owner: "root:nogrp" }] },
      /to root:nogrp: there is no such group/,
    ],
    [
      { users: [user("app", { groups: ["wheel"] })] },
      /add the user app to the group wheel: there is no such group/,
    ],
  ] as const) {
    await assert.rejects(
      compose([{ name: "a" }], declared(parts)),
      (error: RootFsError) =>
        error.code === "UNKNOWN_OWNER" && problem.test(error.message) && error.hint !== undefined,
    );
  }
});
