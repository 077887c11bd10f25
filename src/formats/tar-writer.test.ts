import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import type { TarHeader } from "./tar-reader.ts";
import { TarReader } from "./tar-reader.ts";
import type { TarMember } from "./tar-writer.ts";
import { tarEndLength, tarHeaderLength, tarPadding, writeTarHeader } from "./tar-writer.ts";

const PLAIN: TarMember = {
  name: "usr/bin/su",
  type: "file",
  mode: 0o4755,
  uid: 0,
  gid: 42,
  size: 5,
  linkName: "",
  mtimeSeconds: 1,
};

function header(member: TarMember): Buffer {
  // Filled with ones: every byte must be written.
  const buffer = Buffer.alloc(tarHeaderLength(member), 0xff);
  assert.equal(writeTarHeader(buffer, 0, member), buffer.length);
  return buffer;
}

function archive(members: readonly TarMember[], recordSize = 512): Buffer {
  const body = Buffer.concat(
    members.flatMap((member) => [
      header(member),
      Buffer.alloc(member.size, "x"),
      Buffer.alloc(tarPadding(member.size)),
    ]),
  );
  return Buffer.concat([body, Buffer.alloc(tarEndLength(body.length, recordSize))]);
}

function read(bytes: Uint8Array): TarHeader[] {
  const headers: TarHeader[] = [];
  const reader = new TarReader({ member: (one) => void headers.push(one), content() {}, memberEnd() {} });
  reader.write(bytes);
  reader.end();
  return headers;
}

const fromText = (text: string) => Buffer.from(text, "utf8").toString("latin1");

test("a plain member is one ustar block, every byte of it as POSIX says", () => {
  const block = header(PLAIN);
  assert.equal(block.length, 512);
  const field = (from: number, to: number) => block.toString("latin1", from, to);
  assert.equal(field(0, 100), "usr/bin/su".padEnd(100, "\0"));
  assert.equal(field(100, 108), "0004755\0");
  assert.equal(field(108, 116), "0000000\0");
  assert.equal(field(116, 124), "0000052\0");
  assert.equal(field(124, 136), "00000000005\0");
  assert.equal(field(136, 148), "00000000001\0");
  assert.match(field(148, 156), /^[0-7]{6}\0 $/);
  assert.equal(field(156, 157), "0");
  assert.equal(field(257, 265), "ustar\x0000");
  assert.equal(field(265, 512), "\0".repeat(247), "no owner names, no device numbers, no prefix");
});

const PAX_CASES: readonly { summary: string; member: Partial<TarMember>; records: string | undefined }[] = [
  { summary: "100 bytes of name fit", member: { name: "n".repeat(100) }, records: undefined },
  { summary: "101 do not", member: { name: "n".repeat(101) }, records: `111 path=${"n".repeat(101)}\n` },
  {
    summary: "nor does a link name of 101",
    member: { type: "symlink", size: 0, linkName: "l".repeat(101) },
    records: `115 linkpath=${"l".repeat(101)}\n`,
  },
  { summary: "non-ASCII names are UTF-8", member: { name: fromText("é") }, records: "11 path=Ã©\n" },
  {
    summary: "bytes that are not UTF-8 stay as they are",
    member: { name: "\xff" },
    records: "9 path=\xff\n",
  },
  { summary: "the largest id of 7 digits fits", member: { uid: 2097151, gid: 2097151 }, records: undefined },
  {
    summary: "larger ids do not",
    member: { uid: 2097152, gid: 4294967295 },
    records: "15 uid=2097152\n18 gid=4294967295\n",
  },
  { summary: "8 GiB do not fit", member: { size: 2 ** 33 }, records: "19 size=8589934592\n" },
  { summary: "one byte less does", member: { size: 2 ** 33 - 1 }, records: undefined },
];

for (const { summary, member, records } of PAX_CASES) {
  test(`pax records: ${summary}`, () => {
    const bytes = header({ ...PLAIN, ...member });
    if (records === undefined) {
      assert.equal(bytes.length, 512);
      return;
    }
    assert.equal(bytes.length, 1536);
    assert.equal(bytes.toString("latin1", 0, 14), "././@PaxHeader");
    assert.equal(bytes.toString("latin1", 156, 157), "x");
    assert.equal(bytes.toString("latin1", 512, 1024), records.padEnd(512, "\0"));
  });
}

test("a record's length counts its own digits", () => {
  for (let length = 101; length < 1100; length++) {
    const name = "n".repeat(length);
    const records = header({ ...PLAIN, name }).toString("latin1", 512);
    const [, digits] = /^(\d+) /.exec(records)!;
    assert.equal(records[Number(digits) - 1], "\n");
    assert.equal(records.slice(0, Number(digits)), `${digits} path=${name}\n`);
  }
});

test("readers without pax see an ASCII form of the name", () => {
  const bytes = header({ ...PLAIN, name: fromText(`世${"n".repeat(120)}`) });
  assert.equal(bytes.toString("latin1", 1024, 1124), `?${"n".repeat(99)}`);
});

test("the end is two blocks, filled to a record where asked", () => {
  assert.equal(tarEndLength(512, 512), 1024);
  assert.equal(tarEndLength(512, 10240), 9728);
  assert.equal(tarEndLength(9216, 10240), 1024);
  assert.equal(tarEndLength(9728, 10240), 10240 + 512);
});

const byteName = fc
  .array(
    fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f),
    { minLength: 1, maxLength: 300 },
  )
  .map((bytes) => Buffer.from(bytes).toString("latin1"));

const anyMember: fc.Arbitrary<TarMember> = fc
  .record({
    name: byteName,
    type: fc.constantFrom("file", "hardlink", "symlink", "directory"),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffffffff }),
    gid: fc.integer({ min: 0, max: 0xffffffff }),
    size: fc.integer({ min: 0, max: 3000 }),
    linkName: byteName,
    mtimeSeconds: fc.integer({ min: 0, max: 2 ** 36 }),
  })
  .map((member) => ({
    ...member,
    name: member.type === "directory" ? `${member.name}/` : member.name,
    size: member.type === "file" ? member.size : 0,
    linkName: member.type === "hardlink" || member.type === "symlink" ? member.linkName : "",
  }));

test("what is written is read back", () => {
  fc.assert(
    fc.property(fc.array(anyMember, { maxLength: 5 }), (members) => {
      const back = read(archive(members)).map(
        ({ path, type, mode, uid, gid, size, linkTarget, mtimeSeconds }) => ({
          name: path as string,
          type,
          mode,
          uid,
          gid,
          size,
          linkName: linkTarget as string,
          mtimeSeconds,
        }),
      );
      assert.deepEqual(back, members);
    }),
    { numRuns: 200 },
  );
});

test("Python's tarfile writes the same bytes", (t) => {
  const members: TarMember[] = [
    PLAIN,
    { ...PLAIN, name: `${"d".repeat(99)}/`, type: "directory", size: 0 },
    { ...PLAIN, name: fromText("Grüße/世界"), size: 0 },
    { ...PLAIN, name: "n".repeat(180), uid: 3_000_000, gid: 4_000_000 },
    { ...PLAIN, name: "link", type: "symlink", size: 0, linkName: fromText("é".repeat(80)) },
    { ...PLAIN, name: "again", type: "hardlink", size: 0, linkName: "usr/bin/su" },
  ];
  const script = `
import io, json, sys, tarfile
out = io.BytesIO()
tar = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)
types = {"file": tarfile.REGTYPE, "hardlink": tarfile.LNKTYPE, "symlink": tarfile.SYMTYPE, "directory": tarfile.DIRTYPE}
for m in json.load(sys.stdin):
    info = tarfile.TarInfo(m["name"].rstrip("/"))
    info.type, info.mode, info.uid, info.gid = types[m["type"]], m["mode"], m["uid"], m["gid"]
    info.size, info.linkname, info.mtime = m["size"], m["linkName"], m["mtimeSeconds"]
    tar.addfile(info, io.BytesIO(b"x" * m["size"]))
tar.close()
sys.stdout.buffer.write(out.getvalue())
`;
  const decode = (text: string) => Buffer.from(text, "latin1").toString("utf8");
  const input = members.map((one) => ({ ...one, name: decode(one.name), linkName: decode(one.linkName) }));
  const python = spawnSync("python3", ["-c", script], { input: JSON.stringify(input) });
  if (python.error !== undefined) return t.skip("python3 is not installed");
  assert.equal(python.status, 0, python.stderr.toString());
  assert.deepEqual(archive(members, 10240), python.stdout);
});
