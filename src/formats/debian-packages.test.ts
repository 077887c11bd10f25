import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ControlError } from "./deb822.ts";
import { formatPackages, type PackageRecord, parsePackages } from "./debian-packages.ts";

const HASH = "ab".repeat(32);
const BASH = `Package: bash
Essential: yes
Version: 5.2.15-2+b9
Installed-Size: 7164
Maintainer: Someone <a@example.org>
Architecture: amd64
Multi-Arch: foreign
Depends: base-files (>= 2.1.12),
 debianutils (>= 5.6-0.1)
Pre-Depends: libc6 (>= 2.36), libtinfo6 (>= 6)
Recommends: bash-completion (>= 20060301-0)
Provides: shell
Conflicts: bash-completion (<< 20060301-0)
Breaks: old
Description: GNU Bourne Again SHell
 Depends: no field, but text
Section: shells
Priority: required
Filename: pool/main/b/bash/bash_5.2.15-2+b9_amd64.deb
Size: 1491052
MD5sum: d41d8cd98f00b204e9800998ecf8427e
SHA256: ${HASH}
`;
const RECORD: PackageRecord = {
  name: "bash",
  version: "5.2.15-2+b9",
  architecture: "amd64",
  multiArch: "foreign",
  essential: true,
  priority: "required",
  preDepends: "libc6 (>= 2.36), libtinfo6 (>= 6)",
  depends: "base-files (>= 2.1.12), debianutils (>= 5.6-0.1)",
  recommends: "bash-completion (>= 20060301-0)",
  provides: "shell",
  conflicts: "bash-completion (<< 20060301-0)",
  breaks: "old",
  filename: "pool/main/b/bash/bash_5.2.15-2+b9_amd64.deb",
  size: 1491052,
  sha256: HASH,
};

test("a stanza of a Packages index", () => {
  assert.deepEqual(parsePackages(BASH), [RECORD]);
});

test("several stanzas, with and without a final newline", () => {
  const second = BASH.replace("Package: bash", "Package: dash").replace("Essential: yes\n", "");
  const expected = [RECORD, { ...RECORD, name: "dash", essential: false }];
  assert.deepEqual(parsePackages(`${BASH}\n${second}`), expected);
  assert.deepEqual(parsePackages(`\n\n${BASH}\n\n\n${second.trimEnd()}`), expected);
  assert.deepEqual(parsePackages(""), []);
});

test("fields whose names begin alike are told apart", () => {
  const [record] = parsePackages(
    BASH.replace("Priority: required", "Package-Type: deb\nVersion-Of: x\nPriority: required"),
  );
  assert.deepEqual(record, RECORD);
});

for (const field of ["Package", "Version", "Architecture", "Filename", "Size", "SHA256"]) {
  test(`refuses a stanza without ${field} with BAD_CONTROL`, () => {
    assert.throws(
      () => parsePackages(BASH.replace(new RegExp(`^${field}:.*\n`, "m"), ""), "it"),
      (error) =>
        error instanceof ControlError &&
        error.code === "BAD_CONTROL" &&
        error.message.includes(`no valid ${field}`),
    );
  });
}

for (const [field, value] of [
  ["Package", "../etc"],
  ["Size", "-1"],
  ["Size", "1e3"],
  ["SHA256", HASH.toUpperCase()],
]) {
  test(`refuses the ${field} "${value}"`, () => {
    const text = BASH.replace(new RegExp(`^${field}:.*$`, "m"), `${field}: ${value}`);
    assert.throws(() => parsePackages(text), new RegExp(`no valid ${field}`));
  });
}

test("what is written is read again", () => {
  const text = fc.stringMatching(/^([a-z][a-z ,|()=>.0-9]{0,20}[a-z])?$/);
  const record = fc.record<PackageRecord>(
    {
      name: fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,9}$/),
      version: fc.stringMatching(/^[0-9][a-z0-9.+~]{0,9}$/),
      architecture: fc.constantFrom("amd64", "all"),
      multiArch: fc.constantFrom("no", "same", "foreign"),
      essential: fc.boolean(),
      priority: fc.constantFrom("optional", "required", "extra"),
      preDepends: text,
      depends: text,
      recommends: text,
      provides: text,
      conflicts: text,
      breaks: text,
      filename: fc.stringMatching(/^pool\/[a-z]{1,9}\.deb$/),
      size: fc.nat(),
      sha256: fc.constant(HASH),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), (records) => {
      assert.deepEqual(parsePackages(formatPackages(records)), records);
    }),
  );
});
