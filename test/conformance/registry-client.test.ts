// The registry client where nothing breaks: TLS, mounts, referrers, tags, work done twice, work done at once, and what is
// left of work that was broken off.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { computeDigest } from "../../src/formats/oci.ts";
import { MEDIA_TYPES } from "../../src/model/image.ts";
import { type RegistryOptions as ClientOptions, openRegistry } from "../../src/platform/registry/client.ts";
import { RegistryError } from "../../src/platform/registry/errors.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { makeCertificate } from "../kit/registry/certificate.ts";
import { ACCOUNT, ALWAYS, GET_BLOB, makeSample, on, TIMING } from "../kit/registry/fault-stage.ts";
import type { FaultAction } from "../kit/registry/faults.ts";
import { type RegistryOptions, startRegistry, type TestRegistry } from "../kit/registry/registry.ts";
import { assertStored, blobsOf, pullImage, pushImage, storeImage } from "../kit/registry/transfer.ts";
import { skipWithout } from "../kit/tools.ts";
import { noise } from "../kit/trees.ts";

async function open(t: TestContext, options: RegistryOptions = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  t.after(() => registry.close());
  return registry;
}

function connect(
  t: TestContext,
  registry: TestRegistry,
  options: ClientOptions = {},
  context = testContext(t),
) {
  const all = { credentials: "anonymous", timing: TIMING, ...options } as const;
  const client = openRegistry(`${registry.host}/team/app:v1`, all, context);
  t.after(() => client[Symbol.asyncDispose]());
  return client;
}

const CHALLENGE = `Bearer realm="/token",service="tare-test-registry",error="invalid_token"`;
const CREDENTIALS = { kind: "password", ...ACCOUNT } as const;

test("a certificate is trusted when it is named, or when nothing has to be", async (t) => {
  if (skipWithout(t, "openssl")) return;
  const folder = temporaryDirectory(t);
  const certificate = makeCertificate(folder);
  const registry = await open(t, {
    tls: certificate,
    auth: { mode: "token", ...ACCOUNT },
    redirectBlobs: true,
  });
  const image = makeSample(t);
  const refused = connect(t, registry, { access: "push", credentials: CREDENTIALS });
  const other = makeCertificate(folder, "other");
  for (const client of [refused, connect(t, registry, { access: "push", caFile: other.file })])
    await assert.rejects(pushImage(client, image), (error) => {
      assert.ok(error instanceof RegistryError);
      assert.equal(error.code, "REGISTRY_UNTRUSTED");
      assert.match(error.hint ?? "", /--ca/);
      return true;
    });
  assert.deepEqual(registry.requests, []);
  await pushImage(
    connect(t, registry, { access: "push", credentials: CREDENTIALS, caFile: certificate.file }),
    image,
  );
  assertStored(registry, "team/app", "v1", image);
  const { files } = await pullImage(connect(t, registry, { credentials: CREDENTIALS, insecure: true }), "v1");
  assert.equal(files.length, 3);
});

test("an image that is there is asked for by HEAD, and nothing else", async (t) => {
  const registry = await open(t);
  const image = makeSample(t);
  storeImage(registry, "team/app", "v1", image);
  const client = connect(t, registry, { access: "push" });
  for (const { digest, size } of blobsOf(image)) assert.deepEqual(await client.headBlob(digest), { size });
  assert.deepEqual(await client.headManifest("v1"), {
    mediaType: MEDIA_TYPES.manifest,
    digest: image.digest,
    size: image.manifest.length,
  });
  assert.equal(await client.headManifest("v2"), undefined);
  assert.deepEqual([...new Set(registry.requests.map(({ method }) => method))], ["HEAD"]);
});

for (const auth of [{ mode: "none" }, { mode: "token", ...ACCOUNT }] as const)
  test(`a blob of another repository is mounted, not sent: ${auth.mode}`, async (t) => {
    const registry = await open(t, { auth });
    const image = makeSample(t);
    storeImage(registry, "team/base", "v1", image);
    const client = connect(t, registry, { access: "push", credentials: CREDENTIALS });
    for (const { digest, size, bytes } of blobsOf(image)) {
      const upload = {
        digest,
        size,
        open: async function* () {
          yield bytes;
        },
      };
      assert.equal(await client.uploadBlob(upload, { mountFrom: ["team/base"] }), "mounted");
      assert.equal(await client.uploadBlob(upload), "present");
    }
    assert.equal(
      registry.requests.reduce((sum, { received }) => sum + received, 0),
      0,
    );
  });

test("a mount that a registry refuses, ignores or lies about becomes an upload", async (t) => {
  const mount = { method: "POST", path: /mount=/, ...ALWAYS };
  const { bytes, digest, size } = blobsOf(makeSample(t))[1]!;
  for (const options of [
    { mounts: false },
    { faults: [on(mount, { kind: "answer", status: 405 })] },
    { faults: [on(mount, { kind: "answer", status: 201, headers: { Location: "/v2/team/app/blobs/x" } })] },
  ] satisfies RegistryOptions[]) {
    const registry = await open(t, options);
    const client = connect(t, registry, { access: "push" });
    const upload = {
      digest,
      size,
      open: async function* () {
        yield bytes;
      },
    };
    assert.equal(await client.uploadBlob(upload, { mountFrom: ["team/base"] }), "uploaded");
    assert.equal(registry.store.existing("team/app").blobs.get(digest)?.equals(bytes), true);
  }
});

test("bytes that are not what was announced are never stored", async (t) => {
  const { bytes, digest, size } = blobsOf(makeSample(t))[1]!;
  const wrong = Buffer.from(bytes);
  wrong[7]! ^= 1;
  for (const sent of [wrong, bytes.subarray(1), bytes.subarray(0, 1)]) {
    const registry = await open(t);
    const client = connect(t, registry, { access: "push" });
    const upload = {
      digest,
      size,
      open: async function* (offset: number) {
        yield sent.subarray(offset);
      },
    };
    await assert.rejects(client.uploadBlob(upload));
    assert.equal(registry.store.repositories.get("team/app")?.blobs.size ?? 0, 0);
    assert.ok(registry.requests.length < 20, `${registry.requests.length} requests`);
  }
});

for (const options of [{}, { filters: false, pageSize: 1 }, { referrers: false }] satisfies RegistryOptions[])
  test(`what refers to a manifest is found: ${JSON.stringify(options)}`, async (t) => {
    const registry = await open(t, options);
    const image = makeSample(t);
    storeImage(registry, "team/app", "v1", image);
    const client = connect(t, registry, { access: "push" });
    const config = { mediaType: MEDIA_TYPES.config, digest: image.imageId, size: image.config.length };
    const subject = { mediaType: MEDIA_TYPES.manifest, digest: image.digest, size: image.manifest.length };
    const pushed: string[] = [];
    for (const artifactType of ["application/x-signature", "application/x-sbom"]) {
      const document = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.manifest,
        artifactType,
        config,
        layers: [],
        subject,
      };
      const bytes = Buffer.from(JSON.stringify(document));
      const digest = computeDigest(bytes);
      pushed.push(await client.putManifest(digest, { mediaType: MEDIA_TYPES.manifest, bytes }));
    }
    const found = await client.listReferrers(image.digest);
    assert.equal(found.by, "referrers" in options ? "tag" : "api");
    assert.deepEqual(found.referrers.map(({ digest }) => digest).sort(), [...pushed].sort());
    const { referrers } = await client.listReferrers(image.digest, "application/x-sbom");
    assert.deepEqual(
      referrers.map(({ digest }) => digest),
      pushed.slice(1),
    );
    assert.deepEqual((await client.listReferrers(image.imageId)).referrers, []);
  });

test("tags of all pages are listed", async (t) => {
  const registry = await open(t, { pageSize: 2 });
  const image = makeSample(t);
  const tags = ["a", "b", "c", "d", "e"];
  for (const tag of tags) storeImage(registry, "team/app", tag, image);
  assert.deepEqual(await connect(t, registry).listTags(), tags);
});

test("a pull that was broken off goes on where it stopped, in another process", async (t) => {
  const registry = await open(t);
  const image = makeSample(t);
  const context = testContext(t);
  storeImage(registry, "team/app", "v1", image);
  const { size } = blobsOf(image)[1]!;
  registry.faults.inject(
    on({ ...GET_BLOB, nth: 2 }, { kind: "cut", at: "middle" }),
    on({ ...GET_BLOB, nth: 3, ...ALWAYS }, { kind: "answer", status: 503 }),
  );
  const before = connect(t, registry, {}, context);
  await assert.rejects(pullImage(before, "v1"), { code: "REGISTRY_FAULTY" });
  registry.faults.clear();
  registry.requests.length = 0;
  const { files } = await pullImage(connect(t, registry, {}, context), "v1");
  assert.equal(files.length, 3);
  const rest = registry.requests.find(({ headers }) => headers["range"] !== undefined);
  assert.equal(rest?.headers["range"], `bytes=${size >> 1}-`);
  assert.ok(rest.sent <= size - (size >> 1));
});

test("uploads at the same time share one login, also when tokens end", async (t) => {
  const registry = await open(t, { auth: { mode: "token", ...ACCOUNT } });
  registry.faults.inject(on({ method: "PUT", path: /uploads/, nth: 3 }, { kind: "expire-tokens" }));
  const client = connect(t, registry, { access: "push", credentials: CREDENTIALS });
  const contents = Array.from({ length: 8 }, (_, i) => Buffer.alloc(50_000 + i, `blob ${i}\n`));
  await Promise.all(
    contents.map((bytes) => {
      const open = async function* (offset: number) {
        yield bytes.subarray(offset);
      };
      return client.uploadBlob({ digest: computeDigest(bytes), size: bytes.length, open });
    }),
  );
  const { blobs } = registry.store.existing("team/app");
  for (const bytes of contents) assert.equal(blobs.get(computeDigest(bytes))?.equals(bytes), true);
  const logins = registry.requests.filter(({ url }) => url.startsWith("/token")).length;
  assert.ok(logins <= 3, `${logins} logins`);
});

test("a large body that is refused before it is read", async (t) => {
  const bytes = noise(24 << 20);
  const digest = computeDigest(bytes);
  const openBytes = async function* (offset: number) {
    for (let at = offset; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
  };
  const refusals: readonly (readonly [string, FaultAction])[] = [
    ["413", { kind: "answer", status: 413, early: true }],
    ["401", { kind: "answer", status: 401, early: true, headers: { "WWW-Authenticate": CHALLENGE } }],
    ["429", { kind: "answer", status: 429, early: true }],
  ];
  for (const [summary, action] of refusals)
    await t.test(summary, async (st) => {
      const registry = await open(st, { auth: { mode: "token", ...ACCOUNT } });
      registry.faults.inject(on({ method: "PUT", path: /uploads/ }, action));
      const client = connect(st, registry, { access: "push", credentials: CREDENTIALS });
      assert.equal(await client.uploadBlob({ digest, size: bytes.length, open: openBytes }), "uploaded");
      assert.equal(registry.store.existing("team/app").blobs.get(digest)?.length, bytes.length);
    });
});

test("without the network, or a reference, nothing is tried", async (t) => {
  const registry = await open(t);
  assert.throws(() => connect(t, registry, {}, testContext(t, { offline: true })), {
    name: "RegistryError",
    code: "REGISTRY_OFFLINE",
  });
  for (const reference of ["", "app:", "UPPER/case", "host:1/app@sha256:12", "host:1/../app:v1"])
    assert.throws(
      () => openRegistry(reference, {}, testContext(t)),
      { code: "REFERENCE_INVALID" },
      reference,
    );
  assert.deepEqual(registry.requests, []);
});
