// What the conformance suite does not ask of the test registry: referrers, pages, ranges, strictness, tokens, faults.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { FaultAction } from "./faults.ts";
import { type RegistryOptions, startRegistry, type TestRegistry } from "./registry.ts";
import { digestOf } from "./store.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCTETS = { "Content-Type": "application/octet-stream" };
const EMPTY = Buffer.from("{}");

async function open(t: TestContext, options: RegistryOptions = {}): Promise<TestRegistry> {
  const registry = await startRegistry(options);
  t.after(() => registry.close());
  return registry;
}

function fill(registry: TestRegistry, ...contents: readonly string[]): string[] {
  const { blobs } = registry.store.repository("app");
  return contents.map((content) => {
    const digest = digestOf(Buffer.from(content));
    blobs.set(digest, Buffer.from(content));
    return digest;
  });
}

function manifestOf(more: object = {}) {
  const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf(EMPTY), size: 2 };
  return JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [config], ...more });
}

function put(registry: TestRegistry, name: string, body: string, type = MANIFEST): Promise<Response> {
  const headers = { "Content-Type": type };
  return fetch(`${registry.url}/v2/app/manifests/${name}`, { method: "PUT", headers, body });
}

async function codeOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { readonly errors: readonly { readonly code: string }[] };
  return `${response.status} ${errors[0]!.code}`;
}

test("referrers are listed with and without a filter, in pages, and not at all when there is no such API", async (t) => {
  const registry = await open(t);
  fill(registry, "{}");
  const subject = { mediaType: MANIFEST, digest: digestOf(Buffer.from("any")), size: 3 };
  for (const artifactType of ["application/x-a", "application/x-b"]) {
    const body = manifestOf({ subject, artifactType, annotations: { for: artifactType } });
    const response = await put(registry, digestOf(Buffer.from(body)), body);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("OCI-Subject"), subject.digest);
  }
  const url = `${registry.url}/v2/app/referrers/${subject.digest}`;
  const types = async (response: Response) => {
    assert.equal(response.headers.get("Content-Type"), "application/vnd.oci.image.index.v1+json");
    const { manifests } = (await response.json()) as { manifests: { artifactType: string }[] };
    return manifests.map(({ artifactType }) => artifactType).sort();
  };
  assert.deepEqual(await types(await fetch(url)), ["application/x-a", "application/x-b"]);
  const filtered = await fetch(`${url}?artifactType=application/x-b`);
  assert.equal(filtered.headers.get("OCI-Filters-Applied"), "artifactType");
  assert.deepEqual(await types(filtered), ["application/x-b"]);
  const first = await fetch(`${url}?n=1`);
  const next = /^<(.+)>; rel="next"$/.exec(first.headers.get("Link") ?? "")?.[1] ?? "";
  const second = await fetch(new URL(next, registry.url));
  assert.equal(second.headers.get("Link"), null);
  assert.deepEqual([...(await types(first)), ...(await types(second))].length, 2);
  const none = await fetch(`${registry.url}/v2/app/referrers/${digestOf(Buffer.from("other"))}`);
  assert.deepEqual(await types(none), []);
  const without = await open(t, { referrers: false });
  fill(without, "{}");
  assert.equal((await fetch(`${without.url}/v2/app/referrers/${subject.digest}`)).status, 404);
});

test("tags come in pages, in case-insensitive order", async (t) => {
  const registry = await open(t, { pageSize: 2 });
  fill(registry, "{}");
  for (const tag of ["b", "A", "c", "B"]) assert.equal((await put(registry, tag, manifestOf())).status, 201);
  const seen: string[] = [];
  for (let url: string | undefined = `${registry.url}/v2/app/tags/list`; url !== undefined; ) {
    const response: Response = await fetch(url);
    seen.push(...((await response.json()) as { readonly tags: string[] }).tags);
    const link = /^<(.+)>; rel="next"$/.exec(response.headers.get("Link") ?? "")?.[1];
    url = link === undefined ? undefined : new URL(link, registry.url).href;
  }
  assert.deepEqual(seen, ["A", "B", "b", "c"]);
});

test("ranges of blobs: inside, from the end, outside", async (t) => {
  const registry = await open(t);
  const [digest] = fill(registry, "0123456789");
  const get = (Range: string) => fetch(`${registry.url}/v2/app/blobs/${digest}`, { headers: { Range } });
  const inside = await get("bytes=4-");
  assert.deepEqual([inside.status, inside.headers.get("Content-Range")], [206, "bytes 4-9/10"]);
  assert.equal(await inside.text(), "456789");
  assert.equal(await (await get("bytes=2-3")).text(), "23");
  assert.equal(await (await get("bytes=-3")).text(), "789");
  const outside = await get("bytes=10-");
  assert.deepEqual([outside.status, outside.headers.get("Content-Range")], [416, "bytes */10"]);
});

test("what a strict registry refuses", async (t) => {
  const registry = await open(t, { chunkMinLength: 4, uploadLocation: "query", maxRequestSize: 100 });
  fill(registry, "{}", "layer");
  const begin = async () => {
    const response = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: "POST" });
    assert.equal(response.headers.get("OCI-Chunk-Min-Length"), "4");
    return new URL(response.headers.get("Location")!, registry.url);
  };
  const send = (url: URL | string, method: string, body: string, headers: Record<string, string> = OCTETS) =>
    fetch(url, { method, body, headers });
  const withDigest = (url: URL, digest: string) => new URL(`${url.href}&digest=${digest}`);
  const missing = digestOf(Buffer.from("missing"));
  const cases: readonly [string, () => Promise<Response>, string][] = [
    ["a name with capitals", () => fetch(`${registry.url}/v2/App/tags/list`), "400 NAME_INVALID"],
    ["no such repository", () => fetch(`${registry.url}/v2/none/tags/list`), "404 NAME_UNKNOWN"],
    ["a bad digest", () => fetch(`${registry.url}/v2/app/blobs/sha256:1`), "400 DIGEST_INVALID"],
    ["a bad tag", () => put(registry, ".x", manifestOf()), "400 TAG_INVALID"],
    ["another type", () => put(registry, "x", manifestOf(), "text/plain"), "415 MANIFEST_INVALID"],
    ["two types", () => put(registry, "x", manifestOf({ mediaType: "a/b" })), "400 MANIFEST_INVALID"],
    [
      "a blob that is missing",
      () => put(registry, "x", manifestOf({ layers: [{ mediaType: "a/b", digest: missing, size: 7 }] })),
      "404 MANIFEST_BLOB_UNKNOWN",
    ],
    [
      "a wrong size",
      () => put(registry, "x", manifestOf({ layers: [{ digest: digestOf(EMPTY), size: 3 }] })),
      "400 MANIFEST_INVALID",
    ],
    ["a large manifest", () => put(registry, "x", manifestOf() + " ".repeat(4 << 20)), "413 SIZE_INVALID"],
    ["another digest", () => put(registry, missing, manifestOf()), "400 DIGEST_INVALID"],
    [
      "wrong bytes",
      async () => send(withDigest(await begin(), missing), "PUT", "wrong bytes"),
      "400 DIGEST_INVALID",
    ],
    [
      "a lost query",
      async () => send((await begin()).href.replace(/\?.*/, ""), "PATCH", "0123"),
      "400 BLOB_UPLOAD_INVALID",
    ],
    ["another content type", async () => send(await begin(), "PATCH", "0123", {}), "415 UNSUPPORTED"],
    ["a large body", async () => send(await begin(), "PATCH", "0".repeat(101)), "413 SIZE_INVALID"],
    [
      "a small chunk before the last",
      async () => {
        const url = await begin();
        assert.equal((await send(url, "PATCH", "012")).status, 202);
        return send(url, "PATCH", "3456");
      },
      "400 SIZE_INVALID",
    ],
    [
      "a chunk again",
      async () => {
        const url = await begin();
        const headers = { ...OCTETS, "Content-Range": "0-3" };
        assert.equal((await send(url, "PATCH", "0123", headers)).status, 202);
        return send(url, "PATCH", "0123", headers);
      },
      "416 BLOB_UPLOAD_INVALID",
    ],
  ];
  for (const [summary, action, expected] of cases)
    await t.test(summary, async () => {
      assert.equal(await codeOf(await action()), expected);
    });
  const cancelled = await begin();
  assert.equal((await fetch(cancelled, { method: "DELETE" })).status, 204);
  assert.equal(await codeOf(await fetch(cancelled)), "404 BLOB_UPLOAD_UNKNOWN");
});

test("tokens have scopes and end; refresh tokens give new ones", async (t) => {
  const auth = { mode: "token", username: "u", password: "p", anonymousPull: true } as const;
  const registry = await open(t, { auth });
  const [digest] = fill(registry, "{}");
  const url = `${registry.url}/v2/app/blobs/${digest}`;
  const challenge = (await fetch(url)).headers.get("WWW-Authenticate") ?? "";
  const [, realm = "", service = "", scope = ""] =
    /^Bearer realm="(.+)",service="(.+)",scope="(.+)"$/.exec(challenge) ?? [];
  assert.equal(scope, "repository:app:pull");
  const ask = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${realm}?service=${service}&${query}`, { headers });
  const basic = { Authorization: `Basic ${btoa("u:p")}` };
  const tokenOf = async (response: Response) => (await response.json()) as Record<string, string>;
  const use = async (token: string | undefined, method = "GET") =>
    (await fetch(url, { method, headers: { Authorization: `Bearer ${token}` } })).status;
  const anonymous = await tokenOf(await ask("scope=repository:app:pull,delete"));
  assert.deepEqual([await use(anonymous["token"]), await use(anonymous["token"], "DELETE")], [200, 401]);
  assert.equal((await ask("", { Authorization: `Basic ${btoa("u:x")}` })).status, 401);
  const known = await tokenOf(await ask("scope=repository:app:pull&offline_token=true", basic));
  registry.authorization.expireTokens();
  assert.equal(await use(known["token"]), 401);
  const form = {
    grant_type: "refresh_token",
    refresh_token: known["refresh_token"]!,
    service,
    client_id: "t",
  };
  const body = new URLSearchParams({ ...form, scope: "repository:app:pull" });
  const renewed = await tokenOf(await fetch(realm, { method: "POST", body }));
  assert.equal(await use(renewed["token"]), 200);
});

test("storage takes its own signature and refuses Authorization headers", async (t) => {
  const registry = await open(t, { redirectBlobs: true });
  const [digest] = fill(registry, "{}");
  const redirect = await fetch(`${registry.url}/v2/app/blobs/${digest}`, { redirect: "manual" });
  const target = new URL(redirect.headers.get("Location")!);
  assert.deepEqual([redirect.status, target.origin], [307, registry.storageUrl]);
  assert.equal(await (await fetch(target)).text(), "{}");
  assert.equal((await fetch(target, { headers: { Authorization: "Basic YTpi" } })).status, 400);
  assert.equal((await fetch(target.href.replace(/\?.*/, ""))).status, 403);
});

test("faults strike the requests that they name, as often as they say", async (t) => {
  const registry = await open(t);
  const [digest] = fill(registry, "0123456789");
  const get = async () => {
    try {
      const response = await fetch(`${registry.url}/v2/app/blobs/${digest}`);
      return `${response.status} ${await response.text()}`;
    } catch {
      return "broken";
    }
  };
  const cases: readonly [FaultAction, string][] = [
    [{ kind: "drop" }, "broken"],
    [{ kind: "drop-answer" }, "broken"],
    [{ kind: "answer", status: 503, body: "<html>" }, "503 <html>"],
    [{ kind: "change", status: 203, body: { truncate: "middle" } }, "203 01234"],
    [{ kind: "change", body: { flip: 0 } }, "200 1123456789"],
    [{ kind: "change", body: { pad: 2 } }, "200 0123456789  "],
    [{ kind: "cut", at: "last" }, "broken"],
    [{ kind: "cut", at: 4, framing: "chunked" }, "broken"],
    [{ kind: "cut", at: 4, framing: "close" }, "200 0123"],
    [{ kind: "trickle", chunkSize: 3, everyMs: 1 }, "200 0123456789"],
    [{ kind: "redirect", to: "self" }, "200 0123456789"],
  ];
  for (const [action, expected] of cases) {
    registry.faults.clear();
    registry.faults.inject({ on: { method: "GET", path: /blobs\/sha256/, nth: 2 }, do: action });
    assert.deepEqual([await get(), await get(), await get()], ["200 0123456789", expected, "200 0123456789"]);
    assert.equal(registry.faults.struck, 1);
  }
});
