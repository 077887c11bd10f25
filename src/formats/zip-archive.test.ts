import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { makeZip, type ZipFile, type ZipOptions } from "../../test/kit/make-wheel.ts";
import { FormatError } from "./errors.ts";
import { readZipDirectory } from "./zip-archive.ts";

const LIMITS = { mostMembers: 100, maxSize: 1 << 20 };

function list(bytes: Buffer, limits = LIMITS) {
  return readZipDirectory(
    (offset, length) => bytes.subarray(offset, Math.max(offset, offset + length)),
    bytes.length,
    limits,
  );
}

const FILES: readonly ZipFile[] = [
  { name: "a/", data: "", method: 0, mode: 0o040755 },
  { name: "a/run", data: "#!/bin/sh\n", mode: 0o100755 },
  { name: "a/päth", data: "x".repeat(1000) },
  { name: "plain", data: "stored", method: 0 },
];

for (const [summary, files, options] of [
  ["an archive", FILES, {}],
  ["one with a comment", FILES, { comment: "hello" }],
  ["ZIP64", FILES.map((file) => ({ ...file, zip64: true })), { zip64: true }],
] as [string, ZipFile[], ZipOptions][]) {
  test(`${summary}: its files with their bytes and modes`, () => {
    const bytes = makeZip(files, options);
    const members = list(bytes);
    const read = members.map(({ name, method, offset, compressedSize, size, mode }) => {
      const raw = bytes.subarray(offset, offset + compressedSize);
      const data = method === "stored" ? raw : inflateRawSync(raw);
      assert.equal(data.length, size);
      return [Buffer.from(name, "latin1").toString(), mode, data.toString()];
    });
    assert.deepEqual(read, [
      ["a/run", 0o755, "#!/bin/sh\n"],
      ["a/päth", 0o644, "x".repeat(1000)],
      ["plain", 0o644, "stored"],
    ]);
  });
}

const one: ZipFile = { name: "a", data: "hello", method: 0 };
const REFUSED: readonly [
  summary: string,
  files: readonly ZipFile[],
  code: string,
  message: RegExp,
  options?: ZipOptions,
][] = [
  ["a name that climbs", [{ ...one, name: "../a" }], "UNSAFE_ZIP", /"\.\."/],
  ["an absolute name", [{ ...one, name: "/etc/passwd" }], "UNSAFE_ZIP", /absolute/],
  ["an empty name", [{ ...one, name: "" }], "UNSAFE_ZIP", /empty/],
  ["a NUL byte in a name", [{ ...one, name: "a\0b" }], "UNSAFE_ZIP", /NUL/],
  ["a name twice", [one, one], "UNSAFE_ZIP", /twice/],
  ["a file that is a directory", [one, { ...one, name: "a/b" }], "UNSAFE_ZIP", /a file and a directory/],
  [
    "members that share bytes",
    [one, { ...one, name: "a", offset: 0 }, { ...one, name: "b", offset: 0 }],
    "UNSAFE_ZIP",
    /twice/,
  ],
  [
    "overlapping members",
    [
      { ...one, claims: { size: 20, compressedSize: 20 } },
      { ...one, name: "b" },
    ],
    "UNSAFE_ZIP",
    /shares its bytes/,
  ],
  ["a bomb", [{ ...one, method: 8, claims: { size: 1 << 30 } }], "UNSAFE_ZIP", /more than 1048576 bytes/],
  ["a link", [{ ...one, mode: 0o120777 }], "UNSUPPORTED_ZIP", /link/],
  ["encryption", [{ ...one, flags: 1 }], "UNSUPPORTED_ZIP", /encrypted/],
  ["another method", [{ ...one, method: 12 }], "UNSUPPORTED_ZIP", /method 12/],
  ["a stored file whose sizes differ", [{ ...one, claims: { size: 4 } }], "BAD_ZIP", /lies about its size/],
  [
    "data beyond the directory",
    [{ ...one, claims: { size: 400, compressedSize: 400 } }],
    "BAD_ZIP",
    /into the directory/,
  ],
  ["headers with different names", [{ ...one, localName: "b" }], "BAD_ZIP", /do not agree/],
  ["an offset that is none", [{ ...one, offset: 3 }], "BAD_ZIP", /do not agree/],
  ["bytes after the end", [one], "BAD_ZIP", /bytes after it/, { trailer: Buffer.from("PK") }],
  ["fewer entries than there are", [one, { ...one, name: "b" }], "BAD_ZIP", /more entries/, { count: 1 }],
  ["more entries than there are", [one], "BAD_ZIP", /directory is damaged/, { count: 2 }],
];
for (const [summary, files, code, message, options] of REFUSED) {
  test(`${summary} is refused with ${code}`, () => {
    assert.throws(() => list(makeZip(files, options)), { name: "FormatError", code, message });
  });
}

test("too many members are refused before they are listed", () => {
  assert.throws(() => list(makeZip([one, { ...one, name: "b" }]), { mostMembers: 1, maxSize: 100 }), {
    code: "UNSAFE_ZIP",
    message: /2 members/,
  });
});

test("bytes before the archive, and what is no archive, are refused", () => {
  assert.throws(() => list(Buffer.concat([Buffer.alloc(10), makeZip([one])])), { code: "BAD_ZIP" });
  assert.throws(() => list(Buffer.from("hello")), { code: "BAD_ZIP" });
  assert.throws(() => list(Buffer.alloc(0)), { code: "BAD_ZIP" });
});

test("whatever byte is changed or cut, it is read or refused, never more", () => {
  const bytes = makeZip(FILES, { comment: "x" });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
      const damaged = cut ? bytes.subarray(0, at) : Buffer.from(bytes);
      if (!cut) damaged[at] = value;
      try {
        for (const { offset, compressedSize } of list(damaged))
          assert.ok(offset + compressedSize <= damaged.length);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
