import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { packImage, sampleTrees } from "../../test/kit/images.ts";
import {
  directory,
  file,
  hardLink,
  type MemberOptions,
  makeImage,
  symlink,
} from "../../test/kit/tiny-image.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { TreeWriter } from "../platform/extract.ts";
import { unpackLayers } from "../run/unpack.ts";
import { openImageRoot } from "./image-root.ts";
import type { RootView } from "./root-view.ts";

/** Every name with its type, mode, and content or target. */
function dump(view: RootView): Record<string, string> {
  const lines: Record<string, string> = {};
  for (const entry of view.entries.values()) {
    if (entry.path === "") continue;
    const mode = entry.mode.toString(8);
    if (entry.type === "file") lines[entry.path] = `file ${mode} ${view.readSmall(entry.path, 1 << 20)}`;
    else if (entry.type === "symlink") lines[entry.path] = `link ${entry.target}`;
    else lines[entry.path] = `${entry.type} ${mode}`;
  }
  return lines;
}

async function read(image: Image, context: Context): Promise<Record<string, string>> {
  using view = await openImageRoot(image, context);
  return dump(view);
}

async function readLayers(
  folder: string,
  context: Context,
  layers: readonly (readonly MemberOptions[])[],
): Promise<Record<string, string>> {
  return read(makeImage(folder, { layers, compression: "zstd" }), context);
}

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`${compression}: the root of an image is the trees that it was packed from`, async (t) => {
    const context = testContext(t);
    const trees = sampleTrees();
    const image = await packImage(trees, context, { compression });
    using view = await openImageRoot(image, context);
    for (const entry of trees.flatMap(({ entries }) => entries)) {
      const seen = view.entries.get(entry.path);
      assert.deepEqual(
        [seen?.type, seen?.mode, seen?.uid, seen?.gid],
        [entry.type, entry.mode, entry.uid, entry.gid],
      );
      if (entry.type === "symlink") assert.equal(seen?.type === "symlink" && seen.target, entry.target);
      if (entry.type !== "file" || entry.content.kind !== "bytes") continue;
      const bytes = Buffer.alloc(entry.size);
      view.readInto(view.findFile(`/${entry.path}`)!, 0, bytes);
      assert.ok(bytes.equals(entry.content.bytes), entry.path);
    }
  });
}

for (const { summary, layers, expected } of [
  {
    summary: "a later layer overrides, and a whiteout takes away",
    layers: [
      [file("a", "1"), file("b", "2"), file("d/x", "3")],
      [file("a", "new"), file(".wh.b"), file(".wh.d")],
    ],
    expected: { a: "file 644 new" },
  },
  {
    summary: "a whiteout does not touch its own layer",
    layers: [[file("a", "1")], [file("a", "2"), file(".wh.a")]],
    expected: { a: "file 644 2" },
  },
  {
    summary: "an opaque directory hides what lower layers have, whenever it comes",
    layers: [
      [directory("d"), file("d/x", "1"), file("d/sub/y", "2")],
      [directory("d"), file("d/new", "3"), file("d/.wh..wh..opq")],
    ],
    expected: { d: "directory 755", "d/new": "file 644 3" },
  },
  {
    summary: "other names of storage drivers mean nothing",
    layers: [[file("a", "1")], [file(".wh..wh.plnk"), file(".wh."), file(".wh...")]],
    expected: { a: "file 644 1" },
  },
  {
    summary: "types change, directories are merged",
    layers: [
      [directory("d", { mode: 0o700 }), file("d/x", "1"), file("f", "1"), directory("e"), file("e/y", "1")],
      [directory("d"), file("f/inside", "2"), file("e", "3")],
    ],
    expected: {
      d: "directory 755",
      "d/x": "file 644 1",
      f: "directory 755",
      "f/inside": "file 644 2",
      e: "file 644 3",
    },
  },
  {
    summary: "a parent that is a link leads on",
    layers: [
      [directory("usr/lib"), symlink("lib", "usr/lib"), symlink("abs", "/usr")],
      [file("lib/x", "1"), file("abs/y", "2")],
    ],
    expected: {
      usr: "directory 755",
      "usr/lib": "directory 755",
      "usr/lib/x": "file 644 1",
      "usr/y": "file 644 2",
      lib: "link usr/lib",
      abs: "link /usr",
    },
  },
  {
    summary: "a hard link to a file of a lower layer, which is then replaced",
    layers: [[file("a", "1")], [hardLink("b", "a"), file("a", "2")]],
    expected: { a: "file 644 2", b: "file 644 1" },
  },
  {
    summary: "devices are special",
    layers: [[{ name: "null", flag: "3", mode: 0o666 }]],
    expected: { null: "special 666" },
  },
] satisfies readonly { summary: string; layers: readonly (readonly MemberOptions[])[]; expected: object }[]) {
  test(summary, async (t) => {
    const seen = await readLayers(temporaryDirectory(t), testContext(t), layers);
    assert.deepEqual(seen, expected);
  });
}

for (const [summary, members, problem] of [
  ["a name that leads outside", [file("../x")], /has a "\.\." component/],
  ["a hard link to nothing", [hardLink("a", "b")], /links to no file before it/],
  ["links round in a circle", [symlink("a", "b"), symlink("b", "a"), file("a/x")], /too many links/],
  ["directories too deep", [file(`${"d/".repeat(1200)}x`)], /nests more than 1000 directories/],
] as const) {
  test(`refused: ${summary}`, async (t) => {
    const context = testContext(t);
    await assert.rejects(readLayers(temporaryDirectory(t), context, [members]), {
      code: "UNSAFE_TAR",
      message: problem,
    });
    assert.deepEqual(readdirSync(join(context.cache.root, "tmp")), [], "the spooled files are gone");
  });
}

test("a layer that is gone, cut short or no tar is told by its name", async (t) => {
  const context = testContext(t);
  const folder = temporaryDirectory(t);
  const image = makeImage(folder, { layers: [[file("a", "1")]] });
  const [layer] = image.layers;
  const withBlob = (path: string, size: number): Image => ({
    ...image,
    layers: [{ ...layer!, blob: { file: path, offset: 0 }, size }],
  });
  await assert.rejects(read(withBlob(join(folder, "none"), 512), context), { message: /is gone from/ });
  await assert.rejects(read(withBlob(layer!.blob.file, 700), context), {
    code: "BAD_TAR",
    message: /sha256:/,
  });
  mkdirSync(join(folder, "other"));
  writeFileSync(join(folder, "other/text"), "no tar at all".repeat(100));
  await assert.rejects(read(withBlob(join(folder, "other/text"), 1024), context), { code: "BAD_TAR" });
});

const name = fc.constantFrom("a", "b", "a/b", "b/a", "a/a/b", "c");
const member: fc.Arbitrary<MemberOptions> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(name, fc.nat(9)).map(([at, text]) => file(at, String(text))) },
  { weight: 3, arbitrary: name.map((at) => directory(at)) },
  {
    weight: 2,
    arbitrary: fc.tuple(name, fc.constantFrom("a", "/b", "../c", "b/a")).map(([at, to]) => symlink(at, to)),
  },
  { weight: 2, arbitrary: name.map((at) => file(at.replace(/([^/]*)$/, ".wh.$1"))) },
  { weight: 1, arbitrary: fc.constantFrom(".wh..wh..opq", "a/.wh..wh..opq").map((at) => file(at)) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([at, to]) => hardLink(at, to)) },
);

test("the root of any layers is what unpacking them gives", async (t) => {
  const context = testContext(t);
  const folder = temporaryDirectory(t);
  let number = 0;
  let same = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(member, { maxLength: 6 }), { minLength: 1, maxLength: 3 }),
      async (layers) => {
        const image = makeImage(join(folder, `image-${number}`), { layers });
        const root = join(folder, `root-${number++}`);
        mkdirSync(root);
        const writer = new TreeWriter(root, { owners: false });
        let unpacked: string[] | undefined;
        try {
          await unpackLayers(image.layers, writer, context);
          unpacked = [...writer.entries()].map(({ path, type }) => `${type} ${path}`);
        } catch {
          await assert.rejects(read(image, context));
          return;
        }
        using view = await openImageRoot(image, context);
        const seen = [...view.entries.values()].map(({ path, type }) => `${type} ${path}`);
        assert.deepEqual(seen.sort(), unpacked.sort());
        const ours = view.lookup("a/b");
        if (ours.kind === "circular") assert.throws(() => writer.resolve("a/b"), { code: "UNSAFE_PATH" });
        else assert.equal(ours.kind === "found" ? ours.path : undefined, writer.resolve("a/b")?.path);
        same++;
      },
    ),
    { numRuns: 150, seed: 11 },
  );
  assert.ok(same > 40, `${same} images were compared`);
});
