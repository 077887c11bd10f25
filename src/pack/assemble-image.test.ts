import assert from "node:assert/strict";
import { test } from "node:test";
import { testContext } from "../../test/kit/context.ts";
import { packImage } from "../../test/kit/images.ts";
import { makeTree } from "../../test/kit/trees.ts";
import { computeDigest } from "../formats/oci.ts";
import { assembleImage } from "./assemble-image.ts";
import { PackError } from "./errors.ts";

test("the documents refer to each other by digest, and the history names each layer's packages", async (t) => {
  const trees = [makeTree({ a: "1" }), makeTree({ b: "2" })];
  const image = await packImage(trees, testContext(t), { config: { User: "redis" }, createdSeconds: 86_400 });
  const config = JSON.parse(Buffer.from(image.config).toString());
  const manifest = JSON.parse(Buffer.from(image.manifest).toString());
  assert.equal(image.imageId, computeDigest(image.config));
  assert.equal(image.digest, computeDigest(image.manifest));
  assert.equal(manifest.config.digest, image.imageId);
  assert.equal(config.created, "1970-01-02T00:00:00Z");
  assert.deepEqual(config.config, { User: "redis" });
  assert.deepEqual(
    config.rootfs.diff_ids,
    image.layers.map((layer) => layer.diffId),
  );
  assert.deepEqual(
    config.history.map((entry: { comment: string }) => entry.comment),
    ["package-0 1.0-0", "package-1 1.0-1"],
  );
  assert.equal("variant" in config, false);
});

test("64-bit ARM has the variant that docker gives it", async (t) => {
  const image = await packImage([], testContext(t), { architecture: "arm64" });
  const { architecture, variant } = JSON.parse(Buffer.from(image.config).toString());
  assert.deepEqual({ architecture, variant }, { architecture: "arm64", variant: "v8" });
});

for (const createdSeconds of [-1, 1.5, 253_402_300_800, Number.NaN]) {
  test(`a time of ${createdSeconds} is refused`, () => {
    assert.throws(
      () => assembleImage({ name: "x", tag: "y", architecture: "amd64", config: {}, createdSeconds }, []),
      (error) => error instanceof PackError && error.code === "BAD_TIME",
    );
  });
}
