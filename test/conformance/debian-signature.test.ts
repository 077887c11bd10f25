// The release files that Debian publishes, and what an attacker could make of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DebianError } from "../../src/sources/debian/errors.ts";
import { verifyRelease } from "../../src/sources/debian/release.ts";
import { loadLiveArchive } from "../kit/debian-live.ts";

for (const codename of ["bookworm", "trixie"]) {
  test(`the release files of ${codename} are accepted, changed ones are not`, async (t) => {
    const archive = await loadLiveArchive(codename, "amd64");
    if (typeof archive === "string") return t.skip(archive);
    const refused = async (bytes: Uint8Array, index: number, ...codes: string[]): Promise<void> => {
      await assert.rejects(
        verifyRelease(bytes, archive.suites[index]!.suite, undefined),
        (error) => error instanceof DebianError && codes.includes(error.code),
      );
    };
    for (const [index, { suite, inRelease }] of archive.suites.entries()) {
      const { pin } = await verifyRelease(inRelease, suite, undefined);
      assert.equal(pin.codename, suite.name);
      const text = inRelease.toString("latin1");
      const edit = (change: (text: string) => string): Buffer => {
        const changed = change(text);
        assert.notEqual(changed, text);
        return Buffer.from(changed, "latin1");
      };
      await refused(
        edit((all) => all.replace(/^Date: .../m, "Date: Sun")),
        index,
        "BAD_SIGNATURE",
      );
      await refused(
        edit((all) => all.replace(/^ ([0-9a-f])/m, (_, digit) => ` ${digit === "0" ? "1" : "0"}`)),
        index,
        "BAD_SIGNATURE",
      );
      await refused(
        edit((all) => `Codename: ${codename}\n\n${all}`),
        index,
        "BAD_SIGNATURE",
      );
      await refused(
        edit((all) => `${all}\nCodename: ${codename}\n`),
        index,
        "BAD_SIGNATURE",
      );
      await refused(
        edit((all) => all.slice(0, -300)),
        index,
        "BAD_SIGNATURE",
      );
      await refused(
        edit((all) => all.replace(/^Acquire-By-Hash: yes\n/m, "")),
        index,
        "BAD_SIGNATURE",
      );
    }
    // Good files in the wrong place: another suite's, and another archive's keys.
    const [base, updates, security] = archive.suites.map(({ inRelease }) => inRelease);
    await refused(updates!, 0, "RELEASE_MISMATCH");
    await refused(base!, 1, "RELEASE_MISMATCH");
    await refused(security!, 0, "UNTRUSTED_KEY");
    await refused(base!, 2, "UNTRUSTED_KEY");
  });
}
