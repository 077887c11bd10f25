import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ControlError } from "./deb822.ts";
import { formatIsoDate, parseRelease, parseReleaseDate } from "./debian-release.ts";

const HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const RELEASE = `Origin: Debian
Label: Debian-Security
Suite: oldstable-security
Version: 12
Codename: bookworm-security
Date: Sat, 21 Nov 2026 00:53:02 UTC
Valid-Until: Sat, 28 Nov 2026 00:53:02 UTC
Acquire-By-Hash: yes
Architectures: amd64 arm64
Components: updates/main updates/contrib
MD5Sum:
 d41d8cd98f00b204e9800998ecf8427e        0 main/binary-amd64/Packages
SHA256:
 ${HASH}        0 main/binary-amd64/Packages
 ${HASH.replace("e", "f")}  8790396 main/binary-amd64/Packages.xz
`;

test("a release file of the security archive", () => {
  const release = parseRelease(RELEASE);
  assert.deepEqual(
    { ...release, files: [...release.files] },
    {
      suite: "oldstable-security",
      codename: "bookworm-security",
      version: "12",
      dateSeconds: 1795222382,
      validUntilSeconds: 1795222382 + 7 * 86_400,
      acquireByHash: true,
      architectures: ["amd64", "arm64"],
      components: ["main", "contrib"],
      mergesArchitectureAll: true,
      files: [
        ["main/binary-amd64/Packages", { sha256: HASH, size: 0 }],
        ["main/binary-amd64/Packages.xz", { sha256: HASH.replace("e", "f"), size: 8790396 }],
      ],
    },
  );
});

test("whether indices hold the packages of architecture all", () => {
  const withAll = RELEASE.replace("amd64 arm64", "all amd64");
  assert.equal(parseRelease(withAll).mergesArchitectureAll, false);
  assert.equal(
    parseRelease(`No-Support-for-Architecture-all: Packages\n${withAll}`).mergesArchitectureAll,
    true,
  );
});

test("what may be absent", () => {
  const release = parseRelease(RELEASE.replace(/^(?:Valid|Acquire|Codename|Version).*\n/gm, ""));
  assert.equal(release.validUntilSeconds, undefined);
  assert.equal(release.acquireByHash, false);
  assert.equal(release.codename, undefined);
});

const WRONG: readonly [summary: string, edit: (text: string) => string, message: RegExp][] = [
  ["no Date", (text) => text.replace(/^Date.*\n/m, ""), /has no Date/],
  ["a Date that is none", (text) => text.replace("21 Nov", "31 Nov"), /Date "Sat, 31 Nov.*is no date/],
  ["a Valid-Until that is none", (text) => text.replace("28 Nov", "soon"), /Valid-Until/],
  ["no SHA256 list", (text) => text.replace(/^SHA256:\n(?: .*\n)*/m, ""), /has no SHA256 list/],
  ["a short hash", (text) => text.replace(` ${HASH} `, " abcd "), /SHA256 list has the line "abcd/],
  ["a negative size", (text) => text.replace(" 8790396", " -8790396"), /SHA256 list/],
];

for (const [summary, edit, message] of WRONG) {
  test(`refuses ${summary} with BAD_RELEASE`, () => {
    assert.throws(
      () => parseRelease(edit(RELEASE), "it"),
      (error) => error instanceof ControlError && error.code === "BAD_RELEASE" && message.test(error.message),
    );
  });
}

test("dates are read as they are written", () => {
  assert.equal(parseReleaseDate("Thu, 01 Jan 1970 00:00:00 UTC"), 0);
  assert.equal(parseReleaseDate("Thu, 29 Feb 2024 23:59:59 GMT"), 1709251199);
  assert.equal(parseReleaseDate("1 Mar 2024 0:00:00 +0000"), 1709251200);
  for (const wrong of [
    "",
    "2024-03-01",
    "Thu, 29 Feb 2023 00:00:00 UTC",
    "1 Foo 2024 00:00:00 UTC",
    "1 Mar 2024 25:00:00 UTC",
    "1 Mar 2024 00:00:00 CET",
    "1 Mar 2024 00:00:00 +0100",
  ]) {
    assert.equal(parseReleaseDate(wrong), undefined, wrong);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (seconds) => {
      const date = new Date(seconds * 1000);
      assert.equal(parseReleaseDate(date.toUTCString()), seconds);
      assert.equal(formatIsoDate(seconds), date.toISOString().replace(".000", ""));
    }),
  );
});
