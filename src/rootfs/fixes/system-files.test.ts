// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell text
// What the fixes make that no script asks for: skeleton, sysusers, tmpfiles, units, libraries, certificates, records.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeElf } from "../../../test/kit/make-elf.ts";
import { compose, readText, reportsOf, show, withPostinst } from "../../../test/kit/packages.ts";
import { parseLibraryCache } from "../../formats/ld-so-cache.ts";

const PEM = readFileSync(
  join(import.meta.dirname, "../../../test/fixtures/certificates/subject-with-blanks.pem"),
  "latin1",
);

test("every root has the directories that programs expect", async () => {
  const root = await compose([{ name: "a", tree: { "tmp/": { mode: 0o755 } } }]);
  assert.equal(show(root, "tmp"), "d 01777 0:0", "a package cannot take it from everybody");
  assert.equal(show(root, "var/tmp"), "d 01777 0:0");
  assert.equal(show(root, "run/lock"), "d 01777 0:0");
  assert.equal(show(root, "root"), "d 0700 0:0");
  assert.equal(show(root, "var/run"), "l /run");
  for (const path of ["proc", "sys", "dev", "home", "etc", "var/lib", "usr/bin"]) {
    assert.match(show(root, path) ?? "", /^d 0[57]55 0:0$/, path);
  }
});

test("names resolve without libc-bin and netbase, and their files win where they are", async () => {
  const bare = await compose([{ name: "a" }]);
  assert.match(readText(bare, "etc/nsswitch.conf"), /^hosts: +files dns$/m);
  assert.match(readText(bare, "etc/hosts"), /^127\.0\.0\.1\tlocalhost$/m);
  const full = await compose([{ name: "a", tree: { "etc/nsswitch.conf": "own" } }]);
  assert.equal(readText(full, "etc/nsswitch.conf"), "own");
});

test("sysusers.d makes accounts from above, also where its files are left out", async () => {
  const root = await compose([
    {
      name: "a",
      tree: {
        "usr/lib/sysusers.d/a.conf":
          'g grp -\nu svc - "The Service" /var/lib/svc\nu fixed 222:www-data\nm svc ssl\nu bad/name -\n',
      },
      leftOut: ["usr/lib/sysusers.d"],
    },
    {
      name: "b",
      tree: { "usr/lib/sysusers.d/b.conf": "u svc - other\nu late -:grp" },
      files: {
        postinst:
          '#!/bin/sh\nsystemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} b.conf\nchown late /etc/late\n',
      },
    },
    { name: "c", tree: { "etc/late": "" } },
  ]);
  const passwd = readText(root, "etc/passwd");
  assert.match(passwd, /^svc:x:999:999:other:\/:\/usr\/sbin\/nologin$/m, "the first to ask makes it");
  assert.match(passwd, /^fixed:x:222:33::\/:\/usr\/sbin\/nologin$/m);
  assert.match(passwd, /^late:x:998:998::\/:\/usr\/sbin\/nologin$/m);
  assert.match(readText(root, "etc/group"), /^ssl:x:997:svc$/m);
  assert.equal(show(root, "etc/late"), 'f 0644 998:0 ""');
  assert.ok(reportsOf(root, "sysusers").some((one) => one.endsWith("the name is not valid")));
});

test("tmpfiles.d makes directories, files, links and copies, and sets what is there", async () => {
  const lines = [
    "d /run/app 0750 www-data adm 10d",
    "D /var/cache/app - - -",
    "f /run/app/file 0600 www-data - - some text",
    "L /etc/mtab - - - - ../proc/self/mounts",
    "C /etc/copy - - - - /usr/share/factory/x",
    "z /var/log/app 2750 root adm",
    "Z /srv/data 0750 www-data www-data",
    "d! /run/boot-only",
    "f^ /etc/credential - - - - cred",
    "d /run/%b",
    "x /tmp/keep-%b",
    "d /dev/x",
    "d /run/nobody 0755 missing missing",
    "d /run/lock 0755 root root",
  ];
  const root = await compose([
    {
      name: "a",
      tree: {
        "usr/lib/tmpfiles.d/a.conf": lines.join("\n"),
        "usr/share/factory/x/y": "Y",
        "var/log/app/": {},
        "srv/data/f": "",
        "srv/data/x": { mode: 0o755 },
      },
      leftOut: ["usr/lib/tmpfiles.d"],
    },
  ]);
  const expected: Readonly<Record<string, string | undefined>> = {
    "run/app": "d 0750 33:4",
    "var/cache/app": "d 0755 0:0",
    "run/app/file": 'f 0600 33:0 "some text"',
    "etc/mtab": "l ../proc/self/mounts",
    "etc/copy/y": 'f 0644 0:0 "Y"',
    "var/log/app": "d 02750 0:4",
    "srv/data": "d 0750 33:33",
    "srv/data/f": 'f 0640 33:33 ""',
    "srv/data/x": 'f 0750 33:33 ""',
    "run/boot-only": undefined,
    "etc/credential": undefined,
    "dev/x": undefined,
    "run/nobody": undefined,
    "run/lock": "d 01777 0:0",
  };
  assert.deepEqual(
    Object.fromEntries(Object.keys(expected).map((path) => [path, show(root, path)])),
    expected,
  );
  const skipped = reportsOf(root, "tmpfiles").filter((one) => one.startsWith("skip"));
  assert.deepEqual(skipped, [
    'skip tmpfiles.d "d /run/%b": specifiers depend on the running system',
    'skip tmpfiles.d /run/nobody: there is no account "missing"',
  ]);
});

test("a script that calls systemd-tmpfiles finds what it made", async () => {
  const root = await compose([
    withPostinst(
      'if [ -x "$(command -v systemd-tmpfiles)" ]; then systemd-tmpfiles --create demo.conf; fi\n[ -d /run/demo ] && touch /found',
      {
        tree: { "usr/lib/tmpfiles.d/demo.conf": "d /run/demo" },
      },
    ),
  ]);
  assert.equal(show(root, "found"), 'f 0644 0:0 ""');
});

test("the directories of a service are made for its user", async () => {
  const unit =
    "[Service]\nUser=www-data\nGroup=adm\nRuntimeDirectory=app app/sub\nRuntimeDirectoryMode=0750\nStateDirectory=app\nConfigurationDirectory=app\nLogsDirectory=%i\n";
  const root = await compose([
    {
      name: "a",
      tree: {
        "usr/lib/systemd/system/app.service": unit,
        "usr/lib/systemd/system/app@.service": "[Service]\nRuntimeDirectory=template\n",
        "usr/lib/systemd/system/x.service": "[Service]\nUser=missing\nRuntimeDirectory=x\n",
        "var/lib/app/": { mode: 0o700 },
      },
      leftOut: ["usr/lib/systemd"],
    },
  ]);
  assert.equal(show(root, "run/app"), "d 0750 33:4");
  assert.equal(show(root, "run/app/sub"), "d 0750 33:4");
  assert.equal(show(root, "var/lib/app"), "d 0700 0:0", "what a package ships stays");
  assert.equal(show(root, "etc/app"), "d 0755 0:0");
  assert.equal(show(root, "run/template"), undefined);
  assert.deepEqual(
    reportsOf(root, "unit-directories").filter((one) => one.startsWith("skip")),
    ['skip /run/x: there is no account "missing"'],
  );
});

const LIB = "usr/lib/x86_64-linux-gnu";

test("libraries get links by their sonames, and are in ld.so.cache", async () => {
  const root = await compose([
    {
      name: "libc6",
      version: "2.36-9+deb12u10",
      tree: {
        "lib/x86_64-linux-gnu/libc.so.6": makeElf({ soname: "libc.so.6" }),
        "lib/x86_64-linux-gnu/libarm.so.1": makeElf({ soname: "libarm.so.1", machine: 183 }),
        "lib/x86_64-linux-gnu/script.so": "INPUT(x)",
        "lib/x86_64-linux-gnu/libtext.so": "/* GNU ld script */".padEnd(100),
        "etc/ld.so.conf.d/x.conf": "/opt/lib\n/usr/local/lib\n",
      },
    },
    {
      name: "libz",
      tree: {
        [`${LIB}/libz.so.1.2.13`]: makeElf({ soname: "libz.so.1" }),
        [`${LIB}/libz.so.1.2.9`]: makeElf({ soname: "libz.so.1" }),
        [`${LIB}/libz.so`]: { target: "libz.so.1.2.13" },
        [`${LIB}/libplain.so`]: makeElf({}),
        [`${LIB}/glibc-hwcaps/x86-64-v3/libz.so.1.2.13`]: makeElf({ soname: "libz.so.1" }),
        "opt/lib/libopt.so.2": makeElf({ soname: "libopt.so.2" }),
      },
    },
  ]);
  assert.equal(show(root, `${LIB}/libz.so.1`), "l libz.so.1.2.13");
  const entry = root.merged.get("etc/ld.so.cache" as never);
  assert.ok(entry?.type === "file" && entry.content.kind === "bytes");
  const cache = parseLibraryCache(entry.content.bytes)!;
  assert.equal(cache.generator, "ldconfig (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36");
  assert.deepEqual(
    cache.libraries.map(({ name, path }) => `${name} ${path}`),
    [
      "libz.so.1 /lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1.2.13",
      "libz.so.1 /lib/x86_64-linux-gnu/libz.so.1",
      "libz.so /lib/x86_64-linux-gnu/libz.so",
      "libplain.so /lib/x86_64-linux-gnu/libplain.so",
      "libopt.so.2 /opt/lib/libopt.so.2",
      "libc.so.6 /lib/x86_64-linux-gnu/libc.so.6",
    ],
  );
});

test("without glibc there is no ld.so.cache", async () => {
  const root = await compose([{ name: "musl", tree: { "lib/libx.so.1": makeElf({ soname: "libx.so.1" }) } }]);
  assert.equal(show(root, "etc/ld.so.cache"), undefined);
});

test("certificates: a bundle, links by name and by hash, OpenSSL's own paths, and Java's keystore", async () => {
  const root = await compose([
    {
      name: "ca-certificates",
      tree: {
        "usr/share/ca-certificates/mozilla/B (Root), One.crt": PEM.trimEnd(),
        "usr/share/ca-certificates/mozilla/A.crt": PEM,
        "usr/local/share/ca-certificates/own.crt": PEM,
      },
    },
    {
      name: "jre",
      tree: { "usr/lib/jvm/x/lib/security/cacerts": { target: "/etc/ssl/certs/java/cacerts" } },
    },
  ]);
  assert.equal(readText(root, "etc/ssl/certs/ca-certificates.crt"), PEM + PEM + PEM);
  assert.equal(show(root, "etc/ssl/certs/A.pem"), "l /usr/share/ca-certificates/mozilla/A.crt");
  assert.equal(
    show(root, "etc/ssl/certs/B_=Root=__One.pem"),
    "l /usr/share/ca-certificates/mozilla/B (Root), One.crt",
  );
  assert.equal(show(root, "etc/ssl/certs/fc6bad77.0"), "l A.pem");
  assert.equal(show(root, "etc/ssl/certs/fc6bad77.1"), undefined, "the same certificate has one link");
  assert.equal(show(root, "usr/lib/ssl/cert.pem"), "l /etc/ssl/certs/ca-certificates.crt");
  assert.equal(show(root, "usr/lib/ssl/certs"), "l /etc/ssl/certs");
  assert.match(show(root, "etc/ssl/certs/java/cacerts") ?? "", /^f 0644 0:0 /);
});

test("certificates that the configuration turns off are not trusted", async () => {
  const root = await compose([
    {
      name: "ca-certificates",
      tree: {
        "usr/share/ca-certificates/a.crt": PEM,
        "usr/share/ca-certificates/b.crt": "other\n",
        "etc/ca-certificates.conf": "# list\n!a.crt\nb.crt\nmissing.crt\n",
      },
    },
  ]);
  assert.equal(readText(root, "etc/ssl/certs/ca-certificates.crt"), "other\n");
});

test("without certificates there is no bundle", async () => {
  assert.equal(show(await compose([{ name: "a" }]), "etc/ssl"), undefined);
});

test("os-release is base-files', else written from the pinned release", async () => {
  const own = await compose([{ name: "base-files", tree: { "usr/lib/os-release": "ID=debian\n" } }]);
  assert.equal(readText(own, "usr/lib/os-release"), "ID=debian\n");
  assert.equal(show(own, "etc/os-release"), "l ../usr/lib/os-release");
  const written = await compose([{ name: "a" }], { release: { codename: "bookworm", version: "12.11" } });
  assert.equal(
    readText(written, "usr/lib/os-release"),
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n',
  );
  const without = await compose([{ name: "a" }]);
  assert.equal(show(without, "etc/os-release"), undefined);
  assert.equal(reportsOf(without, "os-release").length, 1);
});

test("scanners find the packages, with checksums of what is in the image only", async () => {
  const root = await compose([
    {
      name: "demo",
      version: "1:2-3",
      tree: { "usr/bin/x": "X", "usr/share/doc/demo/copyright": "C" },
      leftOut: ["usr/share/doc"],
      control: { Description: "short\n long" },
      files: {
        md5sums:
          "02129bb861061d1a052c592e2dc6b383  usr/bin/x\n0d61f8370cad1d412f80b84d143e1257  usr/share/doc/demo/copyright\n",
      },
    },
  ]);
  assert.equal(
    readText(root, "var/lib/dpkg/status.d/demo"),
    "Package: demo\nVersion: 1:2-3\nArchitecture: amd64\nDescription: short\n long\n",
  );
  assert.equal(
    readText(root, "var/lib/dpkg/status.d/demo.md5sums"),
    "02129bb861061d1a052c592e2dc6b383  usr/bin/x\n",
  );
});

test("PAM: the common files are made of profiles whose modules are in the image", async () => {
  const profile = (module: string) =>
    `Name: x\nDefault: yes\nPriority: 1\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\t${module}\n`;
  const root = await compose([
    {
      name: "libpam-runtime",
      tree: {
        "etc/pam.d/other": "",
        "usr/share/pam/common-auth": "$auth_primary\nauth requisite pam_deny.so\n$auth_additional\n",
        "usr/share/pam-configs/unix": profile("pam_unix.so nullok"),
        "usr/share/pam-configs/systemd": profile("pam_systemd.so"),
        [`${LIB}/security/pam_unix.so`]: "",
      },
      leftOut: ["usr/share/pam", "usr/share/pam-configs"],
    },
  ]);
  assert.equal(
    readText(root, "etc/pam.d/common-auth"),
    "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n",
  );
  assert.ok(
    reportsOf(root, "pam").includes(
      "skip the PAM profile systemd needs pam_systemd.so, which is not in the image",
    ),
  );
});

test("login shells are listed under both their names", async () => {
  const root = await compose([
    {
      name: "debianutils",
      tree: { "usr/share/debianutils/shells": "# /etc/shells: valid login shells\n/bin/sh\n" },
    },
    {
      name: "dash",
      tree: {
        "bin/sh": { target: "dash" },
        "bin/dash": "",
        "usr/share/debianutils/shells.d/dash": "/bin/dash\n/bin/gone\n",
      },
    },
  ]);
  assert.equal(
    readText(root, "etc/shells"),
    "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/dash\n/usr/bin/dash\n",
  );
});

test("scripts that are no shell, or cannot be parsed, are reported", async () => {
  const root = await compose([
    { name: "a", files: { postinst: "#!/usr/bin/perl\nprint 1;\n", config: "#!/usr/bin/perl\n" } },
    { name: "b", files: { postinst: "#!/bin/sh\nif true\n" } },
  ]);
  assert.deepEqual(reportsOf(root, "maintainer-scripts"), [
    "skip postinst is a program for perl, only shell is read",
    "skip postinst line 3: the script cannot be parsed: the end of the script is not expected here",
  ]);
});
