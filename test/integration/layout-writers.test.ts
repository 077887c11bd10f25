// One OCI layout and many processes that write different images into it at once: all of them are in it afterwards.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { deliver, parseOutput } from "../../src/deliver/deliver.ts";
import { verifyImage } from "../../src/inspect/verify-image.ts";
import { openImage } from "../../src/sources/oci/open.ts";
import { TARE } from "../kit/cli.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { packImage } from "../kit/images.ts";
import { makeTree, noise } from "../kit/trees.ts";

const WRITERS = 6;
const ROUNDS = 2;

test("images that several processes write into one layout at once are all there, and whole", async (t) => {
  const context = testContext(t);
  const directory = temporaryDirectory(t);
  const common = makeTree({ common: noise(300_000) });
  const images = await Promise.all(
    Array.from({ length: WRITERS * ROUNDS }, (_, i) =>
      packImage([common, makeTree({ [`file-${i}`]: noise(10_000 + i) })], context, { tag: `t${i}` }),
    ),
  );
  for (const [i, image] of images.entries()) {
    await deliver(image, parseOutput(`oci:${join(directory, `source-${i}`)}`, directory), context);
  }
  const write = async (source: number, tag: string) => {
    const env = { ...process.env, XDG_CACHE_HOME: join(directory, `cache-${tag}`) };
    const args = ["copy", "-q", `oci:source-${source}`, `oci:shared:${tag}`];
    const child = spawn(TARE, args, { cwd: directory, env, stdio: ["ignore", "ignore", "pipe"] });
    t.after(() => child.kill("SIGKILL"));
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const [status] = (await once(child, "close")) as [number | null];
    assert.equal(status, 0, said);
  };
  // In the second round every writer takes away what it wrote in the first, from under the others.
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(Array.from({ length: WRITERS }, (_, i) => write(round * WRITERS + i, `writer-${i}`)));
    for (let i = 0; i < WRITERS; i++) {
      const reference = `oci:${join(directory, "shared")}:writer-${i}`;
      const image = await openImage(reference, context);
      assert.equal(image.digest, images[round * WRITERS + i]!.digest, reference);
      assert.deepEqual((await verifyImage(image, context)).problems, []);
    }
    assert.deepEqual(readdirSync(join(directory, "shared")).sort(), ["blobs", "index.json", "oci-layout"]);
  }
  const { manifests } = JSON.parse(readFileSync(join(directory, "shared/index.json"), "utf8"));
  assert.equal(manifests.length, WRITERS);
  // A manifest, a configuration and a layer each, and the common layer; nothing of the first round.
  assert.equal(readdirSync(join(directory, "shared/blobs/sha256")).length, 3 * WRITERS + 1);
});

test("a lock that a killed process left in a layout hinders nobody", async (t) => {
  const context = testContext(t);
  const target = join(temporaryDirectory(t), "out");
  const image = await packImage([makeTree({ file: "x" })], context);
  await deliver(image, parseOutput(`oci:${target}`, "/"), context);
  writeFileSync(join(target, ".lock"), "");
  await deliver({ ...image, tag: "again" }, parseOutput(`oci:${target}`, "/"), context);
  assert.deepEqual(readdirSync(target).sort(), ["blobs", "index.json", "oci-layout"]);
});
