import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { integrityOf, packTarball } from "../../../test/kit/npm-registry.ts";
import { type RawMember, rawTar } from "../../../test/kit/tar.ts";
import { parseIntegrity } from "../../formats/npm/integrity.ts";
import type { Tree } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";
import { openTarball, readCachedTarball } from "./tarball.ts";

function open(t: TestContext, bytes: Buffer, integrity = integrityOf(bytes), context = testContext(t)) {
  const file = join(temporaryDirectory(t), "a.tgz");
  writeFileSync(file, bytes);
  return openTarball("a 1.0.0", file, parseIntegrity(integrity, "a"), context);
}

function dump({ entries }: Tree): string[] {
  return entries.map(({ path, type, mode, uid, gid }) => `${path} ${type} ${mode.toString(8)} ${uid}:${gid}`);
}

test("a package is what lies below the first part of names, with npm's modes, owned by root", async (t) => {
  const members: RawMember[] = [
    { name: "package/", mode: 0o700 },
    { name: "package/bin/", mode: 0o2700 },
    { name: "package/bin/a", mode: 0o4750, uid: 501, gid: 20, content: "#!" },
    { name: "other/b", mode: 0o600, content: "b" },
    { name: "./c", mode: 0o666, content: "c" },
    { name: "package//d/./e", mode: 0o777, content: "e" },
    { name: "package/b", content: "later" },
    { name: "top", content: "above the package" },
    { name: "package/link", type: "2", link: "/etc/passwd" },
    { name: "package/hard", type: "1", link: "package/b" },
    { name: "package/null", type: "3" },
  ];
  const context = testContext(t);
  const bytes = gzipSync(rawTar(members));
  const tree = await open(t, bytes, integrityOf(bytes), context);
  assert.deepEqual(dump(tree), [
    "b file 644 0:0",
    "bin directory 755 0:0",
    "bin/a file 754 0:0",
    "c file 644 0:0",
    "d/e file 755 0:0",
  ]);
  using reader = new ContentReader();
  const [b] = tree.entries;
  assert.equal(b?.type === "file" && Buffer.from(reader.read(b)).toString(), "later");
  assert.deepEqual(readCachedTarball(parseIntegrity(integrityOf(bytes), "a"), context), tree);
});

test("a tar that is not compressed is read as well", async (t) => {
  assert.deepEqual(dump(await open(t, rawTar([{ name: "package/a", content: "a" }]))), ["a file 644 0:0"]);
});

test("of several hashes the bytes need one, and are kept under that alone", async (t) => {
  const context = testContext(t);
  const bytes = packTarball([{ name: "a", content: "a" }]);
  const other = integrityOf(Buffer.from("other"));
  await open(t, bytes, `${other} ${integrityOf(bytes)}`, context);
  assert.equal(readCachedTarball(parseIntegrity(other, "a"), context), undefined);
  assert.notEqual(readCachedTarball(parseIntegrity(integrityOf(bytes), "a"), context), undefined);
});

const bomb = gzipSync(rawTar([{ name: "package/a", content: Buffer.alloc(100 << 20) }]));
const wrong: [summary: string, bytes: Buffer, code: string][] = [
  ["a name that climbs", gzipSync(rawTar([{ name: "package/../../etc/x", content: "" }])), "TARBALL_UNSAFE"],
  ["a first part that climbs", gzipSync(rawTar([{ name: "../x/y", content: "" }])), "TARBALL_UNSAFE"],
  ["an absolute name", gzipSync(rawTar([{ name: "/package/x", content: "" }])), "TARBALL_UNSAFE"],
  [
    "a file below a file",
    packTarball([
      { name: "a", content: "" },
      { name: "a/b", content: "" },
    ]),
    "TARBALL_UNSAFE",
  ],
  ["a file that is a directory", packTarball([{ name: "a", content: "" }, { name: "a/" }]), "TARBALL_UNSAFE"],
  ["no tar", gzipSync("no tar at all".repeat(100)), "TARBALL_MALFORMED"],
  [
    "a tarball that is cut short",
    packTarball([{ name: "a", content: "abc" }]).subarray(0, 60),
    "TARBALL_MALFORMED",
  ],
  ["a page of HTML", Buffer.from("<html>"), "TARBALL_MALFORMED"],
  ["a bomb", bomb, "TARBALL_TOO_LARGE"],
];
for (const [summary, bytes, code] of wrong) {
  test(`${summary} is refused with ${code}, and nothing is kept`, async (t) => {
    const context = testContext(t);
    await assert.rejects(open(t, bytes, integrityOf(bytes), context), {
      code,
      message: /^Cannot unpack a 1.0.0: /,
    });
    assert.equal(readCachedTarball(parseIntegrity(integrityOf(bytes), "a"), context), undefined);
    // That it is another file is the better explanation.
    await assert.rejects(open(t, bytes, integrityOf(Buffer.from("x")), context), {
      code: "INTEGRITY_MISMATCH",
    });
  });
}
