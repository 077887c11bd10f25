import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { testContext } from "../../../test/kit/context.ts";
import { packImage } from "../../../test/kit/images.ts";
import { startRegistry } from "../../../test/kit/registry/registry.ts";
import { pushImage } from "../../../test/kit/registry/transfer.ts";
import { makeTree, noise } from "../../../test/kit/trees.ts";
import { openRegistry } from "./client.ts";
import { RegistryError } from "./errors.ts";

test("a peer that is never silent and never done is given up; what it sent is continued from", async (t) => {
  await using registry = await startRegistry();
  const image = await packImage([makeTree({ noise: noise(100_000) })], testContext(t));
  const options = {
    access: "push",
    credentials: "anonymous",
    timing: { attempts: 2, firstPauseMs: 1, silenceMs: 150 },
  } as const;
  const context = testContext(t);
  await using client = openRegistry(`${registry.host}/a:v1`, options, context);
  await pushImage(client, image);
  registry.faults.inject({
    on: { method: "GET", path: /\/blobs\//, times: 2 },
    do: { kind: "trickle", chunkSize: 1, everyMs: 10 },
  });
  const blob = image.layers[0]!;
  await assert.rejects(client.fetchBlob(blob), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.deepEqual([error.code, /too slow/.test(error.message)], ["REGISTRY_UNREACHABLE", true]);
    return true;
  });
  assert.equal(readdirSync(join(context.cache.root, "partial")).length, 1);
  let bytes = 0;
  await client.fetchBlob(blob, (count) => (bytes += count));
  assert.equal(bytes, blob.size);
  assert.match(registry.requests.at(-1)!.headers["range"] ?? "", /^bytes=[1-9]\d*-$/);
});
