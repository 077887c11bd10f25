import assert from "node:assert/strict";
import { test } from "node:test";
import type { DiffId, Digest, ImageId } from "../model/image.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import { dockerConfigName, dockerLayerName, formatDockerManifest } from "./docker-archive.ts";
import { FormatError } from "./errors.ts";
import {
  computeDigest,
  formatConfig,
  formatIndex,
  formatIndexEntry,
  formatManifest,
  layerCompression,
  OCI_LAYOUT_FILE,
} from "./oci.ts";
import {
  checkLayoutFile,
  layerComments,
  parseConfig,
  parseDockerManifest,
  parseIndex,
  parseManifest,
} from "./oci-documents.ts";

const A = `sha256:${"a".repeat(64)}` as Digest;
const B = `sha256:${"b".repeat(64)}` as Digest;
const DIFF = `sha256:${"d".repeat(64)}` as DiffId;
const LAYER = { mediaType: MEDIA_TYPES.layerZstd, digest: B, size: 20 };
const MANIFEST = formatManifest({ mediaType: MEDIA_TYPES.config, digest: A, size: 10 }, [LAYER]);
const CONFIG = {
  created: "1970-01-01T00:00:01Z",
  platform: { architecture: "amd64", os: "linux" },
  layers: [{ diffId: DIFF, comment: "redis-server 7" }],
} as const;

test("a configuration is compact JSON with keys in one order, whatever the order they were given in", () => {
  const bytes = formatConfig({
    ...CONFIG,
    config: {
      StopSignal: "SIGTERM",
      Labels: { b: "2", a: "1" },
      WorkingDir: "/srv",
      Cmd: ["redis-server", "--bind"],
      Env: ["PATH=/bin", "A=1"],
      ExposedPorts: { "6379/tcp": {}, "53/udp": {} },
      User: "redis",
    },
  });
  assert.equal(
    bytes.toString(),
    `{"created":"1970-01-01T00:00:01Z","architecture":"amd64","os":"linux","config":{"User":"redis","ExposedPorts":{"53/udp":{},"6379/tcp":{}},"Env":["PATH=/bin","A=1"],"Cmd":["redis-server","--bind"],"WorkingDir":"/srv","Labels":{"a":"1","b":"2"},"StopSignal":"SIGTERM"},"rootfs":{"type":"layers","diff_ids":["${DIFF}"]},"history":[{"created":"1970-01-01T00:00:01Z","created_by":"tare","comment":"redis-server 7"}]}`,
  );
});

test("a manifest holds descriptors only, whatever else the layers know", () => {
  const again = formatManifest({ mediaType: MEDIA_TYPES.config, digest: A, size: 10 }, [
    { comment: "x", ...LAYER } as typeof LAYER,
  ]);
  assert.deepEqual(again, MANIFEST);
  assert.equal(
    MANIFEST.toString(),
    `{"schemaVersion":2,"mediaType":"${MEDIA_TYPES.manifest}","config":{"mediaType":"${MEDIA_TYPES.config}","digest":"${A}","size":10},"layers":[{"mediaType":"${LAYER.mediaType}","digest":"${B}","size":20}]}`,
  );
});

test("what is written is read back", () => {
  assert.deepEqual(parseManifest(MANIFEST, "m").layers, [LAYER]);
  const config = parseConfig(formatConfig({ ...CONFIG, config: {} }), "c");
  assert.deepEqual(layerComments(config), ["redis-server 7"]);
  const entry = formatIndexEntry({ mediaType: MEDIA_TYPES.manifest, digest: A, size: 1 }, "v1", {
    architecture: "arm64",
    os: "linux",
    variant: "v8",
  });
  const index = parseIndex(formatIndex([entry], { annotations: { x: "y" } }), "i");
  assert.deepEqual(index.manifests, [entry]);
  assert.deepEqual(index["annotations"], { x: "y" });
  checkLayoutFile(Buffer.from(OCI_LAYOUT_FILE), "l");
  const docker = {
    config: dockerConfigName(A as ImageId),
    repoTags: ["redis:7"],
    layers: [dockerLayerName(DIFF)],
  };
  assert.deepEqual(parseDockerManifest(formatDockerManifest([docker]), "d"), [
    { Config: `${"a".repeat(64)}.json`, RepoTags: ["redis:7"], Layers: [`${"d".repeat(64)}/layer.tar`] },
  ]);
});

test("history entries of empty layers say nothing of layers; a history that does not fit says nothing at all", () => {
  const rootfs = { type: "layers", diff_ids: [DIFF] };
  const read = (history: unknown) =>
    layerComments(
      parseConfig(Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", rootfs, history })), "c"),
    );
  assert.deepEqual(read([{ comment: "no", empty_layer: true }, { comment: "yes" }]), ["yes"]);
  assert.deepEqual(read([{ comment: "one" }, { comment: "two" }]), [""]);
  assert.deepEqual(read(null), [""]);
});

test("compression is seen from the media type, OCI's or docker's", () => {
  assert.equal(layerCompression(MEDIA_TYPES.layer), "none");
  assert.equal(layerCompression(MEDIA_TYPES.layerGzip), "gzip");
  assert.equal(layerCompression(MEDIA_TYPES.layerZstd), "zstd");
  assert.equal(layerCompression("application/vnd.docker.image.rootfs.diff.tar"), "none");
  assert.equal(layerCompression("application/vnd.docker.image.rootfs.diff.tar.gzip"), "gzip");
  assert.equal(layerCompression("application/vnd.docker.image.rootfs.diff.tar.zstd"), "zstd");
});

test("a digest is of the bytes", () => {
  assert.equal(
    computeDigest(Buffer.from("abc")),
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

const manifest = (change: object) => JSON.stringify({ ...JSON.parse(MANIFEST.toString()), ...change });

const BAD: readonly {
  summary: string;
  parse: (bytes: Uint8Array, thing: string) => unknown;
  text: string;
  said: RegExp;
}[] = [
  { summary: "no JSON", parse: parseManifest, text: "{", said: /the thing: it is no JSON/ },
  { summary: "not an object", parse: parseIndex, text: "null", said: /the thing: it: / },
  { summary: "schema 1", parse: parseManifest, text: manifest({ schemaVersion: 1 }), said: /schemaVersion/ },
  {
    summary: "a digest that is a path",
    parse: parseManifest,
    text: manifest({ config: { mediaType: "x", digest: "sha256:../../etc/passwd", size: 1 } }),
    said: /config\.digest: is no SHA-256 digest/,
  },
  {
    summary: "a negative size",
    parse: parseManifest,
    text: manifest({ layers: [{ ...LAYER, size: -1 }] }),
    said: /layers\.0\.size/,
  },
  {
    summary: "a size that is no whole number",
    parse: parseManifest,
    text: manifest({ layers: [{ ...LAYER, size: 1.5 }] }),
    said: /layers\.0\.size/,
  },
  {
    summary: "a configuration without rootfs",
    parse: parseConfig,
    text: '{"architecture":"a","os":"b"}',
    said: /rootfs/,
  },
  {
    summary: "a member name that leaves the archive",
    parse: parseDockerManifest,
    text: '[{"Config":"../../etc/passwd","Layers":[]}]',
    said: /0\.Config: has the component \.\./,
  },
  { summary: "an empty docker manifest", parse: parseDockerManifest, text: "[]", said: /the thing: it/ },
  {
    summary: "another layout version",
    parse: checkLayoutFile,
    text: '{"imageLayoutVersion":"2.0.0"}',
    said: /imageLayoutVersion/,
  },
];

for (const { summary, parse, text, said } of BAD) {
  test(`refused: ${summary}`, () => {
    assert.throws(
      () => parse(Buffer.from(text), "the thing"),
      (error) =>
        error instanceof FormatError && error.code === "BAD_OCI_DOCUMENT" && said.test(error.message),
    );
  });
}

test("bytes that are not UTF-8 are refused", () => {
  assert.throws(() => parseIndex(Buffer.from([0x22, 0xff, 0x22]), "x"), { code: "BAD_OCI_DOCUMENT" });
});
