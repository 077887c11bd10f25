import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { DiskError } from "./disk.ts";
import {
  FileCopy,
  fileIdentity,
  isPlainFile,
  listDirectory,
  pathKind,
  readRange,
  readSmallFile,
} from "./files.ts";
import { TemporaryFile } from "./output.ts";

const SIGNAL = new AbortController().signal;

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

test("what is at a path", (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "file");
  writeFileSync(file, "x");
  symlinkSync("file", join(directory, "link"));
  assert.equal(pathKind(file), "file");
  assert.equal(pathKind(directory), "directory");
  assert.equal(pathKind("/dev/null"), "other");
  assert.equal(pathKind(join(directory, "none")), undefined);
  assert.equal(pathKind(join(directory, "link")), "file");
  assert.equal(isPlainFile(file), true);
  assert.equal(isPlainFile(join(directory, "link")), false);
  assert.equal(isPlainFile(directory), false);
  assert.deepEqual(listDirectory(directory)?.sort(), ["file", "link"]);
  assert.equal(listDirectory(file), undefined);
  assert.equal(listDirectory(join(directory, "none")), undefined);
});

test("small files are read whole, large ones not at all", (t) => {
  const file = join(temporaryDirectory(t), "file");
  assert.equal(readSmallFile(file, 10), undefined);
  writeFileSync(file, "0123456789");
  assert.equal(readSmallFile(file, 10)?.toString(), "0123456789");
  assert.equal(readSmallFile(file, 9), "too-large");
  assert.throws(
    () => readSmallFile("/", 1 << 20),
    (error) => error instanceof DiskError && error.code === "DISK_ERROR",
  );
});

test("a range is read from its offset, and ends with the file", async (t) => {
  const file = join(temporaryDirectory(t), "file");
  const bytes = Buffer.alloc(3 << 20, "0123456789abcdef");
  writeFileSync(file, bytes);
  const read = (offset: number, size: number) =>
    collect(readRange({ file, offset, size }, SIGNAL, (cause) => cause));
  assert.equal((await read(5, 20)).toString(), "56789abcdef012345678");
  assert.equal((await read(1, 2 << 20)).equals(bytes.subarray(1, 1 + (2 << 20))), true);
  assert.equal((await read(bytes.length - 3, 100)).toString(), "def");
  assert.equal((await read(0, 0)).length, 0);
});

test("a range of a file that is gone, and an abort", async (t) => {
  const file = join(temporaryDirectory(t), "file");
  const range = { file, offset: 0, size: 1 };
  await assert.rejects(collect(readRange(range, SIGNAL, () => new Error("gone"))), /^Error: gone$/);
  writeFileSync(file, "x");
  await assert.rejects(
    collect(readRange(range, AbortSignal.abort(new Error("stop")), (cause) => cause)),
    /stop/,
  );
});

test("a copy has its name only when it is committed", (t) => {
  const directory = temporaryDirectory(t);
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  writeFileSync(from, "content");
  {
    using copy = new FileCopy(from, to);
    assert.equal(readFileSync(copy.path, "utf8"), "content");
  }
  assert.deepEqual(readdirSync(directory), ["from"]);
  {
    using copy = new FileCopy(from, to);
    copy.commit();
  }
  assert.deepEqual(readdirSync(directory).sort(), ["from", "to"]);
  assert.throws(() => new FileCopy(join(directory, "none"), to), DiskError);
});

test("a temporary file has its name only when it is committed, and makes its directory", (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, "a/b/file");
  {
    using file = new TemporaryFile(path);
    file.write(Buffer.from("lost"));
  }
  assert.deepEqual(readdirSync(join(directory, "a/b")), []);
  {
    using file = new TemporaryFile(path);
    file.write(Buffer.from("kept "));
    file.write(Buffer.from("whole"));
    assert.equal(file.size, 10);
    file.commit(path);
  }
  assert.equal(readFileSync(path, "utf8"), "kept whole");
  assert.deepEqual(readdirSync(join(directory, "a/b")), ["file"]);
  mkdirSync(join(directory, "in-the-way"));
  using file = new TemporaryFile(join(directory, "in-the-way"));
  assert.throws(() => file.commit(join(directory, "in-the-way")), DiskError);
});

test("a file's identity changes when it is written to, replaced or goes", (t) => {
  const file = join(temporaryDirectory(t), "file");
  assert.equal(fileIdentity(file), undefined);
  writeFileSync(file, "1");
  const first = fileIdentity(file);
  assert.equal(fileIdentity(file), first);
  writeFileSync(file, "22");
  assert.notEqual(fileIdentity(file), first);
});
