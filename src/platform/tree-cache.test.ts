import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { testContext } from "../../test/kit/context.ts";
import type { BytePath, ByteString } from "../model/bytes.ts";
import type { CacheDirectory } from "../model/context.ts";
import type { TreeEntry } from "../model/tree.ts";
import { DiskError } from "./disk.ts";
import { readCachedTree, TreeCacheWriter } from "./tree-cache.ts";

const KEY = "0123abcd";
const METADATA = { text: "ἄλφα \u2028 \ud800 é \0", list: [["__proto__", "x"]] };

function entriesIn(file: string): TreeEntry[] {
  const content = { kind: "range", file, offset: 3, crc32: 0xffffffff, sha256: "ab" } as const;
  const common = { mode: 0o4755, uid: 4294967295, gid: 42 };
  return [
    { type: "directory", path: "" as BytePath, ...common },
    { type: "file", path: "a" as BytePath, ...common, size: 5, content },
    { type: "file", path: "b" as BytePath, ...common, size: 5, content, inode: "k:b" },
    { type: "symlink", path: 'caf\xe9\n"' as BytePath, ...common, target: "\xff\x01" as ByteString },
  ];
}

function write(cache: CacheDirectory, key = KEY): TreeEntry[] {
  using writer = new TreeCacheWriter(cache, key);
  const entries = entriesIn(writer.file);
  writer.write(Buffer.from("abc"));
  writer.write(Buffer.from("12345"));
  writer.commit(entries, METADATA);
  return entries;
}

function cacheOf(t: TestContext) {
  const { cache } = testContext(t);
  return { cache, index: cache.path("trees", `${KEY}.json`), archive: cache.path("trees", `${KEY}.tar`) };
}

test("gives back what was written", (t) => {
  const { cache, archive } = cacheOf(t);
  assert.equal(readCachedTree(cache, KEY), undefined);
  const entries = write(cache);
  assert.deepEqual(readCachedTree(cache, KEY), { tree: { entries }, metadata: METADATA });
  assert.equal(readFileSync(archive, "latin1"), "abc12345");
  assert.deepEqual(readdirSync(join(cache.root, "trees")).sort(), [`${KEY}.json`, `${KEY}.tar`]);
});

test("a tree is the same wherever the cache is", (t) => {
  const first = cacheOf(t);
  const second = cacheOf(t);
  write(first.cache);
  write(second.cache);
  assert.deepEqual(readFileSync(first.index), readFileSync(second.index));
});

test("any damage of the index is noticed", (t) => {
  const { cache, index } = cacheOf(t);
  write(cache);
  const whole = readFileSync(index);
  for (let i = 0; i < whole.length; i++) {
    const damaged = Buffer.from(whole);
    damaged[i]! ^= 1 << (i % 8);
    writeFileSync(index, damaged);
    assert.equal(readCachedTree(cache, KEY), undefined, `byte ${i}`);
  }
  for (let length = 0; length < whole.length; length += 13) {
    writeFileSync(index, whole.subarray(0, length));
    assert.equal(readCachedTree(cache, KEY), undefined, `${length} bytes`);
  }
  writeFileSync(index, Buffer.concat([whole, Buffer.from(" ")]));
  assert.equal(readCachedTree(cache, KEY), undefined);
  writeFileSync(index, whole);
  assert.notEqual(readCachedTree(cache, KEY), undefined);
});

test("an index of another version, or of another tree, is not taken", (t) => {
  const { cache, index } = cacheOf(t);
  write(cache);
  const text = readFileSync(index, "latin1");
  writeFileSync(index, text.replace("tare-tree 1 ", "tare-tree 0 "), "latin1");
  assert.equal(readCachedTree(cache, KEY), undefined);

  write(cache, "other");
  renameSync(cache.path("trees", "other.json"), index);
  assert.equal(readCachedTree(cache, KEY), undefined);
});

test("an archive that is gone or of another size is noticed", (t) => {
  const { cache, archive } = cacheOf(t);
  write(cache);
  writeFileSync(archive, "abc1234");
  assert.equal(readCachedTree(cache, KEY), undefined);
  renameSync(archive, `${archive}.gone`);
  assert.equal(readCachedTree(cache, KEY), undefined);
  write(cache);
  assert.notEqual(readCachedTree(cache, KEY), undefined);
});

test("without commit nothing is left, and what was there stays", (t) => {
  const { cache } = cacheOf(t);
  write(cache);
  {
    using writer = new TreeCacheWriter(cache, KEY);
    writer.write(Buffer.from("half"));
    assert.equal(readdirSync(join(cache.root, "trees")).length, 3);
  }
  assert.deepEqual(readdirSync(join(cache.root, "trees")).sort(), [`${KEY}.json`, `${KEY}.tar`]);
  assert.notEqual(readCachedTree(cache, KEY), undefined);
});

test("two writers of one tree do not disturb each other", (t) => {
  const { cache } = cacheOf(t);
  using first = new TreeCacheWriter(cache, KEY);
  using second = new TreeCacheWriter(cache, KEY);
  first.write(Buffer.from("abc"));
  second.write(Buffer.from("abc12345"));
  second.commit(entriesIn(second.file), METADATA);
  first.write(Buffer.from("12345"));
  first.commit(entriesIn(first.file), METADATA);
  assert.notEqual(readCachedTree(cache, KEY), undefined);
});

test("contents that are elsewhere are our own mistake", (t) => {
  const { cache } = cacheOf(t);
  using writer = new TreeCacheWriter(cache, KEY);
  assert.throws(() => writer.commit(entriesIn("/elsewhere"), {}), /^InternalError/);
});

test("a cache that cannot be written is an error of the disk", (t) => {
  if (process.getuid?.() === 0) {
    // Root may write anywhere but below a file.
    const { cache } = cacheOf(t);
    const folder = join(cache.root, "trees");
    renameSync(folder, `${folder}.gone`);
    writeFileSync(folder, "a file");
    assert.throws(() => new TreeCacheWriter(cache, KEY), DiskError);
    return;
  }
  const { cache } = cacheOf(t);
  const folder = join(cache.root, "trees");
  mkdirSync(folder, { recursive: true });
  const { mode } = statSync(folder);
  chmodSync(folder, 0o500);
  assert.throws(() => new TreeCacheWriter(cache, KEY), DiskError);
  chmodSync(folder, mode);
});

test("the checksum is the one of zlib: the format is stable", (t) => {
  const { cache, index } = cacheOf(t);
  write(cache);
  const bytes = readFileSync(index);
  const body = bytes.subarray(bytes.indexOf(0x0a) + 1);
  const header = `tare-tree 1 ${crc32(body).toString(16).padStart(8, "0")} ${body.length}\n`;
  assert.equal(bytes.toString("latin1", 0, header.length), header);
});
