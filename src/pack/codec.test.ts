import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { noise } from "../../test/kit/trees.ts";
import { COMPRESSION_LEVELS } from "../model/image-spec.ts";
import type { Codec } from "./codec.ts";
import { checkCodec, digestGoldenFrame, selectCodec } from "./codec.ts";
import { GOLDEN_DIGESTS } from "./codec-vectors.ts";
import { PackError } from "./errors.ts";

test("a codec's id names all that its bytes depend on", () => {
  assert.equal(selectCodec("zstd").id, `zstd:${process.versions.zstd}:l3:8MiB`);
  assert.equal(selectCodec("zstd", 19).id, `zstd:${process.versions.zstd}:l19:8MiB`);
  assert.equal(selectCodec("gzip").id, "gzip:node-zlib:l6:1MiB");
  assert.equal(selectCodec("none").id, "none");
});

test("every level has a golden digest", () => {
  const wanted = (["zstd", "gzip"] as const).flatMap((name) =>
    COMPRESSION_LEVELS[name].map((level) => `${name}:${level}`),
  );
  assert.deepEqual(Object.keys(GOLDEN_DIGESTS), wanted);
});

for (const name of ["zstd", "gzip"] as const) {
  test(`${name} writes on this machine what it wrote on others`, () => {
    for (const level of COMPRESSION_LEVELS[name]) {
      if (name === "zstd" && level > 15) continue;
      const codec = selectCodec(name, level);
      assert.equal(digestGoldenFrame(codec), GOLDEN_DIGESTS[`${name}:${level}`], codec.id);
    }
  });
}

test("a compressor that writes other bytes is refused", (t) => {
  const context = testContext(t);
  const drifted: Codec = {
    ...selectCodec("zstd", 4),
    compress: (frame) => Uint8Array.from([...frame.subarray(0, 4)]),
  };
  for (let tries = 0; tries < 2; tries++) {
    assert.throws(
      () => checkCodec(drifted, context),
      (error) =>
        error instanceof PackError && error.code === "CODEC_DRIFT" && /nodejs\.org/.test(error.hint ?? ""),
    );
  }
  checkCodec(selectCodec("zstd", 4), context);
});

test("a codec is tried once on a machine, not once a process", async (t) => {
  const directory = temporaryDirectory(t);
  const program = `
    const { checkCodec, selectCodec } = await import(process.argv[1]);
    const codec = selectCodec("zstd", 5);
    let tries = 0;
    const counting = { ...codec, compress: (frame) => (tries++, codec.compress(frame)) };
    checkCodec(counting, { cache: { path: (...parts) => [process.argv[2], ...parts].join("/") } });
    console.log(tries);`;
  const run = () =>
    spawnSync(process.execPath, ["-e", program, new URL("./codec.ts", import.meta.url).href, directory], {
      encoding: "utf8",
    }).stdout.trim();
  assert.deepEqual([run(), run()], ["1", "0"]);
});

for (const [name, level, said] of [
  ["zstd", 0, /1 to 19 or 22/],
  ["zstd", 20, /1 to 19 or 22/],
  ["gzip", 10, /1 to 9/],
  ["gzip", 1.5, /1 to 9/],
  ["none", 1, /none/],
] as const) {
  test(`${name} has no level ${level}`, () => {
    assert.throws(
      () => selectCodec(name, level),
      (error) => error instanceof PackError && error.code === "BAD_LEVEL" && said.test(error.message),
    );
  });
}

test("frames are whole by themselves, and are what any decoder expects", () => {
  const frame = Buffer.concat([noise(100_000), Buffer.alloc(100_000, "text ")]);
  assert.deepEqual(zstdDecompressSync(selectCodec("zstd").compress(frame)), frame);
  const member = selectCodec("gzip").compress(frame);
  assert.deepEqual(gunzipSync(member), frame);
  assert.deepEqual(
    [...member.subarray(0, 10)],
    [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
    "no name, no time, Unix",
  );
});
