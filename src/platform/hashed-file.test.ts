import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { DiskError } from "./disk.ts";
import { HashedFile } from "./hashed-file.ts";

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

test("hashes the whole file, whichever ranges of it are read", async (t) => {
  const bytes = randomBytes(700_001);
  const path = join(temporaryDirectory(t), "file");
  writeFileSync(path, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  {
    using file = new HashedFile(path);
    assert.equal(file.size, bytes.length);
    assert.equal(await file.digest(), sha256);
  }
  using file = new HashedFile(path);
  assert.ok((await collect(file.chunks(10, 5))).equals(bytes.subarray(10, 15)));
  assert.ok(file.readAt(3, 4).equals(bytes.subarray(3, 7)));
  assert.equal(file.readAt(bytes.length - 1, 10).length, 1);
  assert.equal(file.readAt(bytes.length + 1, 10).length, 0);
  assert.ok((await collect(file.chunks(300_000, 300_000))).equals(bytes.subarray(300_000, 600_000)));
  for await (const _ of file.chunks(600_000, 100_001)) break;
  await assert.rejects(file.chunks(0, 1).next(), /read backwards/);
  assert.equal(await file.digest(), sha256);
});

test("a file that is not there is an error of the disk", (t) => {
  const path = join(temporaryDirectory(t), "none");
  assert.throws(() => new HashedFile(path), DiskError);
});
