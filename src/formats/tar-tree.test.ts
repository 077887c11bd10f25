import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import type { RawMember } from "../../test/kit/tar.ts";
import { rawPax, rawTar } from "../../test/kit/tar.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";
import { FormatError } from "./errors.ts";
import { TarTreeBuilder } from "./tar-tree.ts";

function build(archive: Buffer): readonly TreeEntry[] {
  const builder = new TarTreeBuilder({ file: "/cache/x.tar", inodePrefix: "x" });
  builder.write(archive);
  return builder.end();
}

function dump(entries: readonly TreeEntry[], archive: Buffer): string[] {
  return entries.map((entry) => {
    const head = `/${entry.path}: ${entry.type} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`;
    if (entry.type === "directory") return head;
    if (entry.type === "symlink") return `${head} -> ${entry.target}`;
    assert.ok(entry.content.kind === "range");
    const { offset } = entry.content;
    const bytes = archive.subarray(offset, offset + entry.size);
    assert.equal(entry.content.file, "/cache/x.tar");
    assert.equal(entry.content.crc32, crc32(bytes));
    assert.equal(entry.content.sha256, createHash("sha256").update(bytes).digest("hex"));
    return `${head} ${JSON.stringify(bytes.toString())}${entry.inode === undefined ? "" : ` inode ${entry.inode}`}`;
  });
}

test("keeps owners, modes, setuid bits, links and contents, in the order of trees", () => {
  const archive = rawTar([
    { name: "./" },
    { name: "./usr/", uid: 0 },
    { name: "./usr/bin/" },
    { name: "./usr/bin/sudo", mode: 0o4755, gid: 27, content: "setuid" },
    { name: "./usr/bin-extra" },
    { name: "./usr/bin/z", type: "1", link: "./usr/bin/sudo", mode: 0o600, uid: 9 },
    { name: "./usr/bin/edit", type: "1", link: "usr/bin/z" },
    { name: "./usr/bin/sudoedit", type: "2", link: "../../../sudo", mode: 0o644 },
    { name: "./tmp/", mode: 0o1777 },
    { name: "./var/empty", content: "", mode: 0o2640, uid: 65534, gid: 4_000_000 % 0o7777777 },
  ]);
  assert.deepEqual(dump(build(archive), archive), [
    "/: directory 755 0:0",
    "/tmp: directory 1777 0:0",
    "/usr: directory 755 0:0",
    "/usr/bin: directory 755 0:0",
    '/usr/bin/edit: file 4755 0:27 "setuid" inode x:usr/bin/sudo',
    '/usr/bin/sudo: file 4755 0:27 "setuid" inode x:usr/bin/sudo',
    "/usr/bin/sudoedit: symlink 777 0:0 -> ../../../sudo",
    '/usr/bin/z: file 4755 0:27 "setuid" inode x:usr/bin/sudo',
    '/usr/bin-extra: file 644 0:0 ""',
    `/var/empty: file 2640 65534:${4_000_000 % 0o7777777} ""`,
  ]);
});

test("names are bytes", () => {
  const [entry] = build(rawTar([{ name: "caf\xe9\xff\n", content: "x" }])) as FileEntry[];
  assert.equal(entry!.path, "caf\xe9\xff\n");
});

test("a directory given twice alike is one", () => {
  const entries = build(rawTar([{ name: "./a/" }, { name: "a/" }]));
  assert.equal(entries.length, 1);
});

test("links may point anywhere: they are text", () => {
  const archive = rawTar([
    { name: "a", type: "2", link: "/etc/passwd" },
    { name: "b", type: "2", link: "../../.." },
    { name: "c", type: "2", link: "a" },
  ]);
  assert.equal(build(archive).length, 3);
});

describe("refuses", () => {
  const cases: readonly (readonly [summary: string, members: (RawMember | Buffer)[], message: RegExp])[] = [
    ["an absolute name", [{ name: "/etc/passwd" }], /"\/etc\/passwd" cannot be placed: the path is absolute/],
    ["an absolute name behind ./", [{ name: ".//etc/passwd" }], /the path is absolute/],
    ["..", [{ name: "../x" }], /"\.\.\/x" cannot be placed: the path has the component "\.\."/],
    [".. inside", [{ name: "./a/../../x" }], /component "\.\."/],
    [".. as a directory", [{ name: "./../" }], /component "\.\."/],
    [". inside", [{ name: "./a/./b" }], /component "\."/],
    ["an empty component", [{ name: "a//b" }], /empty component/],
    ["a file that is called a directory", [{ name: "a/", type: "0" }], /empty component/],
    ["a component of 256 bytes", [rawPax({ path: "n".repeat(256) }), { name: "x" }], /longer than 255/],
    ["a path of 4096 bytes", [rawPax({ path: `${"n/".repeat(2047)}nn` }), { name: "x" }], /longer than 4095/],
    ["a character device", [{ name: "dev/null", type: "3" }], /"dev\/null" is a character device/],
    ["a block device", [{ name: "dev/sda", type: "4" }], /is a block device/],
    ["a fifo", [{ name: "pipe", type: "6" }], /is a fifo/],
    [
      "a file below a link",
      [{ name: "a", type: "2", link: "/etc" }, { name: "a/b" }],
      /"a\/b" lies below "a", which is a symlink/,
    ],
    [
      "a link made later",
      [{ name: "a/b/c" }, { name: "./a", type: "2", link: "/etc" }],
      /"a\/b\/c" lies below "a"/,
    ],
    [
      "a file far below a link",
      [{ name: "a", type: "2", link: "/" }, { name: "a/b/" }, { name: "a/b/c" }],
      /lies below "a"/,
    ],
    ["a file below a file", [{ name: "a", content: "x" }, { name: "a/b" }], /which is a file/],
    ["a file twice", [{ name: "a" }, { name: "./a" }], /member "\.\/a" twice/],
    ["a directory that becomes a link", [{ name: "a/" }, { name: "a", type: "2", link: "/" }], /twice/],
    ["a link that becomes a directory", [{ name: "a", type: "2", link: "/" }, { name: "a/" }], /twice/],
    ["directories that differ", [{ name: "a/" }, { name: "a/", mode: 0o777 }], /twice/],
    ["a link as the root", [{ name: "./", type: "2", link: "/etc" }], /root is no directory/],
    ["a file as the root", [{ name: ".", content: "x" }], /root is no directory/],
    [
      "a hard link to nothing",
      [{ name: "a", type: "1", link: "b" }],
      /"a" is a hard link to "b", which is no file before/,
    ],
    [
      "a hard link to what comes later",
      [{ name: "a", type: "1", link: "b" }, { name: "b" }],
      /no file before/,
    ],
    ["a hard link to itself", [{ name: "a", type: "1", link: "a" }], /no file before/],
    ["a hard link over its target", [{ name: "a" }, { name: "a", type: "1", link: "a" }], /twice/],
    ["a hard link to a directory", [{ name: "d/" }, { name: "a", type: "1", link: "d" }], /no file before/],
    [
      "a hard link to a symlink",
      [
        { name: "s", type: "2", link: "/etc/shadow" },
        { name: "a", type: "1", link: "s" },
      ],
      /no file before/,
    ],
    ["a hard link out of the tree", [{ name: "a", type: "1", link: "../../etc/shadow" }], /component "\.\."/],
    ["a hard link to /", [{ name: "a", type: "1", link: "/etc/shadow" }], /absolute/],
    ["a hard link to no name", [{ name: "a", type: "1", link: "" }], /path is empty/],
    ["an empty link", [{ name: "a", type: "2", link: "" }], /target of 0 bytes/],
    [
      "a link of 4096 bytes",
      [rawPax({ linkpath: "l".repeat(4096) }), { name: "a", type: "2" }],
      /target of 4096/,
    ],
  ];
  for (const [summary, members, message] of cases) {
    test(summary, () => {
      assert.throws(
        () => build(rawTar(members)),
        (error) => {
          assert.ok(error instanceof FormatError, String(error));
          assert.match(error.message, message);
          assert.equal(error.code, "UNSAFE_TAR");
          return true;
        },
      );
    });
  }
});
