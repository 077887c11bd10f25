// In-store images to the byte: every image of the vectors, streamed, written, pushed and packed as Tare's own.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { rootOwner } from "../../src/formats/store-layer.ts";
import { composeLayers } from "../../src/layers/contents.ts";
import type { BytePath } from "../../src/model/bytes.ts";
import type { Image } from "../../src/model/image.ts";
import type { FileEntry, TreeEntry } from "../../src/model/tree.ts";
import { packLayers } from "../../src/pack/pack-layers.ts";
import { pushConf, streamConf } from "../../src/pipeline/stream.ts";
import { listStorePath } from "../../src/platform/store-entries.ts";
import { openImage } from "../../src/sources/oci/open.ts";
import { parseConf } from "../../src/stream/conf.ts";
import { StoreLayer } from "../../src/stream/store-layer.ts";
import { streamImage } from "../../src/stream/stream-image.ts";
import { ROOT, TARE, tare } from "../kit/cli.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { skipWithoutRegistry, startDockerRegistry } from "../kit/docker-registry.ts";
import { fileEntry } from "../kit/nix.ts";
import { IMAGE_SETS, temporaryStore, vectorImages, writeConf } from "../kit/nix-images.ts";
import { run, skipWithout } from "../kit/tools.ts";
import { noise } from "../kit/trees.ts";

interface Member {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The members of a tar without long names. */
function readMembers(tar: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const name = tar.toString("latin1", at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    members.push({ name, bytes: tar.subarray(at + 512, at + 512 + size) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Streams into memory. */
async function streamed(t: TestContext, file: string, root: string, repoTag?: string, jobs = 2) {
  const context = testContext(t, { jobs });
  const chunks: Buffer[] = [];
  const conf = parseConf(readFileSync(file), file, 0);
  const result = await streamImage(
    repoTag === undefined ? conf : { ...conf, repoTag },
    root,
    { write: (chunk) => void chunks.push(Buffer.from(chunk)) },
    context,
  );
  return { tar: Buffer.concat(chunks), result };
}

for (const set of IMAGE_SETS) {
  test(`${set}: layers, configuration, image ID, manifest and the whole tar of all images`, async (t) => {
    const root = temporaryStore(t, set);
    const images = vectorImages(set);
    assert(images.length > 0);
    for (const image of images) {
      const { id, layers, cliArgs, imageId } = image;
      const { tar, result } = await streamed(t, writeConf(set, image.conf, root), root, cliArgs?.at(-1));
      const members = readMembers(tar);
      assert.deepEqual(
        members.slice(0, layers.length).map(({ name, bytes }) => [name, sha256(bytes), bytes.length]),
        layers.map(({ tarPath, sha256, size }) => [tarPath, sha256, size]),
        id,
      );
      const [config, manifest] = members.slice(layers.length);
      assert.equal(config!.bytes.toString(), image.configJson, id);
      assert.equal(manifest!.bytes.toString(), image.manifestJson, id);
      assert.equal(result.imageId, imageId, id);
      assert.equal(tar.length, image.outerTarSize, id);
      assert.equal(sha256(tar), image.outerTarSha256, id);
    }
  });
}

test("one thread or many, a cold or a warm cache: the same bytes", async (t) => {
  const root = temporaryStore(t, "odd");
  const image = vectorImages("odd").find(({ id }) => id === "max10")!;
  const file = writeConf("odd", image.conf, root);
  for (const jobs of [1, 8]) {
    assert.equal(sha256((await streamed(t, file, root, undefined, jobs)).tar), image.outerTarSha256);
  }
  const context = testContext(t);
  const conf = parseConf(readFileSync(file), file, 0);
  for (let i = 0; i < 2; i++) {
    const hash = createHash("sha256");
    await streamImage(conf, root, { write: (chunk) => void hash.update(chunk) }, context);
    assert.equal(hash.digest("hex"), image.outerTarSha256);
  }
});

test("digests are kept, and computed anew when a file was touched", async (t) => {
  const root = temporaryStore(t, "tiny");
  const file = writeConf("tiny", "conf-max3.json", root);
  const paths = ["1", "2"].map((digit) => `/nix/store/${digit.repeat(32)}-file`);
  for (const [i, path] of paths.entries()) writeFileSync(root + path, noise(4e5, i + 1));
  const conf = {
    ...parseConf(readFileSync(file), file, 0),
    storeLayers: paths.map((path) => [path]),
  };
  const context = testContext(t);
  const stream = () => streamImage(conf, root, { write() {} }, context);
  const list = () => run("ls", ["-i", context.cache.path("layers", "")]);
  const first = await stream();
  const listed = list();
  assert.equal(listed.trim().split("\n").length, 2);
  assert.deepEqual(await stream(), first);
  assert.equal(list(), listed, "nothing was written again");
  writeFileSync(root + paths[0]!, noise(4e5, 3));
  const second = await stream();
  assert.notEqual(second.diffIds[0], first.diffIds[0]);
  assert.deepEqual(second.diffIds.slice(1), first.diffIds.slice(1));
});

test("a file that shrinks while it is streamed is told", (t) => {
  const root = temporaryStore(t, "tiny");
  const path = `/nix/store/${"1".repeat(32)}-file`;
  writeFileSync(root + path, "whole");
  const layer = new StoreLayer([path], rootOwner(1), root);
  writeFileSync(root + path, "cut");
  assert.throws(() => [...layer.chunks()], { code: "STORE_FILE_CHANGED" });
  run("sh", ["-c", `rm ${root}${path} && mkfifo ${root}${path}`]);
  assert.throws(() => new StoreLayer([path], rootOwner(1), root), { code: "STORE_FILE_UNSUPPORTED" });
});

test("a compressed base image is read as a plain one", async (t) => {
  const root = temporaryStore(t, "odd-from-tiny");
  const image = vectorImages("odd-from-tiny").find(({ id }) => id === "max5")!;
  const file = writeConf("odd-from-tiny", image.conf, root);
  const { from_image: base } = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(base, gzipSync(readFileSync(base)));
  assert.equal(sha256((await streamed(t, file, root)).tar), image.outerTarSha256);
});

test("members of a base image are written as Python reads and writes them again", async (t) => {
  if (skipWithout(t, "python3")) return;
  const root = temporaryStore(t, "tiny");
  const file = writeConf("tiny", "conf-max3.json", root);
  const base = join(root, "base.tar");
  // A GNU long name, a pax time with a fraction, a comment, an owner beyond ASCII, an old type flag, a link.
  run("python3", [join(ROOT, "test/fixtures/dockertools/make-base.py"), base]);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), from_image: base }));
  const { tar } = await streamed(t, file, root);
  const expected = run("python3", [join(ROOT, "test/fixtures/dockertools/copy-layers.py"), base]);
  const wanted = Buffer.from(expected, "latin1");
  assert(wanted.length > 5 * 10240);
  assert.equal(tar.subarray(0, wanted.length).equals(wanted), true);
});

test("names that are not UTF-8 are written as Python's tarfile writes them", (t) => {
  if (skipWithout(t, "python3")) return;
  const root = temporaryDirectory(t);
  const path = `/nix/store/${"1".repeat(32)}-bytes`;
  const place = Buffer.from(join(root, path));
  mkdirSync(place, { recursive: true });
  for (const name of [
    "\xff",
    "\xc3\xa9",
    "\xf0\x9f\x98\x80",
    "a\x80b",
    "z",
    "\xee\x80\x80",
    "\xed\xa0\x80",
  ]) {
    writeFileSync(Buffer.concat([place, Buffer.from(`/${name}`, "latin1")]), name);
  }
  const script = join(ROOT, "test/fixtures/dockertools/layer.py");
  const wanted = Buffer.from(run("python3", [script, root, path]), "latin1");
  const layer = new StoreLayer([path], rootOwner(1), root);
  const bytes = Buffer.concat([...layer.chunks()].map((chunk) => Buffer.from(chunk)));
  assert.equal(bytes.length, layer.length);
  assert.equal(bytes.equals(wanted), true);
});

test("large layers, hashed on threads, have the digests that their bytes have", async (t) => {
  const root = temporaryStore(t, "tiny");
  const file = writeConf("tiny", "conf-max3.json", root);
  const paths = ["1", "2", "3"].map((digit) => `/nix/store/${digit.repeat(32)}-large`);
  for (const [i, path] of paths.entries()) writeFileSync(root + path, noise(12e6, i + 1));
  const conf = { ...JSON.parse(readFileSync(file, "utf8")), store_layers: paths.map((path) => [path]) };
  writeFileSync(file, JSON.stringify(conf));
  const alone = await streamed(t, file, root, undefined, 1);
  const { tar, result } = await streamed(t, file, root, undefined, 4);
  assert.equal(tar.equals(alone.tar), true);
  const layers = readMembers(tar).filter(({ name }) => name.endsWith("layer.tar"));
  assert.deepEqual(
    layers.map(({ bytes }) => `sha256:${sha256(bytes)}`),
    result.diffIds,
  );
});

test("Tare's own layers of store paths have the digests of dockerTools", async (t) => {
  for (const [set, id] of [
    ["odd", "max5"],
    ["big", "max10"],
    ["tiny", "uid1000"],
    ["tiny", "uid-huge"],
    ["tiny", "uname-long"],
    ["tiny", "uname-unicode"],
  ] as const) {
    const root = temporaryStore(t, set);
    const image = vectorImages(set).find((one) => one.id === id)!;
    const conf = JSON.parse(readFileSync(writeConf(set, image.conf, root), "utf8"));
    const owner = { uid: Number(conf.uid), gid: Number(conf.gid), uname: conf.uname, gname: conf.gname };
    const units = (conf.store_layers as string[][]).flat().map((path) => ({
      id: `unit of ${path}`,
      label: path,
      entries: entriesOf(path, root).map((entry) => ({ ...entry, uid: owner.uid, gid: owner.gid })),
    }));
    const layers = (conf.store_layers as string[][]).map((paths) => ({
      units: paths.map((path) => `unit of ${path}`),
      reason: "",
    }));
    const contents = composeLayers({ planner: "test", layers }, units, new Map(), owner);
    const packed = await packLayers(
      contents,
      { compression: "none", level: undefined, mtimeSeconds: 1 },
      testContext(t),
    );
    assert.deepEqual(
      packed.map(({ diffId }) => diffId.slice("sha256:".length)),
      image.layers.slice(0, -1).map((layer) => layer.sha256),
    );
  }
});

/** What is at a store path, as the entries of a unit. */
function entriesOf(path: string, root: string): TreeEntry[] {
  return listStorePath(root + path, (a, b) => (a < b ? -1 : 1))!.map(({ rest, type, mode, target }) => {
    const common = { path: `${path}${rest}`.slice(1) as BytePath, mode, uid: 0, gid: 0 };
    if (type === "directory") return { ...common, type };
    if (type === "symlink") return { ...common, type, target: target as never };
    const bytes = readFileSync(Buffer.from(root + path + rest, "latin1"));
    return { ...fileEntry(common.path, bytes), mode } satisfies FileEntry;
  });
}

test("skopeo and podman read what the command streams; a layout and a registry get the same image", async (t) => {
  const root = temporaryStore(t, "odd");
  const image = vectorImages("odd").find(({ id }) => id === "max10")!;
  const file = writeConf("odd", image.conf, root);
  const cache = { XDG_CACHE_HOME: join(root, "cache") };
  const archive = join(root, "image.tar");
  const written = tare(["stream-conf", file, "--store-root", root, "-o", `docker-archive:${archive}`], {
    env: cache,
  });
  assert.equal(written.status, 0, written.stderr);
  assert.equal(sha256(readFileSync(archive)), image.outerTarSha256);
  const piped = run("sh", ["-c", '"$0" "$@" 2>/dev/null', TARE, "stream-conf", file, "--store-root", root]);
  assert.equal(sha256(Buffer.from(piped, "latin1")), image.outerTarSha256);
  const layout = join(root, "image.oci");
  const oci = tare(["stream-conf", file, "--store-root", root, "-o", `oci:${layout}`, "--json"], {
    env: cache,
  });
  assert.equal(oci.status, 0, oci.stderr);
  assert.equal(JSON.parse(oci.stdout).imageId, image.imageId);
  const opened: Image = await openImage(`oci:${layout}`, testContext(t));
  assert.equal(opened.imageId, image.imageId);
  if (skipWithout(t, "skopeo")) return;
  for (const place of [`docker-archive:${archive}`, `oci:${layout}`]) {
    const inspected = run("skopeo", ["inspect", "--config", "--raw", place]);
    assert.equal(sha256(Buffer.from(inspected, "latin1")), image.imageId.slice("sha256:".length), place);
  }
  if (skipWithout(t, "podman", "unshare") || process.getuid?.() !== 0) return;
  const storage = `--root ${root}/p --runroot ${root}/r --storage-driver vfs`;
  const loaded = run("unshare", [
    "-m",
    "sh",
    "-c",
    `podman ${storage} load -q -i ${archive} && podman ${storage} images --no-trunc -q`,
  ]);
  assert(loaded.includes(image.imageId), loaded);
});

test("a push sends what the registry lacks, and another run nothing", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const registry = await startDockerRegistry(t, {});
  const root = temporaryStore(t, "tiny");
  const image = vectorImages("tiny").find(({ id }) => id === "max3")!;
  const file = writeConf("tiny", image.conf, root);
  const context = testContext(t);
  const push = () =>
    pushConf(
      file,
      `${registry.host}/tiny:1`,
      {
        storeRoot: root,
        repoTag: undefined,
        compression: { compression: "gzip", level: undefined },
        registry: { insecure: true },
      },
      context,
    );
  const { image: built, pushed } = await push();
  assert.equal(built.imageId, image.imageId);
  assert.equal(pushed.blobs.uploaded, image.layers.length + 1);
  const again = await push();
  assert.equal(again.pushed.bytesSent, 0);
  assert.equal(again.pushed.unchanged, true);
});

test("podman loads the image as it is", (t) => {
  if (skipWithout(t, "podman")) return;
  if (process.getuid?.() !== 0) return t.skip("podman's own storage needs root here");
  const root = temporaryStore(t, "odd");
  const image = vectorImages("odd").find(({ id }) => id === "max5")!;
  const storage = join(root, "storage.conf");
  writeFileSync(storage, `[storage]\ndriver = "vfs"\ngraphroot = "${root}/graph"\nrunroot = "${root}/run"\n`);
  const { status, stdout, stderr } = tare(
    [
      "stream-conf",
      writeConf("odd", image.conf, root),
      "--store-root",
      root,
      "load",
      "--engine",
      "podman",
      "--json",
    ],
    { env: { XDG_CACHE_HOME: join(root, "cache"), CONTAINERS_STORAGE_CONF: storage } },
  );
  assert.equal(status, 0, stderr);
  const { engineId, imageId } = JSON.parse(stdout);
  assert.equal(imageId, image.imageId);
  assert.equal(engineId.replace(/^(?:sha256:)?/, "sha256:"), image.imageId);
});

test("hostile and broken configurations are refused by name", async (t) => {
  const root = temporaryStore(t, "tiny");
  const file = writeConf("tiny", "conf-max3.json", root);
  const good = JSON.parse(readFileSync(file, "utf8"));
  const options = {
    storeRoot: root,
    repoTag: undefined,
    compression: { compression: "zstd", level: undefined },
  } as const;
  const context = testContext(t);
  const output = `docker-archive:${join(root, "out.tar")}`;
  const refuses = async (change: object | string, code: string, message: RegExp) => {
    writeFileSync(file, typeof change === "string" ? change : JSON.stringify({ ...good, ...change }));
    await assert.rejects(streamConf(file, output, options, context), (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.message, /^Cannot \w.*[^.]$/s);
      return true;
    });
    assert.equal(existsSync(join(root, "out.tar")), false, "nothing is left");
  };
  for (const key of Object.keys(good).filter((name) => name !== "os")) {
    await refuses({ [key]: undefined }, "CONF_INVALID", new RegExp(`no "${key}"`));
    await refuses({ [key]: 1.5 }, "CONF_INVALID", new RegExp(`"${key}" is not`));
  }
  await refuses("", "BAD_JSON", /a value was expected/);
  await refuses(JSON.stringify(good).slice(0, -9), "BAD_JSON", /expected at character/);
  await refuses("[]", "CONF_INVALID", /no object/);
  await refuses({ created: "yesterday" }, "CONF_INVALID", /created is "yesterday"/);
  await refuses({ store_dir: "/nix/../etc" }, "CONF_INVALID", /store_dir/);
  const [[leaf]] = good.store_layers as [[string]];
  for (const path of ["/etc", "/nix/store/../../etc", `${leaf}/bin`, "/nix/store", "", `${leaf}/../../..`]) {
    await refuses({ store_layers: [[path]] }, "OUTSIDE_STORE", /no store path of \/nix\/store/);
  }
  await refuses({ customisation_layer: "/tmp" }, "OUTSIDE_STORE", /"\/tmp"/);
  const gone = `/nix/store/${"0".repeat(32)}-gone`;
  await refuses({ store_layers: [[gone]] }, "STORE_PATH_MISSING", /nothing at/);
  await refuses({ customisation_layer: gone }, "STORE_PATH_MISSING", /no layer\.tar/);
  await refuses({ customisation_layer: leaf }, "STORE_PATH_MISSING", /no layer\.tar/);
  await refuses({ from_image: "/nowhere.tar" }, "BASE_INVALID", /no such file/);
  await refuses({ from_image: file }, "BASE_INVALID", /as a tar/);
  const layerTar = join(root, good.customisation_layer, "layer.tar");
  await refuses({ from_image: layerTar }, "BASE_INVALID", /no member manifest\.json/);
  writeFileSync(join(root, "cut.gz"), gzipSync(readFileSync(layerTar)).subarray(0, 60));
  await refuses({ from_image: join(root, "cut.gz") }, "BASE_INVALID", /docker archive was wanted/);
  run("sh", ["-c", `chmod u+w '${layerTar}'; printf x | dd of='${layerTar}' conv=notrunc status=none`]);
  await refuses({}, "CUSTOMISATION_INVALID", /its checksum says/);
  await assert.rejects(streamConf(file, `oci:${join(root, "o")}`, options, context), {
    code: "LAYER_MISMATCH",
  });
  rmSync(file);
  await assert.rejects(streamConf(file, output, options, context), { code: "CONF_INVALID" });
});
