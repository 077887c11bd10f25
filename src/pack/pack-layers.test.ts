import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { layerContents, sampleTrees } from "../../test/kit/images.ts";
import { makeTree, noise, storeTree } from "../../test/kit/trees.ts";
import type { TarHeader } from "../formats/tar-reader.ts";
import { TarReader } from "../formats/tar-reader.ts";
import { decodeByteString } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { Layer } from "../model/image.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import type { CompressionName } from "../model/image-spec.ts";
import type { Tree } from "../model/tree.ts";
import { ContentError } from "../platform/content.ts";
import { DiskError } from "../platform/disk.ts";
import { PackError } from "./errors.ts";
import { packLayers } from "./pack-layers.ts";

function pack(
  trees: readonly Tree[],
  context: Context,
  compression: CompressionName = "zstd",
  level?: number,
) {
  return packLayers(trees.map(layerContents), { compression, level, mtimeSeconds: 1 }, context);
}

function readBlob(layer: Layer): Buffer {
  const bytes = readFileSync(layer.blob.file);
  assert.equal(bytes.length, layer.size);
  assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, layer.digest);
  return bytes;
}

/** Frame by frame: node's synchronous decoders read one frame, or all members. */
function decompressBlob(layer: Layer): Buffer {
  const bytes = readBlob(layer);
  if (layer.mediaType === MEDIA_TYPES.layer) return bytes;
  if (layer.mediaType === MEDIA_TYPES.layerGzip) return gunzipSync(bytes);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = bytes.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), at + 4);
    const end = next < 0 ? bytes.length : next;
    frames.push(zstdDecompressSync(bytes.subarray(at, end)));
    at = end;
  }
  return Buffer.concat(frames);
}

function readTar(bytes: Buffer): { header: TarHeader; content: string }[] {
  const members: { header: TarHeader; content: string }[] = [];
  const reader = new TarReader({
    member: (header) => void members.push({ header, content: "" }),
    content: (chunk) => {
      members.at(-1)!.content += Buffer.from(chunk).toString("latin1");
    },
    memberEnd() {},
  });
  reader.write(bytes);
  reader.end();
  return members;
}

for (const compression of ["zstd", "gzip", "none"] as const) {
  test(`${compression}: the tar holds the tree, and every claim of the layer is true`, async (t) => {
    const trees = sampleTrees();
    const layers = await pack(trees, testContext(t), compression);
    for (const [i, layer] of layers.entries()) {
      const tar = decompressBlob(layer);
      assert.equal(tar.length, layer.uncompressedSize);
      assert.equal(`sha256:${createHash("sha256").update(tar).digest("hex")}`, layer.diffId);
      const members = readTar(tar);
      const linked = new Set<string>();
      assert.equal(members.length, trees[i]!.entries.length);
      for (const [j, entry] of trees[i]!.entries.entries()) {
        const { header, content } = members[j]!;
        const isAgain = entry.type === "file" && entry.inode !== undefined && linked.has(entry.inode);
        if (entry.type === "file" && entry.inode !== undefined) linked.add(entry.inode);
        assert.equal(header.path, entry.type === "directory" ? `${entry.path}/` : entry.path);
        assert.equal(header.type, isAgain ? "hardlink" : entry.type);
        assert.deepEqual(
          [header.mode, header.uid, header.gid, header.mtimeSeconds, header.uname, header.gname],
          [entry.mode, entry.uid, entry.gid, 1, "", ""],
        );
        if (entry.type === "symlink") assert.equal(header.linkTarget, entry.target);
        if (isAgain) assert.equal(decodeByteString(header.linkTarget), "usr/bin/perl");
        else if (entry.type === "file" && entry.content.kind === "bytes") {
          assert.equal(content, Buffer.from(entry.content.bytes).toString("latin1"));
        }
      }
    }
  });
}

test("contents of a cached archive give the same bytes as contents in memory", async (t) => {
  const trees = sampleTrees();
  const directory = temporaryDirectory(t);
  const stored = trees.map((tree, i) => storeTree(tree, join(directory, `${i}`)));
  const digests = (layers: readonly Layer[]) => layers.map((layer) => layer.digest);
  assert.deepEqual(digests(await pack(stored, testContext(t))), digests(await pack(trees, testContext(t))));
});

test("files and headers may lie across the ends of frames, at any place", async (t) => {
  // Members of gzip have 1 MiB: the second file's header moves over the end of the first.
  for (const shift of [0, 511, 512, 513, 1024, 1536]) {
    const tree = makeTree({
      a: noise((1 << 20) - 512 - 1024 - shift),
      ["b".repeat(150)]: "across",
      c: noise(3 << 20, 7),
    });
    const [layer] = await pack([tree], testContext(t), "gzip", 1);
    const members = readTar(decompressBlob(layer!));
    assert.deepEqual(
      members.map(({ content }) => createHash("sha256").update(content, "latin1").digest("hex")),
      tree.entries.map((entry) => (entry.type === "file" ? entry.content.sha256 : "")),
    );
  }
});

test("the bytes do not depend on the number of threads, nor on what is packed with them", async (t) => {
  const trees = [
    makeTree({ a: noise(9 << 20), b: "b".repeat(9 << 20) }),
    makeTree({ c: "c" }),
    makeTree({ d: noise(1 << 20, 3) }),
  ];
  for (const compression of ["zstd", "gzip"] as const) {
    const digests: string[] = [];
    for (const jobs of [1, 2, 5]) {
      const layers = await pack(trees, testContext(t, { jobs }), compression, 1);
      digests.push(layers.map((layer) => layer.digest).join());
    }
    const alone = await Promise.all(trees.map((tree) => pack([tree], testContext(t), compression, 1)));
    digests.push(alone.map(([layer]) => layer!.digest).join());
    assert.equal(new Set(digests).size, 1, compression);
  }
});

test("what was packed before is found, and packed again when its blob is gone or was cut", async (t) => {
  const context = testContext(t);
  const trees = sampleTrees();
  const first = await pack(trees, context);
  const second = await pack(trees, context);
  assert.deepEqual(second, first);
  rmSync(first[0]!.blob.file);
  truncateSync(first[1]!.blob.file, 10);
  const third = await pack(trees, context);
  assert.deepEqual(third, first);
  third.forEach(readBlob);
  assert.deepEqual(context.progress.lines, [
    "packing: 2 layers",
    "packing: 2 layers, 2 from the cache",
    "packing: 2 layers",
  ]);
});

test("damaged records of the cache count as none", async (t) => {
  const context = testContext(t);
  const trees = [sampleTrees()[0]!];
  const first = await pack(trees, context);
  const folder = join(context.cache.root, "layers");
  const record = join(folder, readdirSync(folder)[0]!);
  for (const text of ["", "null", "{}", '{"digest":"sha256:../../x"}', "x".repeat(10_000)]) {
    writeFileSync(record, text);
    assert.deepEqual(await pack(trees, context), first, text);
  }
});

function leftovers(context: Context): string[] {
  return readdirSync(context.cache.root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".tmp"),
  );
}

test("bytes that are not what the index says are found, and leave nothing", async (t) => {
  const context = testContext(t);
  const archive = join(temporaryDirectory(t), "tree");
  const tree = storeTree(makeTree({ a: noise(3 << 20), b: "b" }), archive);
  const damaged = readFileSync(archive);
  damaged[2 << 20]! ^= 1;
  writeFileSync(archive, damaged);
  await assert.rejects(
    pack([tree], context),
    (error) => error instanceof ContentError && error.code === "CACHE_DAMAGED" && error.file === archive,
  );
  truncateSync(archive, 1000);
  await assert.rejects(pack([tree], context), { code: "CACHE_DAMAGED" });
  rmSync(archive);
  await assert.rejects(pack([tree], context), { code: "CACHE_DAMAGED" });
  assert.deepEqual(leftovers(context), []);
  assert.deepEqual(readdirSync(join(context.cache.root, "blobs")), []);
});

test("an abort ends the work and leaves nothing", async (t) => {
  const abort = new AbortController();
  const context = testContext(t, { signal: abort.signal });
  const packing = pack([makeTree({ a: noise(40 << 20) })], context, "zstd", 15);
  setTimeout(() => abort.abort(new Error("interrupted")), 60);
  await assert.rejects(packing, /interrupted/);
  assert.deepEqual(leftovers(context), []);
  assert.deepEqual(readdirSync(join(context.cache.root, "blobs")), []);
});

test("a cache that cannot be written is told as such", async (t) => {
  if (process.getuid?.() === 0) return t.skip("root may write everywhere");
  const context = testContext(t);
  const blobs = context.cache.path("blobs", "x").slice(0, -2);
  chmodSync(blobs, 0o500);
  t.after(() => chmodSync(blobs, 0o700));
  await assert.rejects(
    pack(sampleTrees(), context),
    (error) => error instanceof DiskError && error.code === "NO_PERMISSION",
  );
});

for (const mtimeSeconds of [-1, 0.5, 2 ** 33]) {
  test(`a time of ${mtimeSeconds} is refused`, async (t) => {
    await assert.rejects(
      packLayers([], { compression: "zstd", level: undefined, mtimeSeconds }, testContext(t)),
      (error) => error instanceof PackError && error.code === "BAD_TIME",
    );
  });
}

test("no layers pack to no layers", async (t) => {
  assert.deepEqual(await pack([], testContext(t)), []);
});

test("a record outlives its blob: with a sink that does not want the bytes, nothing is packed", async (t) => {
  const context = testContext(t);
  const trees = sampleTrees();
  const first = await pack(trees, context);
  rmSync(first[0]!.blob.file);
  const taken: string[] = [];
  const asked: string[] = [];
  const options = { compression: "zstd", level: undefined, mtimeSeconds: 1 } as const;
  const packWith = (wanted: boolean) => {
    taken.length = asked.length = 0;
    const sink = {
      wants: async ({ digest }: Layer) => {
        asked.push(digest);
        return wanted;
      },
      take: ({ digest }: Layer) => void taken.push(digest),
    };
    return packLayers(trees.map(layerContents), options, context, sink);
  };
  assert.deepEqual(await packWith(false), first);
  assert.deepEqual(asked, [first[0]!.digest]);
  assert.deepEqual(taken.sort(), first.map(({ digest }) => digest).sort());
  assert.throws(() => readFileSync(first[0]!.blob.file), /ENOENT/);
  assert.deepEqual(await packWith(true), first);
  assert.equal(taken.length, first.length);
  readBlob(first[0]!);
  // Without a sink, all blobs are there in the end.
  rmSync(first[1]!.blob.file);
  assert.deepEqual(await pack(trees, context), first);
  readBlob(first[1]!);
});
