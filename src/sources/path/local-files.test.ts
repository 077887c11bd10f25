import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { type ElfParts, makeElf } from "../../../test/kit/make-elf.ts";
import { defaultArchive } from "../../model/default-archive.ts";
import type { LocalFile } from "../../model/image-spec.ts";
import { ContentReader } from "../../platform/content.ts";
import { file } from "./file.ts";
import { describeLocalFile, readLocalFiles } from "./local-files.ts";

const LOADER = "/lib64/ld-linux-x86-64.so.2";
const PROGRAM: ElfParts = {
  type: "executable",
  interpreter: LOADER,
  needed: ["libz.so.1", "libc.so.6"],
};

function write(t: TestContext, bytes: string | Uint8Array, mode = 0o755): string {
  const path = join(temporaryDirectory(t), "server");
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  return path;
}

function read(t: TestContext, files: readonly LocalFile[], architecture: "amd64" | "arm64" = "amd64") {
  const context = testContext(t);
  return readLocalFiles({ files, architecture, archive: defaultArchive(architecture) }, context);
}

async function needsOf(t: TestContext, bytes: string | Uint8Array): Promise<string[]> {
  const [object] = await read(t, [file(write(t, bytes), "/usr/bin/server")]);
  return object!.needs.map(({ name }) => name);
}

test("a file is a store object of its own, root's, whose bytes are a copy in the cache", async (t) => {
  const path = write(t, makeElf(PROGRAM));
  const bytes = readFileSync(path);
  const [local] = await read(t, [file(path, "/usr/bin/sérver")]);
  writeFileSync(path, "changed");
  const { object } = local!;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  assert.equal(object.id, `path/${sha256}/usr/bin/sérver`);
  assert.equal(object.label, "/usr/bin/sérver");
  assert.deepEqual(object.placement, { kind: "at-root" });
  const [entry] = object.tree.entries;
  assert.equal(entry?.type, "file");
  if (entry?.type !== "file") return;
  assert.equal(entry.path, "usr/bin/s\u00c3\u00a9rver");
  assert.deepEqual([entry.mode, entry.uid, entry.gid, entry.size], [0o755, 0, 0, bytes.length]);
  assert.equal(entry.content.sha256, sha256);
  using reader = new ContentReader();
  assert.deepEqual(Buffer.from(reader.read(entry)), bytes);
});

const modes: [own: number, asked: number | undefined, mode: number][] = [
  [0o755, undefined, 0o755],
  [0o700, undefined, 0o755],
  [0o600, undefined, 0o644],
  [0o644, 0o4711, 0o4711],
];
for (const [own, asked, mode] of modes) {
  test(`mode ${own.toString(8)}, asked ${asked?.toString(8) ?? "for nothing"}: ${mode.toString(8)}`, async (t) => {
    const local = file(write(t, "data", own), "/data", asked === undefined ? {} : { mode: asked });
    const [object] = await read(t, [local]);
    assert.equal(object!.object.tree.entries[0]!.mode, mode);
    assert.equal((await describeLocalFile(local)).mode, mode);
  });
}

const needs: [summary: string, bytes: string | Uint8Array, wanted: string[]][] = [
  ["a dynamic program", makeElf(PROGRAM), [LOADER, "lib:libz.so.1", "lib:libc.so.6"]],
  ["a library", makeElf({ needed: ["libc.so.6"], soname: "libx.so.1" }), ["lib:libc.so.6"]],
  ["a static program", makeElf({ type: "executable" }), []],
  [
    "libraries by path, and the loader itself",
    makeElf({ ...PROGRAM, needed: ["/opt/lib/a.so", "../b.so", "ld-linux-x86-64.so.2", "linux-vdso.so.1"] }),
    [LOADER, "/opt/lib/a.so"],
  ],
  [
    "a program for musl",
    makeElf({ ...PROGRAM, interpreter: "/lib/ld-musl-x86_64.so.1", needed: ["libc.so", "libz.so.1"] }),
    ["/lib/ld-musl-x86_64.so.1", "lib:libz.so.1"],
  ],
  ["a script", "#!/bin/sh -e\n", ["/bin/sh"]],
  ["a script by env", "#!/usr/bin/env -S python3 -u\n", ["/usr/bin/env", "bin:python3"]],
  ["data", "\0\0\0", []],
  ["an empty file", "", []],
];
for (const [summary, bytes, wanted] of needs) {
  test(`what is needed by ${summary}`, async (t) => assert.deepEqual(await needsOf(t, bytes), wanted));
}

test("what another file of the image is, is asked of no archive", async (t) => {
  const program = write(t, makeElf({ ...PROGRAM, needed: ["libown.so.1", "libc.so.6"] }));
  const library = write(t, makeElf({ soname: "libown.so.1" }));
  const script = write(t, "#!/usr/bin/env server\n");
  const [first, , third] = await read(t, [
    file(program, "/usr/bin/server"),
    file(library, "/opt/lib/libown.so.1"),
    file(script, "/usr/bin/script"),
    file(write(t, "x"), "/bin/env"),
  ]);
  assert.deepEqual(
    first!.needs.map(({ name }) => name),
    [LOADER, "lib:libc.so.6"],
  );
  assert.deepEqual(third!.needs, []);
});

test("a link is followed", async (t) => {
  const directory = temporaryDirectory(t);
  symlinkSync(write(t, "data"), join(directory, "link"));
  const [object] = await read(t, [file(join(directory, "link"), "/data")]);
  assert.equal(object!.object.tree.entries[0]!.type, "file");
});

test("what is no file is refused with LOCAL_FILE_MISSING", async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "d"));
  const missing = file(join(directory, "none"), "/x");
  await assert.rejects(read(t, [missing]), { code: "LOCAL_FILE_MISSING", message: /no such file/ });
  await assert.rejects(describeLocalFile(missing), { code: "LOCAL_FILE_MISSING" });
  await assert.rejects(read(t, [file(join(directory, "d"), "/x")]), {
    code: "LOCAL_FILE_MISSING",
    message: /a directory/,
  });
  await assert.rejects(read(t, [file("/dev/null", "/x")]), { message: /no regular file/ });
});

const foreign: [machine: number, architecture: "amd64" | "arm64", message: RegExp, hint: RegExp][] = [
  [183, "amd64", /image for amd64: it is a program for arm64$/, /architecture: "arm64"/],
  [62, "arm64", /image for arm64: it is a program for amd64$/, /architecture: "amd64"/],
  [243, "amd64", /ELF machine 243/, /Build the program for amd64/],
];
for (const [machine, architecture, message, hint] of foreign) {
  test(`machine ${machine} in an image for ${architecture} is refused with LOCAL_FILE_FOREIGN`, async (t) => {
    const path = write(t, makeElf({ ...PROGRAM, machine }));
    await assert.rejects(read(t, [file(path, "/usr/bin/server")], architecture), {
      code: "LOCAL_FILE_FOREIGN",
      message,
      hint,
    });
  });
}

test("a program that is cut short is refused with LOCAL_FILE_DAMAGED", async (t) => {
  const path = write(t, makeElf(PROGRAM).subarray(0, 200));
  await assert.rejects(read(t, [file(path, "/usr/bin/server")]), {
    code: "LOCAL_FILE_DAMAGED",
    message: /damaged ELF file/,
  });
});
