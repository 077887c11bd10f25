import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rawAr, rawDeb } from "../../test/kit/tar.ts";
import { readArMembers, readDebMembers } from "./ar.ts";
import { FormatError } from "./errors.ts";

type Raw = Parameters<typeof rawAr>[0];

const readerOf = (archive: Buffer) => (offset: number, length: number) =>
  archive.subarray(offset, offset + length);

function listDeb(members: Raw) {
  const archive = rawAr(members);
  return readDebMembers(readerOf(archive), archive.length);
}

function refuses(archive: Buffer, message: RegExp): void {
  assert.throws(
    () => readDebMembers(readerOf(archive), archive.length),
    (error) => {
      assert.ok(error instanceof FormatError, String(error));
      assert.match(error.message, message);
      assert.equal(error.code, "BAD_AR");
      return true;
    },
  );
}

const FORMAT = { name: "debian-binary", content: "2.0\n" };
const CONTROL = { name: "control.tar.xz", content: "ccc" };
const DATA = { name: "data.tar.zst", content: "dddd" };

test("finds members and where their bytes are", () => {
  const archive = rawAr([FORMAT, CONTROL, DATA]);
  const members = readArMembers(readerOf(archive), archive.length);
  assert.deepEqual(
    members.map(({ name, size, offset }) => [name, archive.toString("latin1", offset, offset + size)]),
    [
      ["debian-binary", "2.0\n"],
      ["control.tar.xz", "ccc"],
      ["data.tar.zst", "dddd"],
    ],
  );
  const odd = rawAr([{ name: "a", content: "x" }]);
  assert.equal(
    readArMembers(readerOf(odd), odd.length - 1).length,
    1,
    "the last padding byte may be missing",
  );
});

test("names a .deb's members and their compression", () => {
  for (const [suffix, compression] of [
    ["", "none"],
    [".gz", "gzip"],
    [".xz", "xz"],
    [".zst", "zstd"],
    [".bz2", "bzip2"],
    [".lzma", "lzma"],
  ]) {
    const { data } = listDeb([FORMAT, CONTROL, { name: `data.tar${suffix}`, content: "d" }]);
    assert.equal(data.compression, compression);
  }
  const { control, data } = listDeb([FORMAT, { name: "control.tar/", content: "c" }, DATA]);
  assert.deepEqual([control.name, control.compression, data.size], ["control.tar", "none", 4]);
});

test("passes over members that begin with _, a later minor format, and what follows the data", () => {
  const extra = { name: "_gpgorigin", content: "sig" };
  const format = { name: "debian-binary", content: "2.1\nmore\n" };
  const { control, data } = listDeb([format, extra, CONTROL, extra, DATA, { name: "future", content: "x" }]);
  assert.deepEqual([control.size, data.size], [3, 4]);
});

describe("refuses", () => {
  const cases: readonly (readonly [summary: string, members: Raw, message: RegExp])[] = [
    ["no members", [], /first member is not debian-binary/],
    ["debian-binary elsewhere", [CONTROL, FORMAT, DATA], /first member is not debian-binary/],
    ["format 3.0", [{ ...FORMAT, content: "3.0\n" }, CONTROL, DATA], /its format is "3\.0"/],
    ["no format", [{ ...FORMAT, content: "" }, CONTROL, DATA], /its format is ""/],
    ["format without a line end", [{ ...FORMAT, content: "2.0" }, CONTROL, DATA], /its format is "2\.0"/],
    ["data before control", [FORMAT, DATA, CONTROL], /data\.tar\.zst where control\.tar was expected/],
    ["a stranger before data", [FORMAT, CONTROL, { name: "x", content: "" }, DATA], /x where data\.tar/],
    ["no control", [FORMAT], /no member control\.tar/],
    ["no data", [FORMAT, CONTROL], /no member data\.tar/],
    ["two controls", [FORMAT, CONTROL, DATA, CONTROL], /second member control\.tar\.xz/],
    ["two data", [FORMAT, CONTROL, DATA, { ...DATA, name: "data.tar" }], /second member data\.tar/],
    ["an unknown compression", [FORMAT, CONTROL, { ...DATA, name: "data.tar.br" }], /data\.tar\.br where/],
    ["a lying size", [FORMAT, CONTROL, { ...DATA, size: "4000" }], /claims 4000 bytes, 4 are left/],
    ["a negative size", [FORMAT, CONTROL, { ...DATA, size: "-4" }], /size that is no number/],
    ["a hexadecimal size", [FORMAT, { ...CONTROL, size: "0x3" }, DATA], /size that is no number/],
    ["a long name of System V", [FORMAT, { name: "/12", content: "" }], /no usable name/],
    ["an empty name", [FORMAT, { name: "", content: "" }], /no usable name/],
    ["thousands of members", Array(1000).fill({ name: "_", content: "" }), /more than 64 members/],
  ];
  for (const [summary, members, message] of cases) {
    test(summary, () => refuses(rawAr(members), message));
  }

  test("what is no ar archive", () => {
    for (const text of ["", "!<arch>", "!<thin>\n", "PK\x03\x04"])
      refuses(Buffer.from(text), /does not begin/);
  });

  test("an archive that ends early, wherever", () => {
    const deb = rawDeb({ data: [{ name: "./" }] });
    for (let kept = 0; kept < deb.length - 1; kept += 7) {
      refuses(deb.subarray(0, kept), /does not begin|ends inside|claims|no member|first member/);
    }
  });

  test("a damaged header", () => {
    const archive = rawAr([FORMAT, CONTROL, DATA]);
    archive[8 + 58] = 0;
    refuses(archive, /header at offset 8 is damaged/);
  });
});
