import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatGroup,
  formatGroupShadow,
  formatPasswd,
  formatShadow,
  isAccountName,
  parseGroup,
  parseId,
  parsePasswd,
} from "./passwd.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/bash\nredis:x:100:101::/var/lib/redis:/usr/sbin/nologin\n";
const GROUP = "root:x:0:\nssl-cert:x:102:postgres,www-data\n";

test("reads and writes passwd and group", () => {
  assert.deepEqual(parsePasswd(PASSWD)[1], {
    name: "redis",
    password: "x",
    uid: 100,
    gid: 101,
    gecos: "",
    home: "/var/lib/redis",
    shell: "/usr/sbin/nologin",
  });
  assert.equal(formatPasswd(parsePasswd(PASSWD)), PASSWD);
  assert.deepEqual(parseGroup(GROUP)[1]?.members, ["postgres", "www-data"]);
  assert.equal(formatGroup(parseGroup(GROUP)), GROUP);
});

test("leaves out lines that the C library ignores", () => {
  assert.deepEqual(parsePasswd("# comment\n\nshort:x:1\nbad:x:a:0:::/x\nhuge:x:4294967295:0:::/x\n"), []);
  assert.deepEqual(parseGroup("# c\nno:x:\nbad:x:-1:\n"), []);
});

test("cannot be made to write a line that was not meant", () => {
  const [user] = parsePasswd(PASSWD);
  assert.equal(
    formatPasswd([{ ...user!, gecos: "x:y\nevil:x:0:0:::" }]),
    "root:x:0:0:xyevilx00:/root:/bin/bash\n",
  );
});

test("writes locked passwords without a date", () => {
  assert.equal(
    formatShadow([
      { name: "root", locked: "*" },
      { name: "redis", locked: "!" },
    ]),
    "root:*::0:99999:7:::\nredis:!:::::::\n",
  );
  assert.equal(formatGroupShadow([{ name: "a", locked: "!", members: ["b", "c"] }]), "a:!::b,c\n");
});

test("knows account names and ids", () => {
  for (const name of ["redis", "_apt", "www-data", "Debian-exim", "systemd-network", "a.b", "machine$"]) {
    assert.ok(isAccountName(name), name);
  }
  for (const name of ["", "-x", "a b", "a:b", "100", ".", "..", "a/b", "x".repeat(40)]) {
    assert.ok(!isAccountName(name), name);
  }
  assert.equal(parseId("0"), 0);
  assert.equal(parseId("4294967294"), 4294967294);
  assert.equal(parseId("4294967295"), undefined);
  assert.equal(parseId("1x"), undefined);
});
