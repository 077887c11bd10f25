// The bytes that Tare commits to: digests of a small image, frozen. UPDATE_GOLDEN=1 writes them anew and skips.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Image } from "../../src/model/image.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { packImage, sampleTrees } from "../kit/images.ts";
import { makeTree, noise } from "../kit/trees.ts";

const GOLDEN = join(import.meta.dirname, "pack.json");
const CODECS = [
  ["zstd", 3],
  ["zstd", 9],
  ["gzip", 6],
  ["none", 0],
] as const;

/** The sample, and a layer of two zstd frames. */
function trees() {
  return [
    ...sampleTrees(),
    makeTree({ "srv/big": Buffer.concat([noise(5 << 20), Buffer.alloc(5 << 20, "text ")]) }),
  ];
}

function digests(image: Image) {
  return {
    digest: image.digest,
    imageId: image.imageId,
    layers: image.layers.map(({ digest, diffId, size, uncompressedSize }) => ({
      digest,
      diffId,
      size,
      uncompressedSize,
    })),
  };
}

for (const [compression, level] of CODECS) {
  test(`${compression}, level ${level}: the image has the digests that it always had`, async (t) => {
    const actual = digests(await packImage(trees(), testContext(t), { compression, level }));
    const golden = JSON.parse(readFileSync(GOLDEN, "utf8"));
    const key = `${compression}:${level}`;
    if (process.env["UPDATE_GOLDEN"] === "1") {
      writeFileSync(GOLDEN, `${JSON.stringify({ ...golden, [key]: actual }, undefined, 2)}\n`);
      return t.skip("the golden digests were written anew");
    }
    assert.deepEqual(actual, golden[key]);
  });
}

/** Another process on another day: it packs the image and prints its digest. */
const PROGRAM = `
import { Cache } from ${JSON.stringify(join(import.meta.dirname, "../../src/platform/cache.ts"))};
import { SILENT_PROGRESS } from ${JSON.stringify(join(import.meta.dirname, "../../src/model/progress.ts"))};
import { packImage, sampleTrees } from ${JSON.stringify(join(import.meta.dirname, "../kit/images.ts"))};
const context = {
  cache: new Cache(process.env.TEST_CACHE),
  progress: SILENT_PROGRESS,
  signal: new AbortController().signal,
  offline: true,
  jobs: Number(process.env.TEST_JOBS),
};
const image = await packImage(sampleTrees(), context, { compression: "gzip", level: 6 });
process.stdout.write(image.digest);
`;

test("time zone, language, umask, directory and number of threads change nothing", async (t) => {
  const wanted = (await packImage(sampleTrees(), testContext(t), { compression: "gzip", level: 6 })).digest;
  for (const [TZ, LC_ALL, umask, cwd, jobs] of [
    ["Pacific/Kiritimati", "C", "000", "/", "1"],
    ["America/St_Johns", "tr_TR.UTF-8", "077", "/tmp", "2"],
    ["UTC", "de_DE.UTF-8", "027", "/usr", "5"],
  ] as const) {
    const cache = join(temporaryDirectory(t), "cache");
    const env = {
      PATH: process.env["PATH"],
      TZ,
      LC_ALL,
      LANG: LC_ALL,
      TEST_CACHE: cache,
      TEST_JOBS: jobs,
      PROGRAM,
    };
    const script = `umask ${umask} && exec "$0" --input-type=module -e "$PROGRAM"`;
    const { stdout, stderr } = spawnSync("sh", ["-c", script, process.execPath], {
      cwd,
      env,
      encoding: "utf8",
    });
    assert.equal(stdout, wanted, stderr);
  }
});
