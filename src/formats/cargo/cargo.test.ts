import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCargoLock } from "./cargo-lock.ts";
import { parseCargoManifest } from "./cargo-manifest.ts";

const SHA256 = "ab".repeat(32);
const CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index";

function lockWith(fields: string): string {
  return `version = 4\n[[package]]\nname = "own"\nversion = "1.0.0"\n[[package]]\nname = "itoa"\nversion = "1.0.11"\n${fields}\n`;
}

test("Cargo.lock: crates with their checksums, of every version of the format", () => {
  const crate = { name: "itoa", version: "1.0.11", sha256: SHA256 };
  assert.deepEqual(parseCargoLock(lockWith(`source = "${CRATES_IO}"\nchecksum = "${SHA256}"`)), [crate]);
  const first = `${lockWith(`source = "${CRATES_IO}"`)}[metadata]\n"checksum itoa 1.0.11 (${CRATES_IO})" = "${SHA256}"\n`;
  assert.deepEqual(parseCargoLock(first), [crate]);
  assert.deepEqual(parseCargoLock("version = 4\n"), []);
});

for (const [summary, text, code] of [
  ["no TOML", "version = ", "CARGO_LOCK_INVALID"],
  ["a name that climbs", '[[package]]\nname = "../x"\nversion = "1.0.0"\n', "CARGO_LOCK_INVALID"],
  ["a repository", lockWith('source = "git+https://user:pw@example.com/x#abc"'), "CRATE_UNSUPPORTED"],
  ["another registry", lockWith('source = "sparse+https://example.com/"'), "CRATE_UNSUPPORTED"],
  ["no checksum", lockWith(`source = "${CRATES_IO}"`), "CHECKSUM_MISSING"],
  ["a wrong checksum", lockWith(`source = "${CRATES_IO}"\nchecksum = "ab"`), "CHECKSUM_MISSING"],
] as const) {
  test(`Cargo.lock with ${summary} is refused with ${code}`, () => {
    assert.throws(
      () => parseCargoLock(text),
      (error: { code: string; message: string; hint: string }) => {
        assert.equal(error.code, code);
        assert.doesNotMatch(error.message, /user:pw/);
        assert.ok(error.hint.length > 0);
        return true;
      },
    );
  });
}

test("Cargo.toml: the package and its programs, or the members of a workspace", () => {
  const text =
    '[package]\nname = "a"\ndefault-run = "b"\nautobins = false\n[[bin]]\nname = "b"\n[workspace]\nmembers = ["x/*"]\n';
  assert.deepEqual(parseCargoManifest(text), {
    name: "a",
    programs: ["b"],
    findsPrograms: false,
    members: ["x/*"],
    defaultRun: "b",
  });
  assert.equal(parseCargoManifest("[workspace]\n").name, undefined);
  for (const wrong of ["[package", '[package]\nversion = "1"\n']) {
    assert.throws(() => parseCargoManifest(wrong), { code: "CARGO_MANIFEST_INVALID" });
  }
});
