// OCI layouts and their layers, read by other people's tools: skopeo, umoci, GNU tar, zstd, gzip.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { deliver, parseOutput } from "../../src/deliver/deliver.ts";
import { verifyImage } from "../../src/inspect/verify-image.ts";
import { byteStringToBuffer } from "../../src/model/bytes.ts";
import type { Image } from "../../src/model/image.ts";
import type { TreeEntry } from "../../src/model/tree.ts";
import { openImage } from "../../src/sources/oci/open.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { packImage, sampleTrees } from "../kit/images.ts";
import { run, skipWithout } from "../kit/tools.ts";
import { makeTree, noise } from "../kit/trees.ts";

const COMPRESSIONS = ["zstd", "gzip", "none"] as const;

/** The sample, and a layer of several zstd frames and many gzip members; the last layer overwrites nothing. */
function trees() {
  const big = Buffer.concat([noise(9 << 20), Buffer.alloc(9 << 20, "all work and no play\n")]);
  return [...sampleTrees(), makeTree({ "srv/": {}, "srv/big": big })];
}

async function makeLayout(t: TestContext, compression: (typeof COMPRESSIONS)[number]) {
  const context = testContext(t);
  const directory = temporaryDirectory(t);
  const layout = join(directory, "layout");
  const image = await packImage(trees(), context, { compression, tag: "v1", name: "localhost/sample" });
  await deliver(image, parseOutput(`oci:${layout}`, "/"), context);
  return { context, directory, layout, image };
}

const COPY = ["--insecure-policy", "copy", "-q"];

const diffIds = (image: Image) => image.layers.map((layer) => layer.diffId);

for (const compression of COMPRESSIONS) {
  test(`${compression}: skopeo inspects and copies a layout and an archive, every digest unchanged`, async (t) => {
    if (skipWithout(t, "skopeo")) return;
    const { context, directory, layout, image } = await makeLayout(t, compression);
    const archive = join(directory, "archive.tar");
    await deliver(image, parseOutput(`oci-archive:${archive}`, "/"), context);
    for (const reference of [
      `oci:${layout}:v1`,
      `oci-archive:${archive}`,
      `oci-archive:${archive}:localhost/sample:v1`,
    ]) {
      const inspected = JSON.parse(run("skopeo", ["inspect", reference]));
      assert.equal(inspected.Digest, image.digest);
      assert.deepEqual(
        inspected.Layers,
        image.layers.map((layer) => layer.digest),
      );
      assert.equal(inspected.Created, "1970-01-01T00:00:01Z");
      const copy = join(directory, `copy-${reference.length}`);
      run("skopeo", [...COPY, "--preserve-digests", reference, `oci:${copy}:copied`]);
      // skopeo decompresses every layer and compares its diffID.
      run("skopeo", [...COPY, "--dest-decompress", reference, `oci:${copy}:plain`]);
      const copied = await openImage(`oci:${copy}:copied`, context);
      assert.equal(copied.digest, image.digest);
      const unpacked = await openImage(`oci:${copy}:plain`, context);
      assert.deepEqual(diffIds(unpacked), diffIds(image));
      for (const one of [copied, unpacked]) assert.deepEqual((await verifyImage(one, context)).problems, []);
    }
  });
}

test("skopeo's and umoci's own layouts open and verify", async (t) => {
  if (skipWithout(t, "skopeo", "umoci")) return;
  const { context, directory, layout, image } = await makeLayout(t, "none");
  const copy = join(directory, "copy");
  run("skopeo", [
    ...COPY,
    "--dest-compress",
    "--dest-compress-format",
    "zstd",
    `oci:${layout}:v1`,
    `oci:${copy}:zstd`,
  ]);
  run("skopeo", [
    ...COPY,
    "--dest-compress",
    "--dest-compress-format",
    "gzip",
    `oci:${layout}:v1`,
    `oci:${copy}:gzip`,
  ]);
  run("umoci", ["config", "--image", `${copy}:gzip`, "--tag", "umoci", "--config.user", "nobody"]);
  for (const tag of ["zstd", "gzip", "umoci"]) {
    const opened = await openImage(`oci:${copy}:${tag}`, context);
    assert.deepEqual(diffIds(opened), diffIds(image), tag);
    assert.deepEqual((await verifyImage(opened, context)).problems, [], tag);
  }
  // Tare adds an image beside theirs, and theirs stay whole.
  await deliver(image, parseOutput(`oci:${copy}`, "/"), context);
  for (const tag of ["zstd", "gzip", "umoci", "v1"]) {
    run("skopeo", ["inspect", `oci:${copy}:${tag}`]);
    assert.deepEqual(
      (await verifyImage(await openImage(`oci:${copy}:${tag}`, context), context)).problems,
      [],
    );
  }
});

test("umoci unpacks the gzip form: names, modes, owners and links as in the trees", async (t) => {
  if (skipWithout(t, "umoci")) return;
  if (process.getuid?.() !== 0) return t.skip("only root can unpack owners");
  const { directory, layout } = await makeLayout(t, "gzip");
  const bundle = join(directory, "bundle");
  run("umoci", ["unpack", "--image", `${layout}:v1`, bundle]);
  for (const entry of trees().flatMap((tree) => tree.entries)) {
    const path = Buffer.concat([Buffer.from(`${bundle}/rootfs/`), byteStringToBuffer(entry.path)]);
    const stats = entry.type === "symlink" ? undefined : statSync(path);
    if (stats !== undefined) {
      assert.deepEqual(
        [stats.mode & 0o7777, stats.uid, stats.gid],
        [entry.mode, entry.uid, entry.gid],
        entry.path,
      );
    }
    if (entry.type === "file" && entry.content.kind === "bytes") {
      assert.equal(readFileSync(path).equals(entry.content.bytes), true, entry.path);
      assert.equal(stats!.mtimeMs, 1000);
      if (entry.inode !== undefined) assert.equal(stats!.nlink, 2);
    }
  }
});

/** A line of `tar -tv --quoting-style=literal --full-time` in UTC. */
function describe(entry: TreeEntry, linkTarget: string | undefined): string {
  const letters = "xwr";
  let mode = "";
  for (let bit = 8; bit >= 0; bit--) mode += entry.mode & (1 << bit) ? letters[bit % 3] : "-";
  const special = (bit: number, at: number, letter: string) => {
    if ((entry.mode & bit) === 0) return;
    mode = mode.slice(0, at) + (mode[at] === "x" ? letter : letter.toUpperCase()) + mode.slice(at + 1);
  };
  special(0o4000, 2, "s");
  special(0o2000, 5, "s");
  special(0o1000, 8, "t");
  const type = linkTarget !== undefined ? "h" : { directory: "d", symlink: "l", file: "-" }[entry.type];
  const size = entry.type === "file" && linkTarget === undefined ? entry.size : 0;
  const name = entry.type === "directory" ? `${entry.path}/` : entry.path;
  const target =
    entry.type === "symlink"
      ? ` -> ${entry.target}`
      : linkTarget === undefined
        ? ""
        : ` link to ${linkTarget}`;
  return `${type}${mode} ${entry.uid}/${entry.gid} ${size} 1970-01-01 00:00:01 ${name}${target}`;
}

for (const compression of COMPRESSIONS) {
  test(`${compression}: GNU tar lists every layer as its tree; the compressor's own tool finds it whole`, async (t) => {
    const decompressor = { zstd: "zstd", gzip: "gzip", none: "cat" }[compression];
    if (skipWithout(t, "tar", decompressor)) return;
    const { image } = await makeLayout(t, compression);
    for (const [i, { entries }] of trees().entries()) {
      const { file } = image.layers[i]!.blob;
      if (compression !== "none") run(decompressor, ["-t", "-q"], readFileSync(file));
      const args = compression === "none" ? [file] : ["-d", "-c", "-q"];
      const tar = run(decompressor, args, compression === "none" ? undefined : readFileSync(file));
      assert.equal(tar.length, image.layers[i]!.uncompressedSize);
      const listing = run(
        "env",
        [
          "LC_ALL=C.UTF-8",
          "TZ=UTC",
          "tar",
          "-tv",
          "--numeric-owner",
          "--full-time",
          "--quoting-style=literal",
        ],
        Buffer.from(tar, "latin1"),
      );
      const links = new Map<string, string>();
      const expected = entries.map((entry) => {
        const inode = entry.type === "file" ? entry.inode : undefined;
        const first = inode === undefined ? undefined : links.get(inode);
        if (inode !== undefined && first === undefined) links.set(inode, entry.path);
        return describe(entry, first);
      });
      assert.deepEqual(listing.trimEnd().replaceAll(/ +/g, " ").split("\n"), expected);
    }
  });
}

test("a big layer has several frames, each with its size in the header", async (t) => {
  if (skipWithout(t, "zstd")) return;
  const { image } = await makeLayout(t, "zstd");
  const listing = run("zstd", ["-l", "-v", image.layers[2]!.blob.file]);
  assert.match(listing, /Frames: 3$/m);
  assert.match(listing, new RegExp(`\\(${image.layers[2]!.uncompressedSize} B\\)`));
});
