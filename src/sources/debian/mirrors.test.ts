import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import { type AptSourceFile, readAptSources } from "../../platform/environment.ts";
import { parseAptSources } from "./apt-sources.ts";
import { listArchivalMirrors, listMirrors, listSnapshotMirrors, type MirrorSettings } from "./mirrors.ts";
import { isSnapshotTimestamp } from "./snapshot-timestamp.ts";
import type { Suite } from "./suites.ts";

const BOOKWORM: Suite = { archive: "debian", name: "bookworm" };
const SECURITY: Suite = { archive: "debian-security", name: "bookworm-security" };
const NOTHING: MirrorSettings = {
  options: [],
  mirrors: undefined,
  securityMirrors: undefined,
  snapshot: undefined,
  aptSources: [],
};

function dump(suite: Suite, settings: Partial<MirrorSettings>): string[] {
  return listMirrors(suite, { ...NOTHING, ...settings }).map(
    ({ base, named }) => `${base}${named ? " named" : ""}`,
  );
}

test("without any setting there are Debian's own servers", () => {
  assert.deepEqual(dump(BOOKWORM, {}), ["http://ftp.debian.org/debian"]);
  assert.deepEqual(dump(SECURITY, {}), ["http://security.debian.org/debian-security"]);
});

const EVERYWHERE: Partial<MirrorSettings> = {
  options: ["https://option.example/debian/"],
  mirrors: "http://one.example/debian, http://two.example/debian\nhttp://option.example/x/debian-security",
  securityMirrors: "http://security.example/anything",
  aptSources: [
    { uri: "http://other.example/debian/", suites: ["trixie"], components: ["main"] },
    {
      uri: "http://apt.example/copy",
      suites: ["bookworm", "bookworm-updates"],
      components: ["main", "contrib"],
    },
    { uri: "http://two.example/debian", suites: ["bookworm"], components: ["main"] },
    { uri: "http://apt.example/debian-security", suites: ["bookworm-security"], components: ["main"] },
    { uri: "https://vendor.example/linux", suites: ["bookworm"], components: ["stable"] },
    { uri: "cdrom:[Debian]/", suites: ["bookworm"], components: ["main"] },
  ],
};

test("who names a mirror gets that mirror: the option's before the environment's", () => {
  assert.deepEqual(dump(BOOKWORM, EVERYWHERE), ["https://option.example/debian named"]);
  assert.deepEqual(dump(BOOKWORM, { ...EVERYWHERE, options: [] }), [
    "http://one.example/debian named",
    "http://two.example/debian named",
  ]);
});

test("without a named mirror, apt's and then Debian's own follow, those of the suite first", () => {
  assert.deepEqual(dump(BOOKWORM, { aptSources: EVERYWHERE.aptSources! }), [
    "http://apt.example/copy",
    "http://two.example/debian",
    "http://other.example/debian",
    "http://ftp.debian.org/debian",
  ]);
});

test("a security archive that is only implied is tried first, and named ones end the list", () => {
  assert.deepEqual(dump(SECURITY, EVERYWHERE), [
    "https://option.example/debian-security",
    "http://security.example/anything named",
    "http://one.example/debian-security",
    "http://two.example/debian-security",
    "http://option.example/x/debian-security named",
  ]);
  assert.deepEqual(
    dump(SECURITY, { options: ["https://option.example/debian"], aptSources: EVERYWHERE.aptSources! }),
    [
      "https://option.example/debian-security",
      "http://apt.example/debian-security",
      "http://security.debian.org/debian-security",
    ],
  );
});

test("a mirror that is not named debian has no security archive beside it", () => {
  assert.deepEqual(dump(SECURITY, { options: ["file:///srv/archive"] }), [
    "http://security.debian.org/debian-security",
  ]);
  assert.deepEqual(dump(BOOKWORM, { options: ["file:///srv/archive"] }), ["file:///srv/archive named"]);
});

test("snapshots", () => {
  assert.deepEqual(listSnapshotMirrors("debian", "20260901T000000Z", NOTHING), [
    { base: "http://snapshot.debian.org/archive/debian/20260901T000000Z", named: false },
  ]);
  const own = { ...NOTHING, snapshot: "https://snapshot.example/archive/" };
  assert.deepEqual(
    listArchivalMirrors("debian-security", "2026-12-31T10:16:37Z", own).map(({ base }) => base),
    [
      "https://snapshot.example/archive/debian-security/20261231T101637Z",
      "https://snapshot.example/archive/debian-security/20270101T101637Z",
    ],
  );
  for (const [text, right] of [
    ["20260901T000000Z", true],
    ["20240229T235959Z", true],
    ["20230229T000000Z", false],
    ["20261301T000000Z", false],
    ["20260901T240000Z", false],
    ["20260901T006000Z", false],
    ["20260901", false],
    ["", false],
  ] as const) {
    assert.equal(isSnapshotTimestamp(text), right, text);
  }
});

test("apt's one-line format", () => {
  const text = `# deb http://commented.example/debian bookworm main
deb http://a.example/debian bookworm main contrib # remark
  deb [ arch=amd64 signed-by=/x y=z ] https://b.example/debian/ bookworm-updates main
deb-src http://source.example/debian bookworm main
deb http://flat.example/ ./
deb nonsense
`;
  assert.deepEqual(parseAptSources([{ path: "/x.list", format: "one-line", text }]), [
    { uri: "http://a.example/debian", suites: ["bookworm"], components: ["main", "contrib"] },
    { uri: "https://b.example/debian/", suites: ["bookworm-updates"], components: ["main"] },
    { uri: "http://flat.example/", suites: ["./"], components: [] },
  ]);
});

test("apt's deb822 format", () => {
  const text = `Types: deb deb-src
# a comment
URIs: http://a.example/debian
  http://b.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;
  const suites = ["bookworm", "bookworm-updates"];
  assert.deepEqual(parseAptSources([{ path: "/x.sources", format: "deb822", text }]), [
    { uri: "http://a.example/debian", suites, components: ["main"] },
    { uri: "http://b.example/debian", suites, components: ["main"] },
  ]);
  assert.deepEqual(
    parseAptSources([{ path: "/x.sources", format: "deb822", text: "nothing of the kind" }]),
    [],
  );
});

test("apt's files are read in its order, others are passed over", (t) => {
  const directory = temporaryDirectory(t);
  const folder = join(directory, "sources.list.d");
  mkdirSync(join(folder, "folder.list"), { recursive: true });
  for (const [path, text] of [
    ["sources.list", "first"],
    ["sources.list.d/b.list", "third"],
    ["sources.list.d/a.sources", "second"],
    ["sources.list.d/c.list.save", "no"],
    ["sources.list.d/d e.list", "no"],
    ["sources.list.d/z.list", "x".repeat((1 << 20) + 1)],
  ] as const) {
    writeFileSync(join(directory, path), text);
  }
  const expected: AptSourceFile[] = [
    { path: join(directory, "sources.list"), format: "one-line", text: "first" },
    { path: join(folder, "a.sources"), format: "deb822", text: "second" },
    { path: join(folder, "b.list"), format: "one-line", text: "third" },
  ];
  assert.deepEqual(readAptSources(directory), expected);
  assert.deepEqual(readAptSources(join(directory, "nowhere")), []);
  if (process.getuid?.() !== 0) {
    chmodSync(join(folder, "b.list"), 0);
    assert.deepEqual(readAptSources(directory), expected.slice(0, 2));
  }
});
