import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compose,
  readPostinst,
  readText,
  reportsOf,
  show,
  withPostinst,
} from "../../../test/kit/packages.ts";

/** The lines of passwd and group that base-passwd does not have. */
async function accountsOf(script: string) {
  const root = await compose([withPostinst(script)]);
  const isNew = (line: string) =>
    /:x:(?:[1-9]\d\d|[1-9]\d{3}|\d{5}):/.test(line) && !/^(?:users|nobody|nogroup):/.test(line);
  return {
    users: readText(root, "etc/passwd").split("\n").filter(isNew),
    groups: readText(root, "etc/group").split("\n").filter(isNew),
    root,
  };
}

const CASES: readonly {
  summary: string;
  script: string;
  users: readonly string[];
  groups?: readonly string[];
}[] = [
  {
    summary: "adduser --system --group",
    script: "adduser --system --quiet --group --home /var/lib/redis --gecos 'Redis' redis",
    users: ["redis:x:100:101:Redis:/var/lib/redis:/usr/sbin/nologin"],
    groups: ["redis:x:101:"],
  },
  {
    summary: "adduser --system without a group",
    script: "adduser --system --no-create-home --home /run/sshd --shell /bin/false sshd",
    users: ["sshd:x:100:65534::/run/sshd:/bin/false"],
  },
  {
    summary: "addgroup, then adduser --ingroup",
    script: "addgroup --system memcache; adduser --system --ingroup memcache memcache",
    users: ["memcache:x:100:101::/nonexistent:/usr/sbin/nologin"],
    groups: ["memcache:x:101:"],
  },
  {
    summary: "a fixed uid, which the group takes too",
    script: "adduser --system --uid 555 --group a; adduser --system b",
    users: ["b:x:100:65534::/nonexistent:/usr/sbin/nologin", "a:x:555:555::/nonexistent:/usr/sbin/nologin"],
    groups: ["a:x:555:"],
  },
  {
    summary: "useradd --system takes ids from above",
    script:
      "useradd -r -d /x -s /bin/sh -c 'A B' a; groupadd --system g; useradd --system --gid g --groups users,www-data b",
    users: ["b:x:998:998::/home/b:/bin/sh", "a:x:999:999:A B:/x:/bin/sh"],
    groups: ["g:x:998:", "a:x:999:"],
  },
  {
    summary: "ordinary users",
    script: "adduser --disabled-password --gecos '' jo; useradd -M al",
    users: ["jo:x:1000:1000::/home/jo:/bin/bash", "al:x:1001:1001::/home/al:/bin/sh"],
    groups: ["jo:x:1000:", "al:x:1001:"],
  },
  {
    summary: "an account that exists is left as it is",
    script:
      "adduser --system --group a; adduser --system --home /other a; addgroup --system a; getent passwd a >/dev/null || adduser --system b",
    users: ["a:x:100:101::/nonexistent:/usr/sbin/nologin"],
    groups: ["a:x:101:"],
  },
  {
    summary: "memberships",
    script: "addgroup --system g; adduser --system a; adduser a g; usermod -a -G www-data a; gpasswd -a a g",
    users: ["a:x:100:65534::/nonexistent:/usr/sbin/nologin"],
    groups: ["g:x:101:a"],
  },
  {
    summary: "usermod",
    script: "adduser --system a; usermod -d /srv -s /bin/sh -c 'New' -g www-data a",
    users: ["a:x:100:33:New:/srv:/bin/sh"],
  },
  {
    summary: "questions",
    script:
      'adduser --system --group a\n[ "$(id -u a)" = 100 ] && [ "$(id -gn a)" = a ] && id -Gn a | grep -qw a && ! id none && [ "$(getent passwd a | cut -d: -f6)" = /nonexistent ] && ! getent group none && adduser --system ok',
    users: ["a:x:100:101::/nonexistent:/usr/sbin/nologin", "ok:x:101:65534::/nonexistent:/usr/sbin/nologin"],
    groups: ["a:x:101:"],
  },
];

for (const { summary, script, users, groups = [] } of CASES) {
  test(summary, async () => {
    const found = await accountsOf(script);
    assert.deepEqual({ users: found.users, groups: found.groups }, { users, groups });
  });
}

test("homes are made for their users, unless they exist, are not wanted or are nowhere", async () => {
  const { root } = await accountsOf(
    "adduser --system --group --home /var/lib/a a; adduser --system --home /var/lib/b --no-create-home b; mkdir -p /var/lib/c; adduser --system --home /var/lib/c c; adduser --system d; useradd -r -m -d /var/lib/e e",
  );
  assert.equal(show(root, "var/lib/a"), "d 0755 100:101");
  assert.equal(show(root, "var/lib/b"), undefined);
  assert.equal(show(root, "var/lib/c"), "d 0755 0:0");
  assert.equal(show(root, "nonexistent"), undefined);
  assert.equal(show(root, "var/lib/e"), "d 0700 999:999");
});

test("what is not known or not valid is reported, not guessed", async () => {
  const { root, users } = await accountsOf(
    "adduser --system $(unknown-program); adduser --system 'a:b'; adduser --system --ingroup none x",
  );
  assert.deepEqual(users, []);
  assert.deepEqual(reportsOf(root, "account-commands"), [
    "skip adduser at line 3: $(...) is not known",
    'skip adduser at line 3: "a:b" is no user name',
    'skip adduser at line 3: there is no group "none"',
  ]);
});

test("redis: the user is there when the next package owns its configuration", async () => {
  const root = await compose([
    {
      name: "redis-server",
      needs: ["redis-tools"],
      tree: { "etc/redis/redis.conf": "port 6379\n" },
      files: { postinst: readPostinst("redis-server") },
    },
    { name: "redis-tools", files: { postinst: readPostinst("redis-tools") } },
  ]);
  assert.match(readText(root, "etc/passwd"), /^redis:x:100:101::\/var\/lib\/redis:\/usr\/sbin\/nologin$/m);
  assert.equal(show(root, "etc/redis/redis.conf"), 'f 0640 100:101 "port 6379\\n"');
  assert.equal(show(root, "etc/redis"), "d 02770 100:101");
  assert.equal(show(root, "var/log/redis"), "d 02750 100:4");
  assert.equal(show(root, "var/lib/redis"), "d 0750 100:101");
});

test("a package beside the image makes its user all the same, and nothing of it is in the image", async () => {
  const { makePackage } = await import("../../../test/kit/packages.ts");
  const beside = [
    makePackage({
      name: "redis-tools",
      tree: { "usr/bin/redis-cli": "x" },
      files: { postinst: readPostinst("redis-tools") },
    }),
  ];
  const root = await compose([{ name: "redis-server", needs: ["redis-tools"] }], { beside });
  assert.match(readText(root, "etc/passwd"), /^redis:x:100:/m);
  assert.equal(show(root, "usr/bin/redis-cli"), undefined);
  assert.equal(show(root, "var/lib/dpkg/status.d/redis-tools"), undefined);
  assert.notEqual(show(root, "var/lib/dpkg/status.d/redis-server"), undefined);
});
