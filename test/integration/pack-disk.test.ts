// Packing and delivering onto disks that are full or read-only: a clear error, and nothing left behind.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { temporaryDirectory } from "../kit/context.ts";

const ROOT = join(import.meta.dirname, "../..");

const PROGRAM = `
import { readdirSync } from "node:fs";
import { Cache } from ${JSON.stringify(join(ROOT, "src/platform/cache.ts"))};
import { SILENT_PROGRESS } from ${JSON.stringify(join(ROOT, "src/model/progress.ts"))};
import { deliver, parseOutput } from ${JSON.stringify(join(ROOT, "src/deliver/deliver.ts"))};
import { packImage } from ${JSON.stringify(join(ROOT, "test/kit/images.ts"))};
import { makeTree, noise } from ${JSON.stringify(join(ROOT, "test/kit/trees.ts"))};
const { CACHE, OUTPUT, SMALL } = process.env;
const context = { cache: new Cache(CACHE), progress: SILENT_PROGRESS, signal: new AbortController().signal, offline: true, jobs: 2 };
let code = "none";
try {
  const image = await packImage([makeTree({ a: noise(20 << 20) })], context);
  await deliver(image, parseOutput(OUTPUT, "/"), context);
} catch (error) {
  code = error.name + " " + error.code;
}
const left = readdirSync(SMALL, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ name }) => name)
  // That the compressor is the pinned one was found out before, and stays known.
  .filter((name) => !/^codec-[0-9a-f]{64}\\.json$/.test(name));
console.log(JSON.stringify({ code, left }));
`;

/** Runs the program where \`small\` is a disk of 4 MiB, or a read-only one. */
function runOn(
  t: TestContext,
  options: string,
  place: (small: string, large: string) => Record<string, string>,
) {
  const directory = temporaryDirectory(t);
  const [small, large] = [join(directory, "small"), join(directory, "large")];
  mkdirSync(small);
  mkdirSync(large);
  const script = `mount -t tmpfs -o ${options} none "$SMALL" || exit 99; exec "$0" --input-type=module -e "$PROGRAM"`;
  const env = { ...process.env, PROGRAM, SMALL: small, ...place(small, large) };
  const run = spawnSync("unshare", ["-m", "sh", "-c", script, process.execPath], { env, encoding: "utf8" });
  if (run.error !== undefined || run.status === 99 || /unshare failed/.test(run.stderr)) {
    t.skip("no disk can be mounted here");
    return undefined;
  }
  return JSON.parse(run.stdout) as { code: string; left: string[] };
}

for (const [disk, options, code] of [
  ["full", "size=4m", "DiskError DISK_FULL"],
  ["read-only", "ro", "DiskError READ_ONLY"],
] as const) {
  test(`a cache on a disk that is ${disk}`, (t) => {
    const result = runOn(t, options, (small, large) => ({
      CACHE: join(small, "cache"),
      OUTPUT: `oci:${large}/out`,
    }));
    if (result !== undefined) assert.deepEqual(result, { code, left: [] });
  });
  for (const scheme of ["oci", "oci-archive", "docker-archive"]) {
    test(`${scheme} to a disk that is ${disk}`, (t) => {
      const result = runOn(t, options, (small, large) => ({
        CACHE: join(large, "cache"),
        OUTPUT: `${scheme}:${small}/out`,
      }));
      if (result !== undefined) assert.deepEqual(result, { code, left: [] });
    });
  }
}
