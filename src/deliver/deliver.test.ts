import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { packImage, sampleTrees } from "../../test/kit/images.ts";
import { makeTree, noise } from "../../test/kit/trees.ts";
import { REF_NAME } from "../formats/oci.ts";
import { TarReader } from "../formats/tar-reader.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { ContentError } from "../platform/content.ts";
import { deliver, listExporters, parseOutput } from "./deliver.ts";
import { DeliverError } from "./errors.ts";

const ROOT = join(import.meta.dirname, "../..");

function to(image: Image, output: string, context: Context) {
  return deliver(image, parseOutput(output, "/"), context);
}

function blobNames(layout: string): string[] {
  return readdirSync(join(layout, "blobs/sha256")).sort();
}

function digestsOf(image: Image): string[] {
  const digests = [image.imageId, image.digest, ...image.layers.map((layer) => layer.digest)];
  return [...new Set(digests)].map((digest) => digest.slice(7)).sort();
}

function tagsOf(layout: string): string[] {
  const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  return manifests.map((entry: { annotations: Record<string, string> }) => entry.annotations[REF_NAME]);
}

function readArchive(file: string): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let name = "";
  const reader = new TarReader({
    member: (header) => {
      name = header.path;
      members.set(name, Buffer.alloc(0));
    },
    content: (chunk) => void members.set(name, Buffer.concat([members.get(name)!, chunk])),
    memberEnd() {},
  });
  reader.write(readFileSync(file));
  reader.end();
  return members;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

// ── outputs ──

test("an output is a scheme and a path, or - for standard output", () => {
  assert.deepEqual(parseOutput("oci:out/x", "/home/me"), { scheme: "oci", target: "/home/me/out/x" });
  assert.deepEqual(parseOutput("oci-archive:/a:b.tar", "/"), { scheme: "oci-archive", target: "/a:b.tar" });
  assert.deepEqual(parseOutput("-", "/"), { scheme: "stdout", target: "" });
});

for (const [text, hint] of [
  ["redis.oci", /write oci:redis\.oci/],
  ["ocl:dir", /Did you mean "oci"/],
  ["oci:", /./],
  ["stdout:x", /./],
] as const) {
  test(`"${text}" is no output`, () => {
    assert.throws(
      () => parseOutput(text, "/"),
      (error) =>
        error instanceof DeliverError &&
        error.code === "UNKNOWN_OUTPUT" &&
        /docker-archive:PATH, oci:PATH, oci-archive:PATH, docker:\/\/HOST\/NAME:TAG, -/.test(error.message) &&
        (error.hint === undefined || hint.test(error.hint)),
    );
  });
}

test("every exporter is named as its file", async () => {
  assert.deepEqual(
    (await listExporters()).map(({ scheme }) => scheme),
    ["docker-archive", "oci", "oci-archive", "registry", "stdout"],
  );
});

// ── oci ──

test("an OCI layout holds the image, each blob under its digest, and nothing else", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const target = join(temporaryDirectory(t), "deep/er/out");
  const delivered = await to(image, `oci:${target}`, context);
  assert.equal(delivered.unchanged, false);
  assert.equal(delivered.output, `oci:${target}`);
  assert.deepEqual(readdirSync(target).sort(), ["blobs", "index.json", "oci-layout"]);
  assert.deepEqual(blobNames(target), digestsOf(image));
  for (const name of blobNames(target))
    assert.equal(sha256(readFileSync(join(target, "blobs/sha256", name))), name);
  assert.deepEqual(JSON.parse(readFileSync(join(target, "index.json"), "utf8")).manifests, [
    {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: image.digest,
      size: image.manifest.length,
      platform: { architecture: "amd64", os: "linux" },
      annotations: { [REF_NAME]: "latest" },
    },
  ]);
});

test("a second delivery writes nothing, whether it may trust the first or must look again", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const target = join(temporaryDirectory(t), "out");
  const first = await to(image, `oci:${target}`, context);
  const again = await to(image, `oci:${target}`, context);
  const looked = await to(image, `oci:${target}`, testContext(t));
  for (const { unchanged, bytesWritten, bytesReused } of [again, looked]) {
    assert.deepEqual(
      { unchanged, bytesWritten, bytesReused },
      { unchanged: true, bytesWritten: 0, bytesReused: first.bytesWritten },
    );
  }
});

test("a delivery that was touched is looked at again, and mended", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const target = join(temporaryDirectory(t), "out");
  await to(image, `oci:${target}`, context);
  const blob = join(target, "blobs", image.layers[1]!.digest.replace(":", "/"));
  const good = readFileSync(blob);
  const bad = Buffer.from(good);
  bad[100]! ^= 1;
  for (const spoil of [
    () => writeFileSync(blob, bad),
    () => truncateSync(blob, 10),
    () => {
      spawnSync("rm", [blob]);
      symlinkSync("/etc/passwd", blob);
    },
    () => spawnSync("rm", [blob]),
  ]) {
    spoil();
    const { bytesWritten, unchanged } = await to(image, `oci:${target}`, context);
    assert.deepEqual({ bytesWritten, unchanged }, { bytesWritten: good.length, unchanged: false });
    assert.equal(sha256(readFileSync(blob)), sha256(good));
  }
  assert.ok(statSync("/etc/passwd").size > 0);
});

test("other images of a layout stay, with what they need; what only the replaced image used goes", async (t) => {
  const context = testContext(t);
  const target = join(temporaryDirectory(t), "out");
  const shared = makeTree({ shared: "by all" });
  const other = await packImage([shared, makeTree({ other: "1" })], context, { tag: "other" });
  const old = await packImage([shared, makeTree({ old: "1" })], context, { tag: "mine" });
  const young = await packImage([shared, makeTree({ young: "1" })], context, { tag: "mine" });
  for (const image of [other, old]) await to(image, `oci:${target}`, context);
  assert.deepEqual(blobNames(target), [...new Set([...digestsOf(other), ...digestsOf(old)])].sort());
  await to(young, `oci:${target}`, context);
  assert.deepEqual(tagsOf(target), ["other", "mine"]);
  assert.deepEqual(blobNames(target), [...new Set([...digestsOf(other), ...digestsOf(young)])].sort());
});

test("what another tool wrote into the index is kept as it was", async (t) => {
  const context = testContext(t);
  const target = join(temporaryDirectory(t), "out");
  const image = await packImage(sampleTrees(), context, { tag: "mine" });
  await to(await packImage([makeTree({ a: "a" })], context, { tag: "mine" }), `oci:${target}`, context);
  const file = join(target, "index.json");
  const index = JSON.parse(readFileSync(file, "utf8"));
  const foreign = {
    mediaType: "x/y",
    digest: `sha256:${"0".repeat(64)}`,
    size: 3,
    urls: ["a"],
    annotations: { b: "c" },
  };
  writeFileSync(
    file,
    JSON.stringify({ ...index, manifests: [foreign, ...index.manifests], annotations: { d: "e" } }),
  );
  const before = blobNames(target);
  await to(image, `oci:${target}`, context);
  const after = JSON.parse(readFileSync(file, "utf8"));
  assert.deepEqual(after.manifests[0], foreign);
  assert.deepEqual(after.annotations, { d: "e" });
  assert.equal(after.manifests[1].digest, image.digest);
  // The foreign manifest cannot be read, so nobody knows what it needs.
  for (const name of before) assert.ok(blobNames(target).includes(name));
});

test("nothing but a layout is written into", async (t) => {
  const context = testContext(t);
  const image = await packImage([], context);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "precious"), "x");
  for (const target of [directory, join(directory, "precious")]) {
    await assert.rejects(
      to(image, `oci:${target}`, context),
      (error) => error instanceof DeliverError && error.code === "TARGET_IN_THE_WAY",
    );
  }
  assert.deepEqual(readdirSync(directory), ["precious"]);
});

for (const [summary, text] of [
  ["no JSON", "{"],
  ["no index", '{"schemaVersion":1}'],
  [
    "a digest that is a path",
    '{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../x","size":1}]}',
  ],
] as const) {
  test(`a layout whose index is damaged is left alone: ${summary}`, async (t) => {
    const context = testContext(t);
    const target = temporaryDirectory(t);
    writeFileSync(join(target, "index.json"), text);
    await assert.rejects(
      to(await packImage([], context), `oci:${target}`, context),
      (error) => error instanceof DeliverError && error.code === "TARGET_DAMAGED",
    );
    assert.deepEqual(readdirSync(target), ["index.json"]);
  });
}

test("what a killed build left in a layout is removed", async (t) => {
  const context = testContext(t);
  const target = join(temporaryDirectory(t), "out");
  mkdirSync(join(target, "blobs/sha256"), { recursive: true });
  const stale = join(target, "blobs/sha256/.x.999999999.0123456789ab.tmp");
  writeFileSync(stale, "x");
  await to(await packImage([], context), `oci:${target}`, context);
  assert.equal(existsSync(stale), false);
});

// ── damage ──

for (const scheme of ["oci", "oci-archive", "docker-archive"]) {
  test(`${scheme}: a damaged blob of the cache is found, named and not delivered`, async (t) => {
    const context = testContext(t);
    const image = await packImage([makeTree({ a: noise(100_000) })], context);
    const { file } = image.layers[0]!.blob;
    const bytes = readFileSync(file);
    bytes[50_000]! ^= 1;
    const directory = temporaryDirectory(t);
    for (const spoil of [
      () => writeFileSync(file, bytes),
      () => truncateSync(file, 50),
      () => spawnSync("rm", [file]),
    ]) {
      spoil();
      await assert.rejects(
        to(image, `${scheme}:${directory}/out`, context),
        (error) => error instanceof ContentError && error.code === "CACHE_DAMAGED" && error.file === file,
      );
    }
    const left = readdirSync(directory, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      left.filter((entry) => entry.isFile()).map((entry) => entry.name),
      [],
    );
  });

  test(`${scheme}: a damaged blob that is not the cache's is the user's`, async (t) => {
    const context = testContext(t);
    const image = await packImage([makeTree({ a: noise(1000) })], context);
    const directory = temporaryDirectory(t);
    const file = join(directory, "blob");
    writeFileSync(file, "x".repeat(image.layers[0]!.size));
    const foreign = {
      ...image,
      layers: image.layers.map((layer) => ({ ...layer, blob: { file, offset: 0 } })),
    };
    await assert.rejects(
      to(foreign, `${scheme}:${directory}/out`, context),
      (error) => error instanceof DeliverError && error.code === "BLOB_DAMAGED",
    );
  });
}

test("a docker archive is not written when the diffID is wrong, though the blob is right", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const diffId = image.layers[1]!.diffId;
  const wrong = { ...image, layers: image.layers.map((layer) => ({ ...layer, diffId })) };
  await assert.rejects(to(wrong, `docker-archive:${temporaryDirectory(t)}/x`, context), /its diffID is/);
});

// ── archives ──

test("an OCI archive is a layout in a tar, the same bytes every time", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context, { tag: "v1" });
  const directory = temporaryDirectory(t);
  const delivered = await to(image, `oci-archive:${directory}/a.tar`, context);
  await to(image, `oci-archive:${directory}/b.tar`, context);
  assert.equal(
    sha256(readFileSync(join(directory, "a.tar"))),
    sha256(readFileSync(join(directory, "b.tar"))),
  );
  assert.equal(delivered.bytesWritten, statSync(join(directory, "a.tar")).size);
  const members = readArchive(join(directory, "a.tar"));
  assert.deepEqual(
    [...members.keys()].sort(),
    [
      "blobs/",
      "blobs/sha256/",
      ...digestsOf(image).map((hex) => `blobs/sha256/${hex}`),
      "index.json",
      "oci-layout",
    ].sort(),
  );
  for (const [name, bytes] of members)
    if (/[0-9a-f]{64}$/.test(name)) assert.equal(sha256(bytes), basename(name));
});

test("a docker archive has the layers uncompressed, and says what it is called", async (t) => {
  const context = testContext(t);
  const trees = sampleTrees();
  const directory = temporaryDirectory(t);
  const files: string[] = [];
  for (const compression of ["zstd", "gzip", "none"] as const) {
    const image = await packImage([...trees, trees[0]!], context, { compression, tag: "v1" });
    await to(image, `docker-archive:${directory}/${compression}`, context);
    const members = readArchive(join(directory, compression));
    const [entry] = JSON.parse(members.get("manifest.json")!.toString());
    assert.deepEqual(entry.RepoTags, ["sample:v1"]);
    assert.equal(sha256(members.get(entry.Config)!), image.imageId.slice(7));
    assert.deepEqual(
      entry.Layers.map((name: string) => `sha256:${sha256(members.get(name)!)}`),
      image.layers.map((layer) => layer.diffId),
    );
    assert.equal(members.size, 4, "a layer that occurs twice is there once");
    files.push(sha256(readFileSync(join(directory, compression))));
  }
  assert.equal(new Set(files).size, 1);
});

test("an archive replaces a file, and nothing else; touched, it is written again", async (t) => {
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const directory = temporaryDirectory(t);
  const file = join(directory, "out.tar");
  writeFileSync(file, "old");
  assert.equal((await to(image, `docker-archive:${file}`, context)).unchanged, false);
  assert.equal((await to(image, `docker-archive:${file}`, context)).unchanged, true);
  utimesSync(file, 1, 1);
  assert.equal((await to(image, `docker-archive:${file}`, context)).unchanged, false);
  const other = await packImage([], context);
  assert.equal((await to(other, `docker-archive:${file}`, context)).unchanged, false);
  await assert.rejects(
    to(image, `oci-archive:${directory}`, context),
    (error) => error instanceof DeliverError && error.code === "TARGET_IN_THE_WAY",
  );
  assert.deepEqual(readdirSync(directory), ["out.tar"]);
});

test("an abort leaves no archive", async (t) => {
  const abort = new AbortController();
  const image = await packImage([makeTree({ a: noise(5 << 20) })], testContext(t));
  const directory = temporaryDirectory(t);
  for (const scheme of ["oci", "oci-archive", "docker-archive"]) {
    const delivering = to(
      image,
      `${scheme}:${directory}/${scheme}`,
      testContext(t, { signal: abort.signal }),
    );
    setTimeout(() => abort.abort(new Error("interrupted")), 2);
    await assert.rejects(delivering, /interrupted/);
  }
  const left = readdirSync(directory, { recursive: true, withFileTypes: true });
  assert.deepEqual(
    left.filter((entry) => entry.isFile()).map((entry) => entry.name),
    [],
  );
});

// ── standard output ──

/** Runs a program that packs a small image and delivers it to its standard output. */
function runStdout(cache: string, shell: string) {
  const program = `
    import { packImage } from ${JSON.stringify(join(ROOT, "test/kit/images.ts"))};
    import { makeTree, noise } from ${JSON.stringify(join(ROOT, "test/kit/trees.ts"))};
    import { Cache } from ${JSON.stringify(join(ROOT, "src/platform/cache.ts"))};
    import { SILENT_PROGRESS } from ${JSON.stringify(join(ROOT, "src/model/progress.ts"))};
    import { deliver, parseOutput } from ${JSON.stringify(join(ROOT, "src/deliver/deliver.ts"))};
    const context = { cache: new Cache(${JSON.stringify(cache)}), progress: SILENT_PROGRESS, signal: new AbortController().signal, offline: true, jobs: 1 };
    const image = await packImage([makeTree({ a: noise(3 << 20) })], context);
    try {
      const { bytesWritten } = await deliver(image, parseOutput("-", "/"), context);
      console.error(bytesWritten);
    } catch (error) {
      console.error(error.code);
      process.exitCode = 1;
    }
  `;
  const env = { ...process.env, PROGRAM: program, NODE: process.execPath };
  return spawnSync("sh", ["-c", shell], { env, encoding: "utf8" });
}

test("standard output gets the bytes of the docker archive", async (t) => {
  const directory = temporaryDirectory(t);
  const context = testContext(t);
  const image = await packImage([makeTree({ a: noise(3 << 20) })], context);
  await to(image, `docker-archive:${directory}/file`, context);
  const { stderr } = runStdout(
    join(directory, "cache"),
    `"$NODE" --input-type=module -e "$PROGRAM" | cat > ${directory}/piped`,
  );
  assert.equal(sha256(readFileSync(join(directory, "piped"))), sha256(readFileSync(join(directory, "file"))));
  assert.equal(Number(stderr), statSync(join(directory, "file")).size);
});

test("a reader that goes away is told as such", (t) => {
  const { stderr } = runStdout(
    join(temporaryDirectory(t), "cache"),
    `"$NODE" --input-type=module -e "$PROGRAM" | head -c 1000 > /dev/null`,
  );
  assert.equal(stderr.trim(), "OUTPUT_CLOSED");
});

test("a terminal gets no image", (t) => {
  const cache = join(temporaryDirectory(t), "cache");
  const { stdout, error, status } = runStdout(
    cache,
    `script -qec '"$NODE" --input-type=module -e "$PROGRAM"' /dev/null < /dev/null`,
  );
  if (error !== undefined || status === 127) return t.skip("script is not installed");
  assert.equal(stdout.trim(), "OUTPUT_IS_TERMINAL");
});
