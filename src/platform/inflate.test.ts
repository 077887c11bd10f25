import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { noise } from "../../test/kit/trees.ts";
import { inflateRaw } from "./inflate.ts";

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function inflate(packed: Buffer, size: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of inflateRaw(chunksOf(packed, 1000), size, "a file")) chunks.push(chunk);
  return Buffer.concat(chunks);
}

for (const length of [0, 1, 5000, 3 << 20]) {
  const data = noise(length);
  const packed = deflateRawSync(data);

  test(`${length} bytes come out as they went in`, async () => {
    assert.deepEqual(await inflate(packed, length), data);
  });

  test(`${length} bytes that claim to be others are refused`, async () => {
    if (length > 0) await assert.rejects(inflate(packed, length - 1), { code: "TOO_LARGE" });
    await assert.rejects(inflate(packed, length + 1), { code: "TRUNCATED" });
  });
}

for (const size of [5000, 3 << 20]) {
  test(`${size} bytes that are cut short or damaged are refused`, async () => {
    const packed = deflateRawSync(noise(size));
    await assert.rejects(inflate(packed.subarray(0, -20), size), { code: "TRUNCATED" });
    await assert.rejects(inflate(Buffer.from("\xff\xff\xff\xff", "latin1"), size), { code: "CORRUPT" });
  });
}

test("a source that fails, fails as it did", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield deflateRawSync(noise(3 << 20)).subarray(0, 1000);
    throw new RangeError("gone");
  }
  await assert.rejects(async () => {
    for await (const _ of inflateRaw(broken(), 3 << 20, "a file"));
  }, RangeError);
});
