import assert from "node:assert/strict";
import { test } from "node:test";
import { compose, readText, reportsOf, show } from "../../../test/kit/packages.ts";

test("Debian's static accounts are there without base-passwd", async () => {
  const root = await compose([{ name: "a" }]);
  assert.match(readText(root, "etc/passwd"), /^root:x:0:0:root:\/root:\/bin\/bash\n/);
  assert.match(readText(root, "etc/passwd"), /^www-data:x:33:33:www-data:\/var\/www:\/usr\/sbin\/nologin$/m);
  assert.match(
    readText(root, "etc/group"),
    /^root:x:0:\n(?:.*\n)*adm:x:4:\ntty:x:5:\n(?:.*\n)*nogroup:x:65534:\n$/,
  );
  assert.deepEqual(reportsOf(root, "accounts"), ["user 17 users and 38 groups of Debian's static ids"]);
});

test("base-passwd's own are taken where it is in the closure, even when its files are left out", async () => {
  const root = await compose([
    {
      name: "base-passwd",
      tree: {
        "usr/share/base-passwd/passwd.master":
          "root:*:0:0:root:/root:/bin/bash\nspecial:*:77:77::/:/bin/sh\n",
        "usr/share/base-passwd/group.master": "root:*:0:\nspecial:*:77:\n",
      },
      leftOut: ["usr/share/base-passwd"],
    },
  ]);
  assert.equal(readText(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\nspecial:x:77:77::/:/bin/sh\n");
  assert.equal(show(root, "usr/share/base-passwd/passwd.master"), undefined);
});

test("shadow files are secret, the others are not", async () => {
  const root = await compose([{ name: "a" }]);
  const attributes = (path: string) => show(root, path)?.split(" ").slice(0, 3).join(" ");
  assert.equal(attributes("etc/passwd"), "f 0644 0:0");
  assert.equal(attributes("etc/group"), "f 0644 0:0");
  assert.equal(attributes("etc/shadow"), "f 0640 0:42");
  assert.equal(attributes("etc/gshadow"), "f 0640 0:42");
  assert.match(readText(root, "etc/shadow"), /^root:\*::0:99999:7:::\n/);
});

test("a configured user that nobody makes is reported with the nearest name", async () => {
  assert.deepEqual(
    reportsOf(await compose([{ name: "a" }], { user: "www-date:nogruop" }), "configured-user"),
    [
      'skip no package makes the user "www-date" of the configuration. Did you mean "www-data"?',
      'skip no package makes the group "nogruop" of the configuration. Did you mean "nogroup"?',
    ],
  );
  for (const user of ["www-data", "1000:1000", "www-data:adm", ""]) {
    assert.deepEqual(reportsOf(await compose([{ name: "a" }], { user }), "configured-user"), []);
  }
});
