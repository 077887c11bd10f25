import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import {
  directory,
  file,
  hardLink,
  type MemberOptions,
  makeImage,
  symlink,
} from "../../test/kit/tiny-image.ts";
import type { Layer } from "../model/image.ts";
import { TreeWriter } from "../platform/extract.ts";
import { layerCompression, unpackLayers } from "./unpack.ts";

async function unpack(
  t: TestContext,
  layers: readonly (readonly MemberOptions[])[],
  change: (layer: Layer) => Layer = (layer) => layer,
) {
  const folder = temporaryDirectory(t);
  const root = join(folder, "outer/root");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(folder, "outer/secret"), "untouched");
  const image = makeImage(join(folder, "blobs"), { layers, compression: "gzip" });
  const writer = new TreeWriter(root, { owners: false });
  const skipped = await unpackLayers(image.layers.map(change), writer, testContext(t));
  writer.finish();
  assert.deepEqual(readdirSync(join(folder, "outer")).sort(), ["root", "secret"]);
  return { root, skipped };
}

test("later layers override earlier ones; whiteouts and opaque directories take away", async (t) => {
  const { root } = await unpack(t, [
    [directory("a"), file("a/x", "1"), file("a/y", "1"), directory("o"), file("o/low", "1"), file("b", "1")],
    [
      file("a/x", "2"),
      file("a/.wh.y", "ignored"),
      file("o/high", "2"),
      file("o/.wh..wh..opq"),
      file(".wh.b"),
    ],
    [
      file("b", "3"),
      file(".wh.b"),
      file("a/.wh..wh.plnk", ""),
      file("a/.wh."),
      file("a/.wh..."),
      file("a/.wh.."),
    ],
  ]);
  assert.deepEqual(readdirSync(root).sort(), ["a", "b", "o"]);
  assert.equal(readFileSync(join(root, "b"), "utf8"), "3", "a layer's whiteout is not for its own files");
  assert.deepEqual(readdirSync(join(root, "a")), ["x"]);
  assert.equal(readFileSync(join(root, "a/x"), "utf8"), "2");
  assert.deepEqual(readdirSync(join(root, "o")), ["high"]);
});

test("hard links, symbolic links and times", async (t) => {
  const { root } = await unpack(t, [
    [
      file("f", "abc", { mode: 0o4755, mtimeSeconds: 12 }),
      hardLink("g", "f"),
      symlink("l", "f"),
      file("old", "", { mtimeSeconds: 0 }),
    ],
  ]);
  assert.equal(statSync(join(root, "g")).ino, statSync(join(root, "f")).ino);
  assert.equal(statSync(join(root, "l")).mode & 0o7777, 0o4755);
  assert.equal(statSync(join(root, "f")).mtimeMs, 12_000);
});

test("devices and fifos are left out and counted", async (t) => {
  const { root, skipped } = await unpack(t, [
    [
      { name: "sda", flag: "4" },
      { name: "null", flag: "3" },
      { name: "fifo", flag: "6" },
    ],
  ]);
  assert.deepEqual(readdirSync(root), []);
  assert.equal(skipped.specialFiles, 3);
});

test("a file below a link that leads out stays inside", async (t) => {
  const { root } = await unpack(t, [
    [symlink("a", "/etc"), file("a/x", "inside"), symlink("b", "../.."), file("b/secret", "inside")],
  ]);
  assert.equal(readFileSync(join(root, "etc/x"), "utf8"), "inside");
  assert.equal(readFileSync(join(root, "secret"), "utf8"), "inside");
  assert.ok(!existsSync("/etc/x"));
});

const bad: readonly (readonly [string, readonly MemberOptions[]])[] = [
  ["a name with ..", [file("../secret", "x")]],
  ["a whiteout of what is outside", [file("../.wh.secret")]],
  ["an opaque marker outside", [file("../.wh..wh..opq")]],
  ["a hard link to what is outside", [hardLink("l", "../secret")]],
  ["a hard link to a file of the machine", [hardLink("l", "/etc/passwd")]],
];

for (const [summary, members] of bad) {
  test(`refused: ${summary}`, async (t) => {
    await assert.rejects(unpack(t, [members]), { code: "BAD_IMAGE" });
  });
}

test("damage of any kind is found", async (t) => {
  const layers = [[file("f", "x".repeat(10_000))]];
  const other = `sha256:${"0".repeat(64)}` as Layer["digest"];
  await assert.rejects(
    unpack(t, layers, (layer) => ({ ...layer, digest: other })),
    { code: "LAYER_DAMAGED" },
  );
  await assert.rejects(
    unpack(t, layers, (layer) => ({ ...layer, size: layer.size - 9 })),
    { code: "LAYER_DAMAGED" },
  );
  await assert.rejects(
    unpack(t, layers, (layer) => ({ ...layer, uncompressedSize: 512 })),
    { code: "BAD_IMAGE" },
  );
  await assert.rejects(
    unpack(t, layers, (layer) => ({
      ...layer,
      blob: { file: join(temporaryDirectory(t), "gone"), offset: 0 },
    })),
    { code: "LAYER_DAMAGED" },
  );
});

test("the media type says how a layer is compressed", () => {
  const compressionOf = (mediaType: string) => layerCompression({ mediaType } as Layer);
  assert.equal(compressionOf("application/vnd.oci.image.layer.v1.tar"), "none");
  assert.equal(compressionOf("application/vnd.oci.image.layer.v1.tar+zstd"), "zstd");
  assert.equal(compressionOf("application/vnd.docker.image.rootfs.diff.tar.gzip"), "gzip");
  assert.throws(() => compressionOf("application/json"), { code: "BAD_IMAGE" });
  assert.throws(() => compressionOf("application/x.tar+toString"), { code: "BAD_IMAGE" });
});
