import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { RandomAccessFile, SpoolFile } from "./random-access.ts";

test("bytes are read at any position, and a file that ends early is told", (t) => {
  const path = join(temporaryDirectory(t), "file");
  writeFileSync(path, "0123456789");
  using file = new RandomAccessFile(path);
  const target = Buffer.alloc(3);
  file.readInto(7, target);
  assert.equal(target.toString(), "789");
  assert.throws(() => file.readInto(8, target), { code: "DISK_ERROR", message: /is cut short$/ });
  assert.throws(() => new RandomAccessFile(`${path}.none`), { code: "DISK_ERROR", message: /^Cannot open / });
});

test("a spool file is read while it is written, and goes when it is done with", (t) => {
  const directory = temporaryDirectory(t);
  const spool = new SpoolFile(join(directory, "spool"));
  spool.write(Buffer.from("first "));
  const target = Buffer.alloc(5);
  spool.readInto(0, target);
  spool.write(Buffer.from("second"));
  assert.equal(spool.size, 12);
  const second = Buffer.alloc(6);
  spool.readInto(6, second);
  assert.equal(`${target} ${second}`, "first second");
  assert.ok(existsSync(spool.path));
  spool[Symbol.dispose]();
  assert.deepEqual(readdirSync(directory), []);
});
