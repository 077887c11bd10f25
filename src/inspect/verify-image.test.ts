import assert from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { packImage, sampleTrees } from "../../test/kit/images.ts";
import { makeTree, noise } from "../../test/kit/trees.ts";
import { FormatError } from "../formats/errors.ts";
import { computeDigest } from "../formats/oci.ts";
import type { TarHandler } from "../formats/tar-reader.ts";
import type { Context } from "../model/context.ts";
import type { DiffId, Digest, Image, ImageId, Layer } from "../model/image.ts";
import { ImageRoot } from "./image-root.ts";
import type { VerifyProblemCode } from "./verify-image.ts";
import { verifyImage } from "./verify-image.ts";

async function codes(image: Image, context: Context): Promise<VerifyProblemCode[]> {
  return (await verifyImage(image, context)).problems.map(({ code }) => code);
}

for (const compression of ["zstd", "gzip", "none"] as const) {
  test(`${compression}: an image that is what it says`, async (t) => {
    const context = testContext(t);
    const trees = [...sampleTrees(), makeTree({ big: noise(9 << 20) })];
    const image = await packImage(trees, context, { compression });
    const { problems, layers, entries, uncompressedSize } = await verifyImage(image, context);
    assert.deepEqual(problems, []);
    assert.equal(layers, 3);
    assert.equal(
      entries,
      trees.reduce((sum, tree) => sum + tree.entries.length, 0),
    );
    assert.equal(
      uncompressedSize,
      image.layers.reduce((sum, layer) => sum + layer.uncompressedSize!, 0),
    );
  });
}

const ZEROS = `sha256:${"0".repeat(64)}`;

function withLayer(image: Image, change: Partial<Layer>): Image {
  return { ...image, layers: image.layers.map((layer, i) => (i === 0 ? { ...layer, ...change } : layer)) };
}

/** Changes a document, and what refers to it, so that only its content is wrong. */
function withConfig(image: Image, change: (config: Record<string, unknown>) => object): Image {
  const config = Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(image.config).toString()))));
  const old = JSON.parse(Buffer.from(image.manifest).toString());
  const digest = computeDigest(config);
  const manifest = Buffer.from(
    JSON.stringify({ ...old, config: { ...old.config, digest, size: config.length } }),
  );
  return { ...image, config, imageId: digest as ImageId, manifest, digest: computeDigest(manifest) };
}

const LIES: readonly {
  readonly summary: string;
  readonly change: (image: Image) => Image;
  readonly problems: readonly VerifyProblemCode[];
}[] = [
  {
    summary: "another manifest digest",
    change: (image) => ({ ...image, digest: ZEROS as Digest }),
    problems: ["MANIFEST_DIGEST"],
  },
  {
    summary: "another image ID",
    change: (image) => ({ ...image, imageId: ZEROS as ImageId }),
    problems: ["CONFIG_DIGEST"],
  },
  {
    summary: "a configuration with a blank more",
    change: (image) => ({ ...image, config: Buffer.concat([image.config, Buffer.from(" ")]) }),
    problems: ["CONFIG_DIGEST", "CONFIG_SIZE"],
  },
  {
    summary: "a configuration that is none",
    change: (image) => withConfig(image, () => []),
    problems: ["DOCUMENT_INVALID"],
  },
  {
    summary: "a manifest that is none",
    change: (image) => ({ ...image, manifest: Buffer.from("{}"), digest: computeDigest(Buffer.from("{}")) }),
    problems: ["DOCUMENT_INVALID"],
  },
  {
    summary: "another diffID in the configuration",
    change: (image) =>
      withConfig(image, (config) => ({
        ...config,
        rootfs: { type: "layers", diff_ids: [ZEROS, image.layers[1]!.diffId] },
      })),
    problems: ["LAYERS_DIFFER"],
  },
  {
    summary: "a layer less",
    change: (image) => ({ ...image, layers: image.layers.slice(0, 1) }),
    problems: ["LAYERS_DIFFER", "LAYERS_DIFFER"],
  },
  {
    summary: "a history of one",
    change: (image) => withConfig(image, (config) => ({ ...config, history: [{}] })),
    problems: ["HISTORY_COUNT"],
  },
  {
    summary: "another diffID of a layer",
    change: (image) => withLayer(image, { diffId: ZEROS as DiffId }),
    problems: ["LAYERS_DIFFER", "DIFF_ID"],
  },
  {
    summary: "another digest of a layer",
    change: (image) => withLayer(image, { digest: ZEROS as Digest }),
    problems: ["LAYERS_DIFFER", "LAYER_DIGEST"],
  },
  {
    summary: "a larger uncompressed size",
    change: (image) => withLayer(image, { uncompressedSize: image.layers[0]!.uncompressedSize! + 1 }),
    problems: ["UNCOMPRESSED_SIZE"],
  },
  {
    summary: "a smaller uncompressed size",
    change: (image) => withLayer(image, { uncompressedSize: 512 }),
    problems: ["LAYER_CORRUPT"],
  },
];

for (const { summary, change, problems } of LIES) {
  test(`found: ${summary}`, async (t) => {
    const context = testContext(t);
    const image = await packImage(sampleTrees(), context);
    assert.deepEqual(await codes(change(image), context), problems);
  });
}

test("found: a blob that is damaged, cut or gone", async (t) => {
  const context = testContext(t);
  for (const compression of ["zstd", "gzip", "none"] as const) {
    const image = await packImage([makeTree({ a: noise(100_000) })], context, { compression });
    const { file } = image.layers[0]!.blob;
    const bytes = readFileSync(file);
    bytes[50_000]! ^= 1;
    writeFileSync(file, bytes);
    const damaged = await codes(image, context);
    assert.ok(damaged.includes("LAYER_DIGEST"), compression);
    truncateSync(file, 50_000);
    const cut = await codes(image, context);
    assert.ok(cut.includes("LAYER_SIZE") && cut.includes("LAYER_DIGEST"), compression);
    rmSync(file);
    assert.deepEqual(await codes(image, context), ["LAYER_MISSING"]);
  }
});

test("found: a layer that is no tar", async (t) => {
  const context = testContext(t);
  const file = join(temporaryDirectory(t), "blob");
  const bytes = Buffer.alloc(2048, "x");
  writeFileSync(file, bytes);
  const digest = computeDigest(bytes);
  const image = await packImage(sampleTrees(), context, { compression: "none" });
  const diffId = digest as string as DiffId;
  const changed = withLayer(image, {
    digest,
    diffId,
    size: 2048,
    uncompressedSize: 2048,
    blob: { file, offset: 0 },
  });
  assert.deepEqual(await codes(changed, context), ["LAYERS_DIFFER", "LAYERS_DIFFER", "LAYER_TAR"]);
});

test("one reading verifies an image and gives its files", async (t) => {
  for (const compression of ["zstd", "none"] as const) {
    const context = testContext(t);
    const image = await packImage(sampleTrees(), context, { compression });
    using reading = new ImageRoot(context);
    assert.deepEqual((await verifyImage(image, context, reading)).problems, []);
    // Compressed layers are not needed any more.
    if (compression === "zstd") for (const { blob } of image.layers) rmSync(blob.file);
    using view = reading.finish();
    assert.equal(view.readSmall("bin/hi", 100)?.toString(), "#!/bin/sh\necho hello\n");
    assert.equal(view.readSmall("srv/text", 1 << 20)?.length, 21 * 20_000);
  }
});

test("found: members that cannot be unpacked", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const refusing: TarHandler = {
    member({ path }) {
      throw new FormatError("UNSAFE_TAR", "the image", `the name "${path}" leads outside`);
    },
    content() {},
    memberEnd() {},
  };
  const { problems } = await verifyImage(image, context, { beginLayer: () => refusing });
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["LAYER_TAR", "LAYER_TAR"],
  );
  assert.match(problems[0]!.message, /cannot be unpacked: the name "bin\/" leads outside/);
});

test("an abort ends the reading", async (t) => {
  const image = await packImage(sampleTrees(), testContext(t));
  await assert.rejects(
    verifyImage(image, testContext(t, { signal: AbortSignal.abort(new Error("stop")) })),
    /stop/,
  );
});
