import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { testContext } from "../../test/kit/context.ts";
import { packImage, sampleTrees } from "../../test/kit/images.ts";
import { startRegistry, type TestRegistry } from "../../test/kit/registry/registry.ts";
import { makeTree, noise } from "../../test/kit/trees.ts";
import { type Content, imageContent } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { ContentError } from "../platform/content.ts";
import { parseRegistryReference } from "../platform/registry/reference.ts";
import { deliver, deliverContent, parseOutput } from "./deliver.ts";
import { DeliverError } from "./errors.ts";
import { findRepositories, rememberPlace } from "./known-places.ts";
import { Pusher, type PushOptions, pushContent } from "./push.ts";

function push(
  content: Content,
  registry: TestRegistry,
  name: string,
  context: Context,
  options: PushOptions = {},
) {
  const anonymous = { ...options, registry: { credentials: "anonymous" } } as const;
  return pushContent(content, parseRegistryReference(`${registry.host}/${name}`), anonymous, context);
}

function asked(registry: TestRegistry): string[] {
  return registry.requests.splice(0).map(({ method, url }) => `${method} ${url.replace(/\?.*/, "")}`);
}

function smallImages(context: Context, count: number): Promise<Image> {
  const trees = Array.from({ length: count }, (_, i) => makeTree({ [`file-${i}`]: noise(50_000 + i) }));
  return packImage(trees, context);
}

test("an image goes to a registry: blobs once, the manifest last; the second time nothing but a look", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const image = await smallImages(context, 6);
  // A layer that occurs twice is one blob.
  const twice = { ...image, layers: [...image.layers, image.layers[0]!] };
  const pushed = await push(imageContent(twice), registry, "team/app:v1", context);
  const total = image.layers.reduce((sum, { size }) => sum + size, image.config.length);
  assert.deepEqual(pushed, {
    reference: `${registry.host}/team/app:v1`,
    digest: image.digest,
    unchanged: false,
    blobs: { present: 0, mounted: 0, uploaded: 7 },
    bytesSent: total + image.manifest.length,
    bytesReused: 0,
  });
  const first = asked(registry);
  assert.equal(first.filter((request) => request.startsWith("PUT")).length, 8);
  assert.equal(first.at(-1), "PUT /v2/team/app/manifests/v1");
  const again = await push(imageContent(image), registry, "team/app:v1", context);
  assert.deepEqual([again.unchanged, again.bytesSent, again.bytesReused], [true, 0, total]);
  assert.deepEqual(asked(registry), ["HEAD /v2/team/app/manifests/v1"]);
  const other = await push(imageContent(image), registry, "team/app:v2", context);
  assert.deepEqual(other.blobs, { present: 7, mounted: 0, uploaded: 0 });
  assert.deepEqual(
    asked(registry).filter((request) => !request.startsWith("HEAD")),
    ["PUT /v2/team/app/manifests/v2"],
  );
});

test("what another repository of the registry has is mounted; where mounts are unknown, it is sent", async (t) => {
  for (const mounts of [true, false]) {
    await using registry = await startRegistry({ mounts });
    const context = testContext(t);
    const image = await smallImages(context, 3);
    await push(imageContent(image), registry, "a:v1", context);
    const pushed = await push(imageContent(image), registry, "b:v1", context);
    const expected = mounts ? { mounted: 4, uploaded: 0 } : { mounted: 0, uploaded: 4 };
    assert.deepEqual(pushed.blobs, { present: 0, ...expected });
    assert.equal((await push(imageContent(image), registry, "b:v1", context)).unchanged, true);
  }
});

test("no more than four blobs are sent at once, and a layer is asked for only when it is to be sent", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const image = await smallImages(context, 9);
  const content = imageContent(image);
  await push({ ...content, blobs: content.blobs.slice(0, 3) }, registry, "a:other", context).catch(() => {});
  const fetched: string[] = [];
  let atOnce = 0;
  let most = 0;
  await push(content, registry, "a:v1", context, {
    fetch: async ({ digest }) => {
      fetched.push(digest);
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setTimeout(resolve, 20));
      atOnce--;
    },
  });
  assert.deepEqual(
    fetched.sort(),
    image.layers
      .slice(3)
      .map(({ digest }) => digest as string)
      .sort(),
  );
  assert.ok(most > 1 && most <= 4, `${most}`);
});

test("layers that are taken early go while others are still made", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const image = await smallImages(context, 2);
  const content = imageContent(image);
  const reference = parseRegistryReference(`${registry.host}/a:v1`);
  await using pusher = new Pusher(reference, { registry: { credentials: "anonymous" } }, context);
  assert.equal(await pusher.isThere(image.digest), false);
  assert.equal(await pusher.wants(image.layers[0]!.digest), true);
  pusher.take(content.blobs[0]!);
  while (!registry.requests.some(({ method, status }) => method === "PUT" && status === 201)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const pushed = await pusher.finish(content);
  assert.equal(pushed.blobs.uploaded, 3);
});

test("storage that uploads are sent to gets no login", async (t) => {
  const login = { username: "somebody", password: "secret-of-somebody" };
  await using registry = await startRegistry({
    uploadLocation: "storage",
    redirectBlobs: true,
    auth: { mode: "token", ...login },
  });
  const context = testContext(t);
  const image = await smallImages(context, 2);
  const reference = parseRegistryReference(`${registry.host}/a:v1`);
  const credentials = { kind: "password", ...login } as const;
  await pushContent(imageContent(image), reference, { registry: { credentials } }, context);
  const storage = registry.requests.filter(({ server }) => server === "storage");
  assert.ok(storage.length >= 3);
  assert.deepEqual(
    storage.filter(({ headers }) => headers["authorization"] !== undefined),
    [],
  );
  assert.ok(
    registry.requests.some(({ headers }) => headers["authorization"]?.startsWith("Bearer ") === true),
  );
});

test("a damaged blob of the cache is never stored, and named so that it can be made again", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const { file } = image.layers[1]!.blob;
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  await assert.rejects(push(imageContent(image), registry, "a:v1", context), (error) => {
    assert.ok(error instanceof ContentError, String(error));
    assert.equal(error.file, file);
    return true;
  });
  assert.ok(!registry.requests.some(({ method, url }) => method === "PUT" && url.includes("/manifests/")));
});

test("by a digest only the image with this digest is pushed", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  await assert.rejects(
    push(imageContent(image), registry, `a@sha256:${"0".repeat(64)}`, context),
    (error) => error instanceof DeliverError && error.code === "DIGEST_NOT_THIS",
  );
  const pushed = await push(imageContent(image), registry, `a@${image.digest}`, context);
  assert.equal(pushed.reference, `${registry.host}/a@${image.digest}`);
});

test("a registry is an output as the others are; an index needs one that can hold it", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const image = await packImage(sampleTrees(), context);
  const text = `docker://${registry.host}/team/app:v1`;
  const options = { registry: { credentials: "anonymous" } } as const;
  const delivered = await deliver(image, parseOutput(text, "/"), context, options);
  assert.deepEqual([delivered.output, delivered.unchanged, delivered.files], [text, false, []]);
  const again = await deliverContent(imageContent(image), parseOutput(text, "/"), context, options);
  assert.equal(again.unchanged, true);
  await assert.rejects(
    deliverContent(imageContent(image), parseOutput("docker-archive:/tmp/x.tar", "/"), context),
    (error) => error instanceof DeliverError && error.code === "NEEDS_ONE_IMAGE",
  );
});

test("known places are hints: the latest first, a few of them, damaged ones are none", (t) => {
  const context = testContext(t);
  const digest = `sha256:${"a".repeat(64)}` as Image["digest"];
  assert.deepEqual(findRepositories(digest, "h", context), []);
  for (let i = 0; i < 20; i++) rememberPlace(digest, { host: "h", repository: `r${i}` }, context);
  rememberPlace(digest, { host: "other", repository: "x" }, context);
  const found = findRepositories(digest, "h", context);
  assert.deepEqual([found.length, found[0]], [15, "r19"]);
  writeFileSync(context.cache.path("registries", `${"a".repeat(64)}.json`), "{");
  assert.deepEqual(findRepositories(digest, "h", context), []);
});

test("of an image that takes the place of an older one, only what is new is asked for", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const trees = Array.from({ length: 6 }, (_, i) => makeTree({ [`file-${i}`]: noise(50_000 + i) }));
  const first = await packImage(trees, context);
  const second = await packImage([...trees.slice(0, 5), makeTree({ changed: "x" })], context);
  await push(imageContent(first), registry, "app:v1", context);
  asked(registry);
  const pushed = await push(imageContent(second), registry, "app:v1", context);
  assert.deepEqual(pushed.blobs, { present: 5, mounted: 0, uploaded: 2 });
  const changed = [second.layers[5]!.digest, second.imageId];
  const blobs = asked(registry).filter(
    (request) => request.startsWith("HEAD") && request.includes("/blobs/"),
  );
  assert.deepEqual(blobs.sort(), changed.map((digest) => `HEAD /v2/app/blobs/${digest}`).sort());
});

test("what a registry has lost of the older image is sent again", async (t) => {
  await using registry = await startRegistry();
  const context = testContext(t);
  const trees = Array.from({ length: 3 }, (_, i) => makeTree({ [`file-${i}`]: noise(50_000 + i) }));
  const first = await packImage(trees, context);
  const second = await packImage([...trees.slice(0, 2), makeTree({ changed: "x" })], context);
  await push(imageContent(first), registry, "app:v1", context);
  registry.store.repository("app").blobs.delete(first.layers[0]!.digest);
  const pushed = await push(imageContent(second), registry, "app:v1", context);
  assert.deepEqual(pushed.blobs, { present: 1, mounted: 0, uploaded: 3 });
  assert.ok(registry.store.repository("app").blobs.has(first.layers[0]!.digest));
  assert.equal((await push(imageContent(second), registry, "app:v1", context)).unchanged, true);
});
