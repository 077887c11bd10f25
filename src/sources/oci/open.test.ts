import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { packImage, sampleTrees } from "../../../test/kit/images.ts";
import { deliver, parseOutput } from "../../deliver/deliver.ts";
import type { TarMember } from "../../formats/tar-writer.ts";
import { tarEndLength, tarHeaderLength, tarPadding, writeTarHeader } from "../../formats/tar-writer.ts";
import type { Context } from "../../model/context.ts";
import type { Layer } from "../../model/image.ts";
import { MEDIA_TYPES } from "../../model/image.ts";
import type { ImageSourceErrorCode } from "./errors.ts";
import { ImageSourceError } from "./errors.ts";
import { openImage } from "./open.ts";

// ── builders of foreign images ──

type Files = Record<
  string,
  string | Uint8Array | { readonly symlink: string } | { readonly hardlink: string }
>;

function tar(files: Files): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(files)) {
    const bytes =
      typeof value === "string" || value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0);
    const common = { name, mode: 0o644, uid: 0, gid: 0, size: bytes.length, linkName: "", mtimeSeconds: 1 };
    const member: TarMember =
      typeof value === "object" && "symlink" in value
        ? { ...common, type: "symlink", linkName: value.symlink }
        : typeof value === "object" && "hardlink" in value
          ? { ...common, type: "hardlink", linkName: value.hardlink }
          : { ...common, type: "file" };
    const header = Buffer.alloc(tarHeaderLength(member));
    writeTarHeader(header, 0, member);
    parts.push(header, bytes, Buffer.alloc(tarPadding(bytes.length)));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, Buffer.alloc(tarEndLength(body.length, 512))]);
}

function digest(bytes: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

const LAYER = tar({ hello: "world" });
const CONFIG = {
  architecture: "amd64",
  os: "linux",
  config: {},
  rootfs: { type: "layers", diff_ids: [digest(LAYER)] },
  history: [{ comment: "the layer" }],
};

interface Layout {
  readonly files: Record<string, string | Uint8Array>;
}

/** Adds a blob to a layout; what refers to it. */
function addBlob(
  layout: Layout,
  mediaType: string,
  value: object | Uint8Array,
): { mediaType: string; digest: string; size: number } {
  const bytes = value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value, null, 2));
  layout.files[`blobs/${digest(bytes).replace(":", "/")}`] = bytes;
  return { mediaType, digest: digest(bytes), size: bytes.length };
}

const DOCKER = "application/vnd.docker.";

function addManifest(
  layout: Layout,
  kind: "oci" | "docker" = "oci",
  changes: object = {},
  config: object = CONFIG,
) {
  const isOci = kind === "oci";
  return addBlob(layout, isOci ? MEDIA_TYPES.manifest : `${DOCKER}distribution.manifest.v2+json`, {
    schemaVersion: 2,
    config: addBlob(layout, isOci ? MEDIA_TYPES.config : `${DOCKER}container.image.v1+json`, config),
    layers: [
      addBlob(layout, isOci ? MEDIA_TYPES.layerGzip : `${DOCKER}image.rootfs.diff.tar.gzip`, gzipSync(LAYER)),
    ],
    ...changes,
  });
}

function makeLayout(manifests: (layout: Layout) => object[]): Layout["files"] {
  const layout: Layout = { files: { "oci-layout": '{"imageLayoutVersion": "1.0.0"}' } };
  layout.files["index.json"] = JSON.stringify({ schemaVersion: 2, manifests: manifests(layout) });
  return layout.files;
}

function writeFiles(directory: string, files: Layout["files"]): string {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), bytes);
  }
  return directory;
}

function refName(name: string): { annotations: Record<string, string> } {
  return { annotations: { "org.opencontainers.image.ref.name": name } };
}

function layoutIn(t: TestContext, manifests: (layout: Layout) => object[]): string {
  return writeFiles(join(temporaryDirectory(t), "image.oci"), makeLayout(manifests));
}

function readLayer(layer: Layer): Buffer {
  return readFileSync(layer.blob.file).subarray(layer.blob.offset, layer.blob.offset + layer.size);
}

async function refuses(
  reference: string,
  context: Context,
  code: ImageSourceErrorCode,
  said: RegExp,
): Promise<void> {
  await assert.rejects(openImage(reference, context), (error) => {
    assert.ok(error instanceof ImageSourceError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, said);
    assert.match(error.message, /^Cannot open the image .*[^.]$/s);
    return true;
  });
}

// ── our own images ──

for (const compression of ["zstd", "gzip", "none"] as const) {
  test(`${compression}: what Tare delivers it opens again, from every form, by scheme or bare path`, async (t) => {
    const context = testContext(t);
    const image = await packImage(sampleTrees(), context, { compression, tag: "v1" });
    const directory = temporaryDirectory(t);
    for (const scheme of ["oci", "oci-archive", "docker-archive"]) {
      const path = join(directory, `with:colon.${scheme}`);
      // What follows the colon would be the tag of a layout that is not there.
      if (scheme === "oci") mkdirSync(path);
      await deliver(image, parseOutput(`${scheme}:${path}`, "/"), context);
      for (const reference of [`${scheme}:${path}`, path, `${scheme}:${path}:v1`, `${path}:v1`]) {
        const opened = await openImage(reference, context);
        assert.equal(opened.imageId, image.imageId);
        assert.equal(opened.tag, "v1");
        assert.deepEqual(
          opened.layers.map(({ diffId, comment }) => ({ diffId, comment })),
          image.layers.map(({ diffId, comment }) => ({ diffId, comment })),
        );
        for (const layer of opened.layers) assert.equal(digest(readLayer(layer)), layer.digest);
        if (scheme !== "docker-archive") assert.equal(opened.digest, image.digest);
      }
    }
  });
}

// ── images of other tools ──

test("docker's media types, and names as containerd and podman write them", async (t) => {
  const path = layoutIn(t, (layout) => [
    {
      ...addManifest(layout, "docker"),
      annotations: {
        "io.containerd.image.name": "docker.io/library/hello:v2",
        "org.opencontainers.image.ref.name": "v2",
      },
    },
  ]);
  for (const reference of [path, `oci:${path}:v2`]) {
    const image = await openImage(reference, testContext(t));
    assert.deepEqual([image.name, image.tag], ["docker.io/library/hello", "v2"]);
    assert.equal(image.layers[0]!.mediaType, `${DOCKER}image.rootfs.diff.tar.gzip`);
    assert.equal(image.layers[0]!.uncompressedSize, undefined);
    assert.equal(image.layers[0]!.comment, "the layer");
  }
});

test("a reference name that is a whole name, as podman save writes it", async (t) => {
  const path = layoutIn(t, (layout) => [{ ...addManifest(layout), ...refName("localhost:5000/a/b:v3") }]);
  const image = await openImage(`oci:${path}:v3`, testContext(t));
  assert.deepEqual([image.name, image.tag], ["localhost:5000/a/b", "v3"]);
});

test("an index within the index: the platform is chosen, attestations are no images", async (t) => {
  const configFor = (architecture: string) => ({ ...CONFIG, architecture });
  const path = layoutIn(t, (layout) => [
    addBlob(layout, MEDIA_TYPES.index, {
      schemaVersion: 2,
      manifests: [
        {
          ...addManifest(layout, "oci", {}, configFor("amd64")),
          platform: { os: "linux", architecture: "amd64" },
        },
        {
          ...addManifest(layout, "oci", {}, configFor("arm64")),
          platform: { os: "linux", architecture: "arm64", variant: "v8" },
        },
        { ...addManifest(layout), platform: { os: "unknown", architecture: "unknown" } },
      ],
    }),
  ]);
  for (const architecture of ["amd64", "arm64"]) {
    const image = await openImage(path, testContext(t), { architecture });
    assert.equal(JSON.parse(Buffer.from(image.config).toString()).architecture, architecture);
  }
  await assert.rejects(openImage(path, testContext(t), { architecture: "riscv64" }), {
    code: "NO_SUCH_IMAGE",
    message: /linux\/riscv64, only linux\/amd64, linux\/arm64/,
  });
});

test("a docker archive as docker save wrote it: layers that are links, compressed layers, several names", async (t) => {
  const context = testContext(t);
  const path = join(temporaryDirectory(t), "saved.tar");
  const config = {
    ...CONFIG,
    rootfs: { type: "layers", diff_ids: [1, 2, 3, 4].map(() => digest(LAYER)) },
    history: undefined,
  };
  const files: Files = {
    "1/layer.tar": LAYER,
    "2/layer.tar": { symlink: "../1/layer.tar" },
    "3/layer.tar": { hardlink: "2/layer.tar" },
    "./4/layer.tar": gzipSync(LAYER),
    "config.json": JSON.stringify(config),
    "manifest.json": JSON.stringify([
      {
        Config: "config.json",
        RepoTags: ["localhost:5000/app", "app:v1"],
        Layers: ["1/layer.tar", "2/layer.tar", "3/layer.tar", "4/layer.tar"],
      },
    ]),
  };
  writeFileSync(path, tar(files));
  const image = await openImage(path, context);
  assert.deepEqual([image.name, image.tag], ["localhost:5000/app", "latest"]);
  assert.equal((await openImage(`${path}:v1`, context)).name, "app");
  assert.deepEqual(
    image.layers.map(({ mediaType, uncompressedSize }) => [mediaType, uncompressedSize]),
    [
      [MEDIA_TYPES.layer, LAYER.length],
      [MEDIA_TYPES.layer, LAYER.length],
      [MEDIA_TYPES.layer, LAYER.length],
      [MEDIA_TYPES.layerGzip, undefined],
    ],
  );
  for (const layer of image.layers) assert.equal(digest(readLayer(layer)), layer.digest);
  await refuses(`${path}:v9`, context, "NO_SUCH_IMAGE", /no image "v9", only localhost:5000\/app, app:v1/);
});

test("an archive that is both is read as the layout it holds", async (t) => {
  const path = join(temporaryDirectory(t), "both.tar");
  const files = makeLayout((layout) => [addManifest(layout)]);
  writeFileSync(path, tar({ ...files, "manifest.json": "[]" }));
  const image = await openImage(path, testContext(t));
  assert.equal(image.layers[0]!.mediaType, MEDIA_TYPES.layerGzip);
  assert.equal(image.name, "both");
});

test("an image of another tool can be delivered, and keeps its digest", async (t) => {
  const context = testContext(t);
  const path = layoutIn(t, (layout) => [addManifest(layout, "docker")]);
  const image = await openImage(path, context);
  const directory = temporaryDirectory(t);
  await deliver(image, parseOutput(`oci:${directory}/out`, "/"), context);
  await deliver(image, parseOutput(`docker-archive:${directory}/out.tar`, "/"), context);
  assert.equal((await openImage(`${directory}/out`, context)).digest, image.digest);
  assert.equal((await openImage(`${directory}/out.tar`, context)).imageId, image.imageId);
});

// ── what is refused ──

test("refused: nothing there, or the wrong thing", async (t) => {
  const context = testContext(t);
  const directory = temporaryDirectory(t);
  const file = join(directory, "file");
  writeFileSync(file, "no tar");
  await refuses(join(directory, "none"), context, "IMAGE_NOT_FOUND", /nothing at/);
  await refuses("oci:none:v1", context, "IMAGE_NOT_FOUND", /nothing at/);
  await refuses(`oci:${file}`, context, "NOT_AN_IMAGE", /is a file, a directory was wanted/);
  await refuses(`oci-archive:${directory}`, context, "NOT_AN_IMAGE", /is a directory, a file was wanted/);
  await refuses("/dev/null", context, "NOT_AN_IMAGE", /no regular file/);
  await refuses(file, context, "NOT_AN_IMAGE", /as a tar, it ends early/);
  await refuses(directory, context, "NOT_AN_IMAGE", /no OCI layout/);
  await refuses(`oci:${directory}`, context, "NOT_AN_IMAGE", /no oci-layout/);
  writeFileSync(join(directory, "oci-layout"), "{}");
  await refuses(`oci:${directory}`, context, "NOT_AN_IMAGE", /no index\.json/);
  writeFileSync(file, tar({ a: "b" }));
  await refuses(file, context, "NOT_AN_IMAGE", /no manifest\.json/);
});

test("refused: an archive that is compressed as a whole", async (t) => {
  const file = join(temporaryDirectory(t), "a.tar.gz");
  writeFileSync(file, gzipSync(tar({ a: "b" })));
  await refuses(file, testContext(t), "COMPRESSED_ARCHIVE", /compressed with gzip/);
});

const MALFORMED: readonly {
  readonly summary: string;
  readonly code: ImageSourceErrorCode;
  readonly said: RegExp;
  readonly manifests: (layout: Layout) => object[];
}[] = [
  { summary: "no image at all", code: "NO_SUCH_IMAGE", said: /none at all/, manifests: () => [] },
  {
    summary: "a digest that leaves the layout",
    code: "IMAGE_MALFORMED",
    said: /manifests\.0\.digest/,
    manifests: () => [{ mediaType: MEDIA_TYPES.manifest, digest: "sha256:../../../etc/passwd", size: 1 }],
  },
  {
    summary: "two images without a name",
    code: "NO_SUCH_IMAGE",
    said: /only unnamed, unnamed/,
    manifests: (layout) => [addManifest(layout), addManifest(layout)],
  },
  {
    summary: "two images for one platform",
    code: "SEVERAL_IMAGES",
    said: /2 images for linux/,
    manifests: (layout) =>
      [addManifest(layout), addManifest(layout)].map((one) => ({
        ...one,
        platform: { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" },
      })),
  },
  {
    summary: "several tags",
    code: "SEVERAL_IMAGES",
    said: /the images v1, v2,/,
    manifests: (layout) => ["v1", "v2"].map((tag) => ({ ...addManifest(layout), ...refName(tag) })),
  },
  {
    summary: "a manifest that is no JSON",
    code: "IMAGE_MALFORMED",
    said: /it is no JSON/,
    manifests: (layout) => [addBlob(layout, MEDIA_TYPES.manifest, Buffer.from("{"))],
  },
  {
    summary: "more layers than diffIDs",
    code: "IMAGE_MALFORMED",
    said: /manifest has 0 layers, its configuration 1/,
    manifests: (layout) => [addManifest(layout, "oci", { layers: [] })],
  },
  {
    summary: "an artifact that is no image",
    code: "UNSUPPORTED_IMAGE",
    said: /configuration is of the type application\/x/,
    manifests: (layout) => [addManifest(layout, "oci", { config: addBlob(layout, "application/x", {}) })],
  },
  {
    summary: "a layer of a foreign type",
    code: "UNSUPPORTED_IMAGE",
    said: /a layer is of the type application\/vnd\.docker\.image\.rootfs\.foreign/,
    manifests: (layout) => [
      addManifest(layout, "oci", {
        layers: [addBlob(layout, `${DOCKER}image.rootfs.foreign.diff.tar.gzip`, gzipSync(LAYER))],
      }),
    ],
  },
  {
    summary: "a manifest of schema 1",
    code: "UNSUPPORTED_IMAGE",
    said: /manifest is of the type application\/vnd\.docker\.distribution\.manifest\.v1/,
    manifests: (layout) => [addBlob(layout, `${DOCKER}distribution.manifest.v1+json`, {})],
  },
  {
    summary: "an index that holds itself, deeper and deeper",
    code: "UNSUPPORTED_IMAGE",
    said: /manifest is of the type .*index/,
    manifests: (layout) => {
      let inner = addManifest(layout);
      for (let depth = 0; depth < 6; depth++) {
        inner = addBlob(layout, MEDIA_TYPES.index, { schemaVersion: 2, manifests: [inner] });
      }
      return [inner];
    },
  },
  {
    summary: "a manifest beyond all measure",
    code: "IMAGE_MALFORMED",
    said: /at most 4194304/,
    manifests: (layout) => [addBlob(layout, MEDIA_TYPES.manifest, Buffer.alloc(5 << 20, " "))],
  },
];

for (const { summary, code, said, manifests } of MALFORMED) {
  test(`refused: ${summary}`, async (t) => {
    await refuses(`oci:${layoutIn(t, manifests)}`, testContext(t), code, said);
  });
}

test("refused: blobs that are gone, cut, changed, or links out of the layout", async (t) => {
  const context = testContext(t);
  const path = layoutIn(t, (layout) => [addManifest(layout)]);
  const image = await openImage(path, context);
  const fileOf = (claim: string) => join(path, "blobs", claim.replace(":", "/"));
  for (const claim of [image.layers[0]!.digest, image.imageId, image.digest]) {
    const file = fileOf(claim);
    const bytes = readFileSync(file);
    rmSync(file);
    await refuses(path, context, "BLOB_MISSING", new RegExp(claim));
    symlinkSync("/etc/passwd", file);
    await refuses(path, context, "BLOB_MISSING", new RegExp(claim));
    rmSync(file);
    writeFileSync(file, bytes);
    truncateSync(file, 10);
    await refuses(path, context, "BLOB_MISMATCH", /has 10 bytes/);
    writeFileSync(file, bytes);
  }
  writeFileSync(fileOf(image.imageId), " ".repeat(image.config.length));
  await refuses(path, context, "BLOB_MISMATCH", /has the digest/);
});

test("refused: docker archives that are not whole", async (t) => {
  const context = testContext(t);
  const path = join(temporaryDirectory(t), "a.tar");
  const entry = { Config: "c.json", RepoTags: null, Layers: ["l.tar"] };
  const write = (files: Files, manifest: unknown) =>
    writeFileSync(path, tar({ ...files, "manifest.json": JSON.stringify(manifest) }));
  const config = JSON.stringify(CONFIG);
  write({ "c.json": config }, [entry]);
  await refuses(path, context, "BLOB_MISSING", /no member l\.tar/);
  write({ "l.tar": LAYER }, [entry]);
  await refuses(path, context, "BLOB_MISSING", /no member c\.json/);
  write({ "c.json": config, "l.tar": LAYER }, [{ ...entry, Layers: [] }]);
  await refuses(path, context, "IMAGE_MALFORMED", /has 0 layers/);
  write({ "c.json": config, "l.tar": LAYER }, [entry, entry]);
  await refuses(path, context, "SEVERAL_IMAGES", /one was wanted/);
  write({ "c.json": config, "l.tar": { symlink: "l.tar" } }, [entry]);
  await refuses(path, context, "BLOB_MISSING", /no member l\.tar/);
  write({ "c.json": config, "l.tar": { symlink: "../../../../etc/passwd" } }, [entry]);
  await refuses(path, context, "BLOB_MISSING", /no member l\.tar/);
  truncateSync(path, 700);
  await refuses(path, context, "NOT_AN_IMAGE", /ends early/);
  writeFileSync(path, tar({ "manifest.json": "[" }));
  await refuses(path, context, "IMAGE_MALFORMED", /it is no JSON/);
});

test("a bare path that is a moved layout still opens: nothing of it is absolute", async (t) => {
  const path = layoutIn(t, (layout) => [addManifest(layout)]);
  renameSync(path, `${path}2`);
  assert.equal((await openImage(`${path}2`, testContext(t))).layers.length, 1);
});
