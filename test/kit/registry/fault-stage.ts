// The stage on which the registry client meets faults: a registry with rules, an image, a push or a pull of it, and what
// must hold afterwards. Nothing is lost, nothing wrong is accepted, attempts are bounded, what was transferred is not
// transferred again, errors say what to do, and when the fault is over the same command does the rest.

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Context } from "../../../src/model/context.ts";
import type { Image } from "../../../src/model/image.ts";
import {
  type RegistryOptions as ClientOptions,
  openRegistry,
  type RegistryTiming,
} from "../../../src/platform/registry/client.ts";
import { RegistryError, type RegistryErrorCode } from "../../../src/platform/registry/errors.ts";
import { temporaryDirectory, testContext } from "../context.ts";
import { directory, file, makeImage } from "../tiny-image.ts";
import { noise } from "../trees.ts";
import type { FaultAction, FaultRule, Place } from "./faults.ts";
import { type RegistryOptions, startRegistry, type TestRegistry } from "./registry.ts";
import { assertCacheSound, assertStored, blobsOf, pullImage, pushImage, storeImage } from "./transfer.ts";

export const TIMING: RegistryTiming = {
  attempts: 3,
  firstPauseMs: 2,
  longestPauseMs: 3_000,
  connectMs: 2_000,
  silenceMs: 400,
  documentMs: 1_500,
};
export const ACCOUNT = { username: "tare", password: "correct-horse-battery" } as const;
const REPOSITORY = "team/app";
const LAYER_SIZE = 200_000;
/** Requests that one blob may take at most: every kind of request, each as often as it is tried, and the logins. */
const MOST_REQUESTS = 60;

export const HEAD_BLOB = { method: "HEAD", path: /\/blobs\/sha256:/ };
export const BEGIN = { method: "POST", path: /\/blobs\/uploads\// };
export const UPLOAD = { method: "PUT", path: /\/blobs\/uploads\/.*digest=/ };
export const PATCH = { method: "PATCH", path: /\/blobs\/uploads\// };
export const PUT_MANIFEST = { method: "PUT", path: /\/manifests\// };
export const GET_MANIFEST = { method: "GET", path: /\/manifests\// };
export const GET_BLOB = { method: "GET", path: /\/blobs\/sha256:/ };
/** The second blob is the layer with something in it. */
export const LAYER = { nth: 2 };
export const ALWAYS = { times: 1_000 };
export const PLACES: readonly Place[] = [0, 1, "middle", "last"];

export interface Failure {
  readonly code: RegistryErrorCode;
  readonly hint: RegExp;
}

export interface Case {
  readonly summary: string;
  readonly faults?: readonly FaultRule[];
  readonly options?: RegistryOptions;
  readonly client?: ClientOptions;
  /** Undefined: it succeeds all the same. */
  readonly fails?: Failure;
  /** Bytes of bodies that may be moved in all attempts together, in sizes of the layer; 2.5 unless told. */
  readonly most?: number;
}

export function on(request: FaultRule["on"], action: FaultAction): FaultRule {
  return { on: request, do: action };
}

/** An image of a layer that does not compress and one that is small. */
export function makeSample(t: TestContext): Image {
  return makeImage(join(temporaryDirectory(t), "image"), {
    compression: "zstd",
    layers: [[directory("srv"), file("srv/noise", noise(LAYER_SIZE))], [file("srv/hello", "hello\n")]],
  });
}

export interface Scene {
  readonly registry: TestRegistry;
  readonly image: Image;
  readonly context: Context;
  readonly client: ClientOptions;
}

export async function play(
  t: TestContext,
  { summary, faults = [], options = {}, client = {}, fails, most = 2.5 }: Case,
  action: (scene: Scene) => Promise<void>,
  check: (scene: Scene, succeeded: boolean) => void,
  bodies: "received" | "sent",
): Promise<void> {
  await t.test(summary, async (st) => {
    const registry = await startRegistry(options);
    st.after(() => registry.close());
    const image = makeSample(st);
    const context = testContext(st);
    const scene = { registry, image, context, client: { credentials: "anonymous", ...client } as const };
    registry.faults.inject(...faults);
    if (fails === undefined) {
      await action(scene);
      check(scene, true);
      const moved = registry.requests.reduce((sum, request) => sum + request[bodies], 0);
      assert.ok(moved < most * LAYER_SIZE, `${moved} bytes were moved`);
    } else {
      await assert.rejects(action(scene), (error) => {
        assert.ok(error instanceof RegistryError, String(error));
        assert.equal(error.code, fails.code, error.message);
        assert.match(error.message, /^Cannot \w+ .*[^.]$/s);
        assert.match(error.hint ?? "", fails.hint, error.message);
        return true;
      });
      check(scene, false);
    }
    if (faults.length > 0) assert.ok(registry.faults.struck > 0, "no fault struck");
    assert.ok(registry.requests.length <= MOST_REQUESTS, `${registry.requests.length} requests`);
    // When the fault is over, the same command does the rest.
    registry.faults.clear();
    if (fails !== undefined && faults.length > 0) {
      await action(scene);
      check(scene, true);
    }
  });
}

export async function push({ registry, image, context, client }: Scene): Promise<void> {
  const reference = `${registry.host}/${REPOSITORY}:v1`;
  await using opened = openRegistry(reference, { access: "push", timing: TIMING, ...client }, context);
  let told = 0;
  await pushImage(opened, image, (count) => {
    told += count;
  });
  const size = blobsOf(image).reduce((sum, blob) => sum + blob.size, 0);
  assert.ok(told === size || told < size, `${told} of ${size} bytes were told`);
}

export function checkPushed({ registry, image }: Scene, succeeded: boolean): void {
  // A push whose last answer was lost fails, and yet may have done all.
  const isTagged = registry.store.repositories.get(REPOSITORY)?.tags.has("v1") === true;
  if (succeeded || isTagged) assertStored(registry, REPOSITORY, "v1", image);
}

export async function pull({ registry, image, context, client }: Scene): Promise<void> {
  storeImage(registry, REPOSITORY, "v1", image);
  const reference = `${registry.host}/${REPOSITORY}:v1`;
  await using opened = openRegistry(reference, { timing: TIMING, ...client }, context);
  let told = 0;
  const { document, files } = await pullImage(opened, "v1", (count) => {
    told += count;
  });
  assert.equal(document.digest, image.digest);
  assert.equal(files.length, 3);
  assert.ok(told <= blobsOf(image).reduce((sum, blob) => sum + blob.size, 0));
}

export function checkPulled({ context, image }: Scene, succeeded: boolean): void {
  const folder = join(context.cache.root, "blobs");
  const found = assertCacheSound(folder);
  if (succeeded)
    for (const { digest } of blobsOf(image)) assert.ok(found.includes(digest.slice("sha256:".length)));
}

export const SOON = () => new Date(Date.now() + 1_000).toUTCString();
export const LATER = /again/;

/** What may pass: with or without Retry-After, at each request. */
export function passing(requests: Readonly<Record<string, FaultRule["on"]>>): Case[] {
  const actions: Readonly<Record<string, FaultAction>> = {
    "a dropped connection": { kind: "drop" },
    "a lost answer": { kind: "drop-answer" },
    "429": { kind: "answer", status: 429 },
    "429, Retry-After: 0": { kind: "answer", status: 429, headers: { "Retry-After": "0" } },
    "500": { kind: "answer", status: 500, body: "<html>oops</html>" },
    "502": { kind: "answer", status: 502 },
    "503, Retry-After: 0": { kind: "answer", status: 503, headers: { "retry-after": "0" } },
    "504, without reading": { kind: "answer", status: 504, early: true },
    silence: { kind: "stall", at: "headers" },
    "names in lower case": { kind: "change", lowerCase: true },
    "an answer that trickles": { kind: "trickle", chunkSize: 20_000, everyMs: 2 },
  };
  return Object.entries(requests).flatMap(([request, rule]) =>
    Object.entries(actions).map(([summary, action]) => ({
      summary: `${summary} at ${request}`,
      faults: [on(rule, action)],
    })),
  );
}

/** What does not pass: attempts end, with an error of some use. */
export function lasting(
  requests: Readonly<Record<string, FaultRule["on"]>>,
  faulty: RegistryErrorCode,
): Case[] {
  const actions: readonly (readonly [string, FaultAction, RegistryErrorCode, RegExp])[] = [
    ["dropped connections", { kind: "drop" }, "REGISTRY_UNREACHABLE", /network|again/],
    ["429", { kind: "answer", status: 429 }, "RATE_LIMITED", LATER],
    ["503", { kind: "answer", status: 503, body: "<html>" }, faulty, LATER],
    ["redirects to itself", { kind: "redirect", to: "self" }, "REGISTRY_UNREACHABLE", /network|again/],
  ];
  return Object.entries(requests).flatMap(([request, rule]) =>
    actions.map(([summary, action, code, hint]) => ({
      summary: `${summary} at ${request}, for ever`,
      faults: [on({ ...rule, ...ALWAYS }, action)],
      fails: { code, hint },
    })),
  );
}
