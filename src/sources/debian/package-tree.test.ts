import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { describe, test } from "node:test";
import fc from "fast-check";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import type { RawMember } from "../../../test/kit/tar.ts";
import { COMPRESSORS, pinOf, RAW_CONTROL, rawAr, rawDeb, rawMember, rawTar } from "../../../test/kit/tar.ts";
import { TareError } from "../../model/errors.ts";
import type { Pin } from "../../model/lock.ts";
import type { StoreObject } from "../../model/store-object.ts";
import type { FileEntry, TreeEntry } from "../../model/tree.ts";
import { ContentError, ContentReader } from "../../platform/content.ts";
import { DiskError } from "../../platform/disk.ts";
import { PackageError } from "./package-error.ts";
import { openPackage, readCachedPackage } from "./package-tree.ts";

const DATA: readonly RawMember[] = [
  { name: "./" },
  { name: "./usr/" },
  { name: "./usr/bin/" },
  { name: "./usr/bin/hello", mode: 0o2755, gid: 42, content: "#!/bin/sh\necho hello\n" },
  { name: "./usr/bin/hi", type: "1", link: "./usr/bin/hello" },
  { name: "./usr/bin/hey", type: "2", link: "hello" },
];

function setUp(t: TestContext) {
  const context = testContext(t);
  const debFile = join(temporaryDirectory(t), "hello.deb");
  return {
    context,
    debFile,
    open: (deb: Buffer, pin: Partial<Pin> = {}) => {
      writeFileSync(debFile, deb);
      return openPackage(pinOf(deb, pin), debFile, context);
    },
    /** Names in the cache's folder of trees. */
    left: () =>
      existsSync(join(context.cache.root, "trees")) ? readdirSync(join(context.cache.root, "trees")) : [],
  };
}

function readFile(object: StoreObject, path: string): string {
  const entry = object.tree.entries.find((entry: TreeEntry) => entry.path === path);
  using reader = new ContentReader();
  return Buffer.from(reader.read(entry as FileEntry)).toString();
}

function archiveOf(object: StoreObject): string {
  const file = object.tree.entries.find((entry): entry is FileEntry => entry.type === "file");
  assert.ok(file?.content.kind === "range");
  return file.content.file;
}

function fails(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PackageError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  };
}

for (const compression of Object.keys(COMPRESSORS) as (keyof typeof COMPRESSORS)[]) {
  test(`opens a .deb whose members are data.tar${compression}`, async (t) => {
    const { open, left } = setUp(t);
    const deb = rawDeb({
      compression,
      data: DATA,
      control: [
        { name: "./" },
        { name: "./postinst", mode: 0o755, content: "#!/bin/sh\necho caf\xe9\n" },
        { name: "./control", content: `${RAW_CONTROL}Maintainer: Zo\xc3\xab\n` },
        { name: "./conffiles", content: "/etc/hello\n" },
      ],
    });
    const object = await open(deb);
    const { sha256 } = pinOf(deb);
    assert.equal(object.id, "deb/hello/1.0-1/amd64");
    assert.equal(object.label, "hello 1.0-1");
    assert.deepEqual(object.placement, { kind: "at-root" });
    assert.deepEqual(object.declaredReferences, ["libc6"]);
    assert.deepEqual(
      object.tree.entries.map((entry) => [entry.path, entry.type, entry.mode, entry.gid]),
      [
        ["", "directory", 0o755, 0],
        ["usr", "directory", 0o755, 0],
        ["usr/bin", "directory", 0o755, 0],
        ["usr/bin/hello", "file", 0o2755, 42],
        ["usr/bin/hey", "symlink", 0o777, 0],
        ["usr/bin/hi", "file", 0o2755, 42],
      ],
    );
    assert.equal((object.tree.entries[3] as FileEntry).inode, `${sha256}:usr/bin/hello`);
    assert.equal((object.tree.entries[5] as FileEntry).inode, `${sha256}:usr/bin/hello`);
    assert.equal(readFile(object, "usr/bin/hi"), "#!/bin/sh\necho hello\n");
    assert.deepEqual(
      [...object.package!.control],
      [
        ["Package", "hello"],
        ["Version", "1.0-1"],
        ["Architecture", "amd64"],
        ["Description", "greets\n at length"],
        ["Maintainer", "Zoë"],
      ],
    );
    assert.deepEqual(
      [...object.package!.controlFiles],
      [
        ["conffiles", "/etc/hello\n"],
        ["postinst", "#!/bin/sh\necho caf\xe9\n"],
      ],
    );
    assert.deepEqual(left().sort(), [`${sha256}.json`, `${sha256}.tar`]);
  });
}

describe("the cache", () => {
  test("spares the .deb: it may be gone", async (t) => {
    const { open, context, debFile } = setUp(t);
    const deb = rawDeb({ data: DATA });
    assert.equal(readCachedPackage(pinOf(deb), context), undefined);
    const first = await open(deb);
    rmSync(debFile);
    const second = await openPackage(pinOf(deb), debFile, context);
    assert.deepEqual(second, first);
    assert.deepEqual(readCachedPackage(pinOf(deb), context), first);
  });

  test("is made again when index or archive are damaged", async (t) => {
    const { open, context } = setUp(t);
    const deb = rawDeb({ data: DATA });
    const first = await open(deb);
    const archive = archiveOf(first);
    const index = archive.replace(/tar$/, "json");
    for (const damage of [
      () => writeFileSync(index, "{}"),
      () => writeFileSync(index, readFileSync(index).subarray(0, -1)),
      () => writeFileSync(archive, readFileSync(archive).subarray(0, -512)),
      () => rmSync(archive),
      () => rmSync(index),
    ]) {
      damage();
      assert.equal(readCachedPackage(pinOf(deb), context), undefined);
      const again = await open(deb);
      assert.deepEqual(again, first);
      assert.equal(readFile(again, "usr/bin/hello"), "#!/bin/sh\necho hello\n");
    }
  });

  test("damage inside the archive is found when the file is read", async (t) => {
    const { open } = setUp(t);
    const object = await open(rawDeb({ data: DATA }));
    const archive = archiveOf(object);
    const bytes = readFileSync(archive);
    bytes[bytes.indexOf("echo")]! ^= 1;
    writeFileSync(archive, bytes);
    assert.throws(() => readFile(object, "usr/bin/hello"), ContentError);
  });

  test("two at once give one tree", async (t) => {
    const { open, left } = setUp(t);
    const deb = rawDeb({ data: DATA });
    const [first, second] = await Promise.all([open(deb), open(deb)]);
    assert.deepEqual(first, second);
    assert.equal(left().length, 2);
  });

  test("holds nothing of a package that is stopped on the way", async (t) => {
    const controller = new AbortController();
    const context = testContext(t, { signal: controller.signal });
    const debFile = join(temporaryDirectory(t), "hello.deb");
    const deb = rawDeb({ data: [{ name: "zeros", content: Buffer.alloc(20 << 20) }], compression: "" });
    writeFileSync(debFile, deb);
    const opening = openPackage(pinOf(deb), debFile, context);
    setImmediate(() => controller.abort());
    await assert.rejects(opening, { name: "AbortError" });
    assert.deepEqual(readdirSync(join(context.cache.root, "trees")), []);
  });
});

describe("a .deb that is not the pinned one", () => {
  test("is refused before it is unpacked when its size differs", async (t) => {
    const { open, left } = setUp(t);
    const deb = rawDeb({ data: DATA });
    for (const other of [deb.subarray(0, -1), Buffer.concat([deb, Buffer.from("\n")])]) {
      const opening = open(other, pinOf(deb));
      await assert.rejects(
        opening,
        fails("DEB_HASH_MISMATCH", /hello 1\.0-1: its \.deb has \d+ bytes, the lock says/),
      );
    }
    assert.deepEqual(left(), []);
  });

  test("is refused for its hash, whatever else is wrong with it", async (t) => {
    const { open, left } = setUp(t);
    const deb = rawDeb({ data: DATA });
    for (const damage of [
      (bytes: Buffer) => bytes.write("X", 0),
      (bytes: Buffer) => bytes.fill(0, 300, 320),
      (bytes: Buffer) => bytes.fill(0, bytes.length - 30),
      // Harmless to the contents: the time in an ar header.
      (bytes: Buffer) => bytes.write("1", 8 + 16),
    ]) {
      const damaged = Buffer.from(deb);
      damage(damaged);
      await assert.rejects(
        open(damaged, pinOf(deb)),
        fails("DEB_HASH_MISMATCH", /its \.deb has sha256 [0-9a-f]{64}, the lock says/),
      );
    }
    assert.deepEqual(left(), []);
  });

  test("is an error of the disk when it is not there", async (t) => {
    const { context, debFile } = setUp(t);
    await assert.rejects(openPackage(pinOf(Buffer.alloc(0)), debFile, context), DiskError);
  });
});

test("a package of another name, version or architecture is refused, from the cache too", async (t) => {
  const { open, left, context } = setUp(t);
  const deb = rawDeb({ data: DATA });
  const others: readonly Partial<Pin>[] = [
    { name: "hallo" },
    { version: "1.0-2" },
    { architecture: "arm64" },
  ];
  for (const other of others) {
    await assert.rejects(
      open(deb, other),
      fails("DEB_WRONG_PACKAGE", /hello_1\.0-1_amd64\.deb: its \w+ is ".*", the lock says/),
    );
    assert.deepEqual(left(), []);
  }
  await open(deb);
  for (const other of others) {
    assert.throws(
      () => readCachedPackage(pinOf(deb, other), context),
      fails("DEB_WRONG_PACKAGE", /the lock says/),
    );
  }
});

describe("a pinned .deb that is at fault is refused, and leaves nothing", () => {
  const gzip = COMPRESSORS[".gz"];
  const format = { name: "debian-binary", content: "2.0\n" };
  const control = {
    name: "control.tar.gz",
    content: gzip(rawTar([{ name: "control", content: RAW_CONTROL }])),
  };
  const data = { name: "data.tar.gz", content: gzip(rawTar(DATA)) };
  const tar = rawTar(DATA);
  const sparse = rawMember({ name: "s", type: "S" });
  const cases: readonly (readonly [summary: string, deb: Buffer, code: string, message: RegExp])[] = [
    ["no archive", Buffer.from("hello"), "DEB_MALFORMED", /hello 1\.0-1: it does not begin as an ar archive/],
    [
      "another format",
      rawAr([{ ...format, content: "3.0\n" }, control, data]),
      "DEB_MALFORMED",
      /its format is "3\.0"/,
    ],
    [
      "a truncated .deb",
      rawAr([format, control, data]).subarray(0, -20),
      "DEB_MALFORMED",
      /data\.tar\.gz claims/,
    ],
    [
      "a truncated member",
      rawAr([format, control, { ...data, content: data.content.subarray(0, -20) }]),
      "DEB_MALFORMED",
      /in data\.tar\.gz, it ends early/,
    ],
    [
      "garbage behind the data",
      rawAr([format, control, { ...data, content: Buffer.concat([data.content, Buffer.from("garbage")]) }]),
      "DEB_MALFORMED",
      /in data\.tar\.gz, its bytes are damaged/,
    ],
    [
      "a truncated tar",
      rawDeb({ data: tar.subarray(0, -1500) }),
      "DEB_MALFORMED",
      /in data\.tar\.gz, it ends early/,
    ],
    [
      "a tar with a lying size",
      rawDeb({ data: [{ name: "f", size: 5000, content: "x" }] }),
      "DEB_MALFORMED",
      /data\.tar\.gz, it ends early/,
    ],
    [
      "a control with a lying size",
      rawDeb({ data: DATA, control: [{ name: "control", size: 5000, content: RAW_CONTROL }] }),
      "DEB_MALFORMED",
      /control\.tar\.gz, it ends early/,
    ],
    [
      "no control file",
      rawDeb({ data: DATA, control: [{ name: "./" }] }),
      "DEB_MALFORMED",
      /in control\.tar\.gz, it has no file "control"/,
    ],
    [
      "an empty control file",
      rawDeb({ data: DATA, control: [{ name: "control" }] }),
      "DEB_MALFORMED",
      /in control\.tar\.gz, the control file: it has 0 stanzas/,
    ],
    [
      "a control file that is none",
      rawDeb({ data: DATA, control: [{ name: "control", content: "\0\x01" }] }),
      "DEB_MALFORMED",
      /the control file: line 1/,
    ],
    [
      "a control file without fields of a package",
      rawDeb({ data: DATA, control: [{ name: "control", content: "Source: x\n" }] }),
      "DEB_WRONG_PACKAGE",
      /its Package is missing/,
    ],
    [
      "bzip2 that is none",
      rawAr([format, control, { ...data, name: "data.tar.bz2" }]),
      "DEB_MALFORMED",
      /in data\.tar\.bz2, it is no bzip2 data/,
    ],
    ["a sparse file", rawDeb({ data: [sparse] }), "DEB_UNSUPPORTED", /the member "s" is a sparse file/],
    [
      "..",
      rawDeb({ data: [{ name: "../../etc/passwd" }] }),
      "DEB_UNSAFE",
      /in data\.tar\.gz, the member "\.\.\/\.\.\/etc\/passwd"/,
    ],
    ["an absolute name", rawDeb({ data: [{ name: "/etc/passwd" }] }), "DEB_UNSAFE", /the path is absolute/],
    [
      "a name behind a link",
      rawDeb({ data: [{ name: "./a", type: "2", link: "/" }, { name: "./a/b" }] }),
      "DEB_UNSAFE",
      /"a\/b" lies below "a"/,
    ],
    [
      "a device",
      rawDeb({ data: [{ name: "./dev/sda", type: "4" }] }),
      "DEB_UNSAFE",
      /"\.\/dev\/sda" is a block device/,
    ],
    [
      "a control file elsewhere",
      rawDeb({ data: DATA, control: [{ name: "../control", content: "" }] }),
      "DEB_UNSAFE",
      /in control\.tar\.gz, the file "\.\.\/control"/,
    ],
    [
      "a control file that is a link",
      rawDeb({ data: DATA, control: [{ name: "control", type: "2", link: "/etc/passwd" }] }),
      "DEB_UNSAFE",
      /the symlink "control"/,
    ],
    [
      "two control files",
      rawDeb({
        data: DATA,
        control: [
          { name: "control", content: RAW_CONTROL },
          { name: "./control", content: RAW_CONTROL },
        ],
      }),
      "DEB_UNSAFE",
      /twice/,
    ],
    [
      "a control file of many megabytes",
      rawDeb({ data: DATA, control: [{ name: "control", content: Buffer.alloc(70 << 20) }] }),
      "DEB_TOO_LARGE",
      /in control\.tar\.gz, it holds more than 67108864/,
    ],
    [
      "a compression bomb",
      rawDeb({ data: [{ name: "zeros", content: Buffer.alloc(80 << 20) }] }),
      "DEB_TOO_LARGE",
      /in data\.tar\.gz, it holds more than/,
    ],
  ];
  for (const [summary, deb, code, message] of cases) {
    test(summary, async (t) => {
      const { open, left } = setUp(t);
      await assert.rejects(open(deb), fails(code, message));
      assert.deepEqual(left(), []);
    });
  }

  test("but a large file is none when Installed-Size says so", async (t) => {
    const { open } = setUp(t);
    const deb = rawDeb({
      data: [{ name: "zeros", content: Buffer.alloc(80 << 20) }],
      control: [{ name: "control", content: `${RAW_CONTROL}Installed-Size: ${80 << 10}\n` }],
    });
    const object = await open(deb);
    assert.equal(statSync(archiveOf(object)).size, (80 << 20) + 1536);
  });
});

test("any damage gives a tree or a TareError, and leaves nothing", async (t) => {
  const { open, left, context } = setUp(t);
  const debs = [".gz", ".xz", ".zst", ""].map((compression) =>
    rawDeb({ data: DATA, compression: compression as keyof typeof COMPRESSORS }),
  );
  const trees = dirname(context.cache.path("trees", "x"));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...debs),
      fc.nat(),
      fc.nat(255),
      fc.boolean(),
      async (deb, at, byte, cut) => {
        const damaged = Buffer.from(cut ? deb.subarray(0, at % deb.length) : deb);
        if (!cut) damaged[at % deb.length] = byte;
        try {
          // The pin is that of the damaged bytes: the hash does not save us.
          await open(damaged);
          assert.equal(left().length, 2);
        } catch (error) {
          assert.ok(error instanceof TareError, String(error));
          assert.deepEqual(left(), []);
        }
        for (const name of left()) rmSync(join(trees, name));
      },
    ),
    { numRuns: 200 },
  );
});
