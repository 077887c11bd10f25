import assert from "node:assert/strict";
import { test } from "node:test";
import { testContext } from "../../test/kit/context.ts";
import { packImage, sampleTrees } from "../../test/kit/images.ts";
import { computeDigest } from "../formats/oci.ts";
import { rootDocument } from "../model/content.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import { assembleIndex } from "./assemble-index.ts";

test("an index names each image with its platform; what they share is there once", async (t) => {
  const image = await packImage(sampleTrees(), testContext(t));
  const config = Buffer.from(
    Buffer.from(image.config).toString().replace('"amd64"', '"arm64","variant":"v8"'),
  );
  const other = { ...image, config, imageId: computeDigest(config) as typeof image.imageId };
  const index = assembleIndex([image, other]);
  const { mediaType, digest, bytes } = rootDocument(index);
  assert.equal(mediaType, MEDIA_TYPES.index);
  assert.equal(digest, computeDigest(bytes));
  const { manifests } = JSON.parse(Buffer.from(bytes).toString());
  assert.deepEqual(
    manifests.map((entry: { digest: string; platform: object }) => [entry.digest, entry.platform]),
    [
      [image.digest, { architecture: "amd64", os: "linux" }],
      [image.digest, { architecture: "arm64", os: "linux", variant: "v8" }],
    ],
  );
  assert.equal(index.blobs.length, image.layers.length + 2);
});
