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
import type { TreeDescription } from "../../../test/kit/trees.ts";

const CASES: readonly {
  readonly summary: string;
  readonly script: string;
  readonly tree?: TreeDescription;
  readonly leftOut?: readonly string[];
  /** By path; undefined: nothing is there. */
  readonly expected: Readonly<Record<string, string | undefined>>;
}[] = [
  {
    summary: "mkdir",
    script: "mkdir -p /a/b; mkdir -m 750 /c; umask 077; mkdir /d",
    expected: { "a/b": "d 0755 0:0", c: "d 0750 0:0", d: "d 0700 0:0" },
  },
  {
    summary: "install",
    script:
      "install -d -m 2775 -o www-data -g adm /a; install -m 600 /x /a/y; install -D /x /b; install /dev/null /c",
    tree: { x: "X" },
    expected: { a: "d 02775 33:4", "a/y": 'f 0600 0:0 "X"', b: 'f 0755 0:0 "X"', c: 'f 0755 0:0 ""' },
  },
  {
    summary: "directories named after something of the machine",
    script:
      'install -o www-data -d "/var/lib/demo/$(uname -n)"; mkdir -p /var/lib/a/b/$(date)x/c; mkdir -p $(uname -n)/d',
    expected: {
      "var/lib/demo": "d 0755 0:0",
      "var/lib/a/b": "d 0755 0:0",
      "var/lib/a/b/c": undefined,
    },
  },
  {
    summary: "ln",
    script:
      "ln -s /x /l; ln -s y /d/; ln -sf /x /old; ln -s /x /kept || true; cd /d; ln -s ../x; ln -sfn /x /dirlink; ln /x /hard",
    tree: { x: "X", "d/": {}, old: { target: "gone" }, kept: "K", dirlink: { target: "d" } },
    expected: {
      l: "l /x",
      "d/y": "l y",
      old: "l /x",
      kept: 'f 0644 0:0 "K"',
      "d/x": "l ../x",
      dirlink: "l /x",
      hard: 'f 0644 0:0 "X"',
    },
  },
  {
    summary: "ln to what the closure left out makes no link",
    script:
      "ln -s /usr/share/man/x.1 /etc/y; ln -s /usr/share/man/x.1 /usr/share/man/y.1; ln -s /run/later /etc/z",
    tree: { "usr/share/man/x.1": "" },
    leftOut: ["usr/share/man"],
    expected: {
      "etc/y": undefined,
      "usr/share/man/y.1": undefined,
      "usr/share/man": undefined,
      "etc/z": "l /run/later",
    },
  },
  {
    summary: "cp",
    script:
      "cp -p /x /etc/a; cp /x /etc/; cp -n /x /kept; cp -r /t /u; cp -a /x /etc/b /u; cp /none /c || cp /x /c",
    tree: {
      x: { text: "X", mode: 0o600, uid: 33, gid: 33 },
      kept: "K",
      "t/sub/f": "F",
      "t/l": { target: "sub" },
    },
    expected: {
      "etc/a": 'f 0600 33:33 "X"',
      "etc/x": 'f 0600 0:0 "X"',
      kept: 'f 0644 0:0 "K"',
      "u/sub/f": 'f 0644 0:0 "F"',
      "u/l": "l sub",
      c: 'f 0600 0:0 "X"',
    },
  },
  {
    summary: "cp takes templates that the closure left out",
    script: "cp /usr/share/doc/x/example.conf /etc/x.conf",
    tree: { "usr/share/doc/x/example.conf": "C" },
    leftOut: ["usr/share/doc"],
    expected: { "etc/x.conf": 'f 0644 0:0 "C"' },
  },
  {
    summary: "mv, rm and rmdir",
    script: "mv /a /b; mv /d /e; rm -f /x /none; rm -rf /t; rmdir /empty /full",
    tree: { a: "A", "d/f": "F", x: "X", "t/y": "Y", "empty/": {}, "full/z": "Z" },
    expected: {
      a: undefined,
      b: 'f 0644 0:0 "A"',
      "e/f": 'f 0644 0:0 "F"',
      d: undefined,
      x: undefined,
      t: undefined,
      empty: undefined,
      "full/z": 'f 0644 0:0 "Z"',
    },
  },
  {
    summary: "touch, redirections and tee",
    script: "touch /a /kept; echo b >/b; echo c >>/b; umask 027; echo d | tee /d >/dev/null; : > /e",
    tree: { kept: "K" },
    expected: {
      a: 'f 0644 0:0 ""',
      kept: 'f 0644 0:0 "K"',
      b: 'f 0644 0:0 "b\\nc\\n"',
      e: 'f 0640 0:0 ""',
      d: 'f 0644 0:0 "d\\n"',
    },
  },
  {
    summary: "chown, chgrp and chmod",
    script:
      "chown www-data:adm /a; chown -R www-data: /d; chgrp adm /d/f; chmod -R o-rwx,g+w /d; chmod u+s /b; chown :33 /c; chmod --reference=/a /b || true",
    tree: { a: "", b: { mode: 0o755 }, c: "", "d/f": "", "d/l": { target: "f" } },
    expected: {
      a: 'f 0644 33:4 ""',
      d: "d 0770 33:33",
      "d/f": 'f 0660 33:4 ""',
      "d/l": "l f",
      b: 'f 04755 0:0 ""',
      c: 'f 0644 0:33 ""',
    },
  },
  {
    summary: "chown takes setuid off, and follows links",
    script: "chown adm-none /a || true; chown www-data /l",
    tree: { a: "", s: { mode: 0o4755 }, l: { target: "s" } },
    expected: { s: 'f 0755 33:0 ""', a: 'f 0644 0:0 ""' },
  },
  {
    summary: "owners reach every name of a hard link",
    script: "chown www-data /a",
    tree: { a: { text: "1", inode: "i" }, b: { text: "1", inode: "i" } },
    expected: { a: 'f 0644 33:0 "1"', b: 'f 0644 33:0 "1"' },
  },
  {
    summary: "dpkg-statoverride",
    script:
      "dpkg-statoverride --list /a || dpkg-statoverride --update --add root '#33' 2755 /a; dpkg-statoverride --list /a && chmod 0 /b",
    tree: { a: "", b: "" },
    expected: { a: 'f 02755 0:33 ""', b: 'f 00 0:0 ""' },
  },
  {
    summary: "scratch files are used and then forgotten",
    script:
      "t=$(mktemp); sed 's/x/y/' /etc/tpl > $t; chmod 644 $t; cp -p $t /etc/conf; d=`mktemp -d`; touch $d/z; rm -f $t",
    tree: { "etc/tpl": "x\n" },
    expected: { "etc/conf": 'f 0644 0:0 "y\\n"', tmp: "d 01777 0:0", "tmp/tmp.tare1": undefined },
  },
  {
    summary: "sed -i",
    script: "sed -i -e 's/^#*Port .*/Port 22/' /etc/conf; sed -i 's/a/b/;b end' /etc/other",
    tree: { "etc/conf": { text: "#Port 1\nx\n", mode: 0o600, uid: 33 }, "etc/other": "a\n" },
    expected: { "etc/conf": 'f 0600 33:0 "Port 22\\nx\\n"', "etc/other": 'f 0644 0:0 "a\\n"' },
  },
  {
    summary: "questions about files",
    script:
      '[ "$(readlink /l)" = a ] && [ "$(readlink -f /l)" = /a ] && [ "$(stat -c %U:%a /a)" = www-data:640 ] && cmp -s /a /b && [ "$(ls /d)" = f ] && [ "$(md5sum /a | cut -d" " -f1)" = 0cc175b9c0f1b6a831c399e269772661 ] && touch /ok',
    tree: { a: { text: "a", mode: 0o640, uid: 33 }, b: "a", l: { target: "a" }, "d/f": "" },
    expected: { ok: 'f 0644 0:0 ""' },
  },
  {
    summary: "find and xargs",
    script:
      "find /d -type f -name '*.conf' -exec chmod 600 {} +; find /d ! -user www-data -print0 | xargs -0 -r chown www-data; find /d -mindepth 1 -empty -delete; find /d -name f -o -name g | while read f; do echo $f >> /list; done",
    tree: { "d/a.conf": "1", "d/b": "2", "d/empty/": {}, "d/g": "3" },
    expected: {
      "d/a.conf": 'f 0600 33:0 "1"',
      "d/b": 'f 0644 33:0 "2"',
      "d/empty": undefined,
      list: 'f 0644 0:0 "/d/g\\n"',
    },
  },
  {
    summary: "what is not certain removes and replaces nothing",
    script: "if unknown-program; then rm -f /a; mv /a /b; echo x > /a; mkdir /new; fi",
    tree: { a: "A" },
    expected: { a: 'f 0644 0:0 "A"', b: undefined, new: "d 0755 0:0" },
  },
  {
    summary: "file capabilities fall back to setuid, as scripts do",
    script: "if setcap cap_net_raw+ep /bin/ping; then chmod u-s /bin/ping; else chmod u+s /bin/ping; fi",
    tree: { "bin/ping": { mode: 0o755 } },
    expected: { "usr/bin/ping": 'f 04755 0:0 ""' },
  },
  {
    summary: "paths of the kernel are left alone",
    script: "echo 1 > /proc/x; mkdir -p /sys/y /dev/z; ln -s a /dev/b",
    expected: { "proc/x": undefined, "sys/y": undefined, "dev/z": undefined, "dev/b": undefined },
  },
  {
    summary: "content that is not known does not get into the image",
    script:
      "unknown-program > /etc/a; unknown-program > /etc/kept; unknown-program >> /etc/b; echo x > /etc/c; unknown-program > /etc/t; mv /etc/t /etc/c",
    tree: { "etc/kept": "K" },
    expected: {
      "etc/a": undefined,
      "etc/kept": 'f 0644 0:0 "K"',
      "etc/b": undefined,
      "etc/c": 'f 0644 0:0 "x\\n"',
      "etc/t": undefined,
    },
  },
];

for (const { summary, script, tree = {}, leftOut = [], expected } of CASES) {
  test(summary, async () => {
    const root = await compose([withPostinst(script, { tree, leftOut })]);
    const found = Object.fromEntries(Object.keys(expected).map((path) => [path, show(root, path)]));
    assert.deepEqual(found, expected);
  });
}

test("an attribute of a package's file stays with the package", async () => {
  const root = await compose([withPostinst("chown www-data /etc/a", { tree: { "etc/a": "A" } })]);
  assert.ok(root.units[0]!.entries.some((entry) => entry.path === "etc/a" && entry.uid === 33));
  assert.ok(!root.additions.some((entry) => entry.path === "etc/a"));
});

test("a file that gets other content moves to the additions", async () => {
  const root = await compose([withPostinst("echo new > /etc/a", { tree: { "etc/a": "A" } })]);
  assert.ok(!root.units[0]!.entries.some((entry) => entry.path === "etc/a"));
  assert.ok(root.additions.some((entry) => entry.path === "etc/a"));
});

test("preinst does not see the files of its own package", async () => {
  const preinst = "#!/bin/sh\n[ -e /etc/a ] && touch /wrong\n[ -e /etc/b ] && touch /right\nexit 0\n";
  const root = await compose([
    { name: "x", tree: { "etc/a": "A" }, files: { preinst } },
    { name: "y", tree: { "etc/b": "B" } },
  ]);
  assert.equal(show(root, "wrong"), undefined);
  assert.equal(show(root, "right"), 'f 0644 0:0 ""');
});

test("nginx: logs, default site, start page and modules", async () => {
  const root = await compose([
    {
      name: "nginx-common",
      tree: {
        "etc/nginx/sites-available/default": "server {}",
        "etc/nginx/sites-enabled/": {},
        "etc/nginx/modules-enabled/": {},
        "var/log/nginx/": {},
        "usr/share/nginx/html/index.html": "Welcome",
      },
      files: { postinst: readPostinst("nginx-common") },
    },
    {
      name: "libnginx-mod-http-echo",
      needs: ["nginx-common"],
      tree: { "usr/share/nginx/modules-available/mod-http-echo.conf": "load_module x;" },
      files: { postinst: readPostinst("libnginx-mod-http-echo") },
    },
  ]);
  assert.equal(show(root, "etc/nginx/sites-enabled/default"), "l /etc/nginx/sites-available/default");
  assert.equal(show(root, "var/log/nginx/access.log"), 'f 0640 33:4 ""');
  assert.equal(show(root, "var/log/nginx"), "d 0755 0:4");
  assert.equal(readText(root, "var/www/html/index.nginx-debian.html"), "Welcome");
  assert.equal(
    show(root, "etc/nginx/modules-enabled/50-mod-http-echo.conf"),
    "l /usr/share/nginx/modules-available/mod-http-echo.conf",
  );
});

test("postgresql: users, directories and a file from a here-document", async () => {
  const root = await compose([
    {
      name: "postgresql-common",
      tree: {
        "var/lib/postgresql/": {},
        "var/log/postgresql/": {},
        "etc/postgresql/": {},
        "usr/share/postgresql-common/createcluster.conf": "ssl = off\n",
      },
      files: {
        postinst: readPostinst("postgresql-common"),
        templates: "Template: postgresql-common/ssl\nType: boolean\nDefault: true\n",
      },
    },
  ]);
  assert.match(
    readText(root, "etc/passwd"),
    /^postgres:x:100:101:PostgreSQL administrator:\/var\/lib\/postgresql:\/bin\/bash$/m,
  );
  assert.equal(show(root, "var/lib/postgresql"), "d 0755 100:101");
  assert.equal(show(root, "var/log/postgresql"), "d 01775 0:101");
  assert.equal(show(root, "run/postgresql"), "d 02775 100:101");
  assert.match(readText(root, "etc/postgresql-common/root.crt"), /^This is a dummy root certificate/);
  assert.equal(readText(root, "etc/postgresql-common/createcluster.conf"), "ssl = on\n");
});

test("what cannot be followed is reported with its line", async () => {
  const root = await compose([withPostinst("A=$(unknown-program)\nchown www-data $A\ncp $A /x\n")]);
  assert.deepEqual(reportsOf(root, "attribute-commands"), ["skip chown at line 4: $(...) is not known"]);
  assert.deepEqual(reportsOf(root, "file-commands"), ["skip cp at line 5: $(...) is not known"]);
});
