import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RawMember } from "../../test/kit/tar.ts";
import { rawMember, rawPax, rawTar } from "../../test/kit/tar.ts";
import { FormatError } from "./errors.ts";
import type { TarHeader } from "./tar-reader.ts";
import { TarReader } from "./tar-reader.ts";

type Read = TarHeader & { readonly content: string };

function read(archive: Buffer, cuts: readonly number[] = []): Read[] {
  const members: Read[] = [];
  let open: { header: TarHeader; chunks: Buffer[] } | undefined;
  const reader = new TarReader({
    member(header) {
      assert.equal(open, undefined, "a member begins before the last one ends");
      open = { header, chunks: [] };
    },
    content(chunk) {
      open!.chunks.push(Buffer.from(chunk));
    },
    memberEnd() {
      members.push({ ...open!.header, content: Buffer.concat(open!.chunks).toString("latin1") });
      open = undefined;
    },
  });
  let start = 0;
  for (const cut of [...cuts, archive.length]) {
    reader.write(archive.subarray(start, cut));
    start = cut;
  }
  reader.end();
  assert.equal(open, undefined);
  return members;
}

function readOne(...members: (RawMember | Buffer)[]): Read {
  const [only, ...others] = read(rawTar(members));
  assert.equal(others.length, 0);
  return only!;
}

function refuses(archive: Buffer, code: string, message: RegExp): void {
  assert.throws(
    () => read(archive),
    (error) => {
      assert.ok(error instanceof FormatError, String(error));
      assert.match(error.message, message);
      assert.equal(error.code, code);
      return true;
    },
  );
}

const LONG = `${"d".repeat(120)}/${"f".repeat(90)}`;

test("reads every field of a header", () => {
  const archive = rawTar([
    { name: "./", mode: 0o755 },
    {
      name: "./usr/bin/sudo",
      mode: 0o104755,
      uid: 3,
      gid: 42,
      uname: "sys",
      gname: "shadow",
      mtime: 1_700_000_000,
      content: "x".repeat(700),
    },
    { name: "./link", type: "2", link: "usr/bin/\xe9" },
    { name: "./hard", type: "1", link: "./usr/bin/sudo" },
    { name: "dev/null", type: "3" },
    { name: "dev/sda", type: "4" },
    { name: "run/fifo", type: "6" },
    { name: "contiguous", type: "7", content: "c" },
  ]);
  const members = read(archive);
  const { content, ...sudo } = members[1]!;
  assert.deepEqual(sudo, {
    path: "./usr/bin/sudo",
    type: "file",
    mode: 0o4755,
    uid: 3,
    gid: 42,
    uname: "sys",
    gname: "shadow",
    size: 700,
    mtimeSeconds: 1_700_000_000,
    linkTarget: "",
    contentOffset: 1024,
    typeFlag: "0",
    records: new Map(),
  });
  assert.equal(content, "x".repeat(700));
  assert.deepEqual(
    members.map(({ path, type, linkTarget }) => [path, type, linkTarget]),
    [
      ["./", "directory", ""],
      ["./usr/bin/sudo", "file", ""],
      ["./link", "symlink", "usr/bin/\xe9"],
      ["./hard", "hardlink", "./usr/bin/sudo"],
      ["dev/null", "character-device", ""],
      ["dev/sda", "block-device", ""],
      ["run/fifo", "fifo", ""],
      ["contiguous", "file", ""],
    ],
  );
  assert.equal(archive.toString("latin1", members[7]!.contentOffset).slice(0, 1), "c");
});

describe("names", () => {
  test("POSIX's prefix continues a name; in other dialects the field is something else", () => {
    assert.equal(readOne({ name: "b", prefix: "a/é" }).path, "a/\xe9/b");
    assert.equal(readOne({ name: "b", prefix: "12345", magic: "ustar  \0" }).path, "b");
    assert.equal(readOne({ name: "b", prefix: "12345", magic: "\0\0\0\0\0\0\0\0" }).path, "b");
  });

  test("names and links may fill their fields", () => {
    const name = "n".repeat(100);
    const member = readOne({ name, type: "2", link: "l".repeat(100), prefix: "p".repeat(155) });
    assert.equal(member.path, `${"p".repeat(155)}/${name}`);
    assert.equal(member.linkTarget, "l".repeat(100));
  });

  test("GNU's long names and links, with or without their NUL", () => {
    const member = readOne(
      { name: "././@LongLink", type: "K", content: `${LONG}\0` },
      { name: "././@LongLink", type: "L", content: `./${LONG}` },
      { name: "cut", type: "2", link: "cut", magic: "ustar  \0" },
    );
    assert.equal(member.path, `./${LONG}`);
    assert.equal(member.linkTarget, LONG);
  });

  test("v7 tells directories by their name", () => {
    const magic = "\0".repeat(8);
    assert.deepEqual(
      read(
        rawTar([
          { name: "d/", type: "\0", magic },
          { name: "d/f", type: "\0", magic, content: "v7" },
        ]),
      ).map(({ type, uname, content }) => [type, uname, content]),
      [
        ["directory", "", ""],
        ["file", "", "v7"],
      ],
    );
  });
});

describe("pax", () => {
  test("records win over long names and headers, for one member", () => {
    const pax = rawPax({
      path: LONG,
      linkpath: "x",
      uid: "4294967295",
      gid: "70000",
      uname: "u\xe9",
      gname: "g",
      mtime: "-1.5",
      "SCHILY.xattr.user.x": "a\n=b",
      comment: "c",
      toString: "t",
    });
    const [first, second] = read(
      rawTar([
        { name: "././@LongLink", type: "L", content: "gnu" },
        pax,
        { name: "header", uid: 1, content: "a" },
        { name: "second", uid: 2, content: "b" },
      ]),
    );
    assert.deepEqual(
      [
        first!.path,
        first!.uid,
        first!.gid,
        first!.uname,
        first!.gname,
        first!.mtimeSeconds,
        first!.linkTarget,
      ],
      [LONG, 4294967295, 70000, "u\xe9", "g", -2, ""],
    );
    assert.deepEqual([second!.path, second!.uid], ["second", 2]);
  });

  test("the size of a record is what counts", () => {
    const member = readOne(rawPax({ size: "5" }), { name: "f", size: 0, content: "12345" });
    assert.equal(member.content, "12345");
  });

  test("global records hold until another takes them away", () => {
    const members = read(
      rawTar([
        rawPax({ gid: "7", comment: "of git archive" }, "g"),
        { name: "a" },
        rawPax({ gid: "8" }),
        { name: "b" },
        { name: "c" },
        rawPax({ gid: "" }, "g"),
        { name: "d" },
      ]),
    );
    assert.deepEqual(
      members.map(({ gid }) => gid),
      [7, 8, 7, 0],
    );
  });

  const malformed: readonly string[] = [
    "x",
    "5 a=b",
    "6 a=b\n\n",
    "7 a=b\n",
    "06 a=b\n",
    "+6 a=b\n",
    "5 =b\n",
    "5 ab\n",
    "4 =\n",
    "99999999999 a=b\n",
    "0 a=b\n",
    "6 a=b",
  ];
  for (const text of malformed) {
    test(`refuses the record ${JSON.stringify(text)}`, () => {
      refuses(
        rawTar([{ name: "p", type: "x", content: text }, { name: "f" }]),
        "BAD_TAR",
        /record is malformed/,
      );
    });
  }

  for (const [key, value] of [
    ["size", "-1"],
    ["size", "0x10"],
    ["size", "9999999999999999"],
    ["uid", "4294967296"],
    ["uid", "1.5"],
    ["mtime", "now"],
    ["path", "a\0b"],
    ["linkpath", "a\0b"],
  ] as const) {
    test(`refuses ${key}=${JSON.stringify(value)}`, () => {
      refuses(
        rawTar([rawPax({ [key]: value }), { name: "f" }]),
        "BAD_TAR",
        new RegExp(`the pax record "${key}"`),
      );
    });
  }
});

describe("numbers", () => {
  test("octal with blanks around it, or nothing", () => {
    const member = readOne({
      name: "f",
      size: "      7 \0\0\0\0",
      uid: "       ",
      gid: "\0",
      content: "1234567",
    });
    assert.deepEqual([member.size, member.uid, member.gid], [7, 0, 0]);
  });

  test("base 256, positive and negative", () => {
    const member = readOne({
      name: "f",
      uid: "\x80\0\0\0\0\x12\x34\x56",
      mtime: `\xff${"\xff".repeat(10)}\xfe`,
      size: `\x80${"\0".repeat(10)}\x03`,
      content: "abc",
    });
    assert.deepEqual([member.uid, member.mtimeSeconds, member.content], [0x123456, -2, "abc"]);
  });

  for (const [summary, member, message] of [
    ["a negative size", { size: "\xff".repeat(12) }, /negative size/],
    ["a size of 2^90", { size: `\x84${"\0".repeat(11)}` }, /size that is too large/],
    ["a negative owner", { uid: "\xff".repeat(8) }, /negative uid/],
    ["an owner over 32 bits", { gid: "\x80\0\0\x01\0\0\0\0" }, /gid that is too large/],
    ["a size that is no number", { size: "12x" }, /size that is no number/],
    ["a decimal mode", { mode: "0000698" }, /mode that is no number/],
    ["a minus sign", { size: "-1" }, /size that is no number/],
  ] as const) {
    test(`refuses ${summary}`, () => refuses(rawTar([{ name: "f", ...member }]), "BAD_TAR", message));
  }

  test("checks the sum of the header, of signed bytes too", () => {
    assert.equal(readOne({ name: "\xe9", signedChecksum: true }).path, "\xe9");
    for (const checksumError of [1, -1, 256]) {
      refuses(rawTar([{ name: "f", checksumError }]), "BAD_TAR", /header at offset 0 has a wrong checksum/);
    }
  });
});

describe("refuses what programs read in different ways", () => {
  for (const type of ["1", "2", "5"]) {
    test(`content of type ${type}`, () => {
      refuses(rawTar([{ name: "x", type, link: "y", content: "hidden" }]), "BAD_TAR", /has content/);
    });
  }

  test("two long names or pax headers of one member", () => {
    const name: RawMember = { name: "l", type: "L", content: "a" };
    refuses(rawTar([name, name, { name: "f" }]), "BAD_TAR", /two headers/);
    const link: RawMember = { name: "l", type: "K", content: "a" };
    refuses(rawTar([link, link, { name: "f" }]), "BAD_TAR", /two headers/);
    const pax = rawPax({ path: "a" });
    refuses(rawTar([pax, pax, { name: "f" }]), "BAD_TAR", /two headers/);
  });

  test("members without a name", () => {
    refuses(rawTar([{ name: "", mode: 0o644 }]), "BAD_TAR", /no name/);
    refuses(rawTar([{ name: "l", type: "L", content: "\0" }, { name: "f" }]), "BAD_TAR", /no name/);
  });

  test("anything but zeros behind the end", () => {
    const archive = rawTar([{ name: "a" }]);
    assert.equal(read(Buffer.concat([archive, Buffer.alloc(9000)])).length, 1);
    refuses(Buffer.concat([archive, archive]), "BAD_TAR", /data follows the end/);
    refuses(Buffer.concat([archive.subarray(0, 1024), archive]), "BAD_TAR", /a member follows the end/);
  });

  test("sparse files and types that are not supported", () => {
    for (const type of ["S", "D", "M", "N", "V", "X", "Z", "\xff"]) {
      refuses(
        rawTar([{ name: "odd", type }]),
        "UNSUPPORTED_TAR",
        /the member "odd" (?:is|has the unknown type)/,
      );
    }
    refuses(
      rawTar([rawPax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0" }), { name: "f" }]),
      "UNSUPPORTED_TAR",
      /sparse/,
    );
  });

  test("long names and records of many bytes", () => {
    const size = "00400000000";
    refuses(rawTar([{ name: "l", type: "L", size }]), "BAD_TAR", /more than 1048576 bytes/);
    const global = rawPax({ comment: "x".repeat(600_000) }, "g");
    refuses(rawTar([global, global, { name: "f" }]), "BAD_TAR", /more than 1048576 bytes/);
    assert.equal(read(rawTar([global, { name: "a" }, global, { name: "b" }])).length, 2);
  });
});

test("refuses an archive that ends early, wherever", () => {
  const archive = rawTar([
    { name: "l", type: "L", content: LONG },
    { name: "f", content: "c".repeat(600) },
    rawPax({ path: "g" }),
    { name: "x", content: "y" },
  ]);
  for (let kept = 0; kept < archive.length - 1023; kept += kept % 512 === 1 ? 510 : 1) {
    refuses(archive.subarray(0, kept), "BAD_TAR", /ends early/);
  }
  refuses(rawTar([{ name: "l", type: "L", content: LONG }]), "BAD_TAR", /between a long name and its member/);
  // One block of zeros is enough, as it is for dpkg.
  assert.equal(read(archive.subarray(0, -512)).length, 2);
});

test("gives the same members however the archive is cut", () => {
  const member = fc.record({
    name: fc.stringMatching(/^[a-z]{1,20}$/),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0o777777 }),
    content: fc.string({ maxLength: 1500, unit: "binary-ascii" }),
  });
  const special = fc.constantFrom<RawMember | Buffer>(
    { name: "dir/" },
    { name: "link", type: "2", link: "x" },
    Buffer.concat([
      rawMember({ name: "l", type: "L", content: LONG }),
      rawMember({ name: "f", content: "z" }),
    ]),
    Buffer.concat([rawPax({ path: LONG }), rawMember({ name: "f", content: "z".repeat(512) })]),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(member, special), { maxLength: 8 }),
      fc.array(fc.nat(20_000), { maxLength: 30 }),
      (members, cuts) => {
        const archive = rawTar(members);
        const inside = cuts.filter((cut) => cut < archive.length).sort((a, b) => a - b);
        assert.deepEqual(read(archive, inside), read(archive));
      },
    ),
    { numRuns: 100 },
  );
  const archive = rawTar([{ name: "a", content: "b".repeat(513) }, rawPax({ path: "p" }), { name: "q" }]);
  const everywhere = Array.from({ length: archive.length }, (_, i) => i);
  assert.deepEqual(read(archive, everywhere), read(archive));
});

test("any bytes give members or a FormatError", () => {
  const archive = rawTar([rawPax({ path: "p", size: "3" }), { name: "q", content: "abc" }, { name: "d/" }]);
  fc.assert(
    fc.property(fc.nat(archive.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(archive);
      damaged[at] = byte;
      try {
        read(damaged);
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
