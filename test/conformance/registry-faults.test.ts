// The registry client against everything that a registry or a network does wrong: nothing is lost, nothing wrong is
// accepted, attempts are bounded, what was transferred is not transferred again, and the error says what to do.

import { test } from "node:test";
import {
  ACCOUNT,
  ALWAYS,
  BEGIN,
  type Case,
  checkPulled,
  checkPushed,
  GET_BLOB,
  GET_MANIFEST,
  HEAD_BLOB,
  LATER,
  LAYER,
  lasting,
  on,
  PATCH,
  PLACES,
  PUT_MANIFEST,
  passing,
  play,
  pull,
  push,
  SOON,
  UPLOAD,
} from "../kit/registry/fault-stage.ts";

test("a push survives what passes", async (t) => {
  const requests = {
    "HEAD of a blob": HEAD_BLOB,
    POST: BEGIN,
    "PUT of a blob": UPLOAD,
    "PUT of the manifest": PUT_MANIFEST,
  };
  const cases: Case[] = [
    ...passing(requests),
    ...PLACES.flatMap((at) =>
      [true, false].map(
        (keep): Case => ({
          summary: `a connection that ends in the body at ${at}; what came is ${keep ? "kept" : "lost"}`,
          faults: [on({ ...UPLOAD, ...LAYER }, { kind: "drop-request", at, keep })],
          // What was kept is not sent again.
          most: keep && (at === "middle" || at === "last") ? 1.2 : 2.5,
        }),
      ),
    ),
    {
      summary: "a connection that ends in the body again and again, with some progress each time",
      faults: [
        on({ ...UPLOAD, ...LAYER }, { kind: "drop-request", at: 50_000, keep: true }),
        on({ ...PATCH, times: 4 }, { kind: "drop-request", at: 30_000, keep: true }),
      ],
      most: 1.2,
    },
    {
      summary: "Retry-After: 1 is waited for",
      faults: [on(BEGIN, { kind: "answer", status: 429, headers: { "Retry-After": "1" } })],
    },
    {
      summary: "Retry-After with a date",
      faults: [on(UPLOAD, { kind: "answer", status: 503, headers: { "Retry-After": SOON() } })],
    },
    {
      summary: "an upload that is forgotten",
      faults: [on({ ...UPLOAD, ...LAYER }, { kind: "lose-uploads" })],
    },
    {
      summary: "an upload that is forgotten after half of it",
      faults: [
        on({ ...UPLOAD, ...LAYER }, { kind: "drop-request", at: "middle", keep: true }),
        on(PATCH, { kind: "lose-uploads" }),
      ],
    },
    {
      summary: "416 for what is right",
      faults: [on({ ...UPLOAD, ...LAYER }, { kind: "answer", status: 416 })],
    },
    {
      summary: "201 and 200 instead of 202 and 201",
      faults: [
        on({ ...BEGIN, ...ALWAYS }, { kind: "change", status: 201 }),
        on({ ...UPLOAD, ...ALWAYS }, { kind: "change", status: 200 }),
        on({ ...PUT_MANIFEST, ...ALWAYS }, { kind: "change", status: 202 }),
      ],
    },
    {
      summary: "no header that could be missing",
      faults: [
        on(
          { ...ALWAYS, method: "PUT" },
          { kind: "change", headers: { "Docker-Content-Digest": null, Location: null, Range: null } },
        ),
        on({ ...ALWAYS, method: "HEAD" }, { kind: "change", headers: { "Docker-Content-Digest": null } }),
      ],
    },
    { summary: "absolute locations", options: { uploadLocation: "absolute" } },
    {
      summary: "bodies up to a size that the registry does not tell",
      options: { uploadLocation: "query", maxRequestSize: 70_000, chunkMinLength: 10_000 },
      most: 8,
    },
    {
      summary: "storage of its own that takes bodies up to some size",
      options: { uploadLocation: "storage", maxRequestSize: 70_000 },
      most: 8,
    },
    {
      summary: "locations with a query, and a connection that ends",
      options: { uploadLocation: "query" },
      faults: [on({ ...UPLOAD, ...LAYER }, { kind: "drop-request", at: "middle", keep: true })],
      most: 1.2,
    },
    {
      summary: "uploads to storage of its own, without the login",
      options: { uploadLocation: "storage", auth: { mode: "basic", ...ACCOUNT } },
      client: { credentials: { kind: "password", ...ACCOUNT } },
    },
    {
      summary: "one body only up to some size, chunks beyond",
      faults: [on({ ...UPLOAD, ...LAYER }, { kind: "answer", status: 413, early: true })],
      options: { chunkMinLength: 1_000 },
    },
    { summary: "no mounts, no ranges, no whole POST", options: { mounts: false, monolithicPost: false } },
  ];
  for (const one of cases) await play(t, one, push, checkPushed, "received");
});

test("a push that cannot succeed ends soon, and says why", async (t) => {
  const cases: Case[] = [
    ...lasting(
      { "HEAD of a blob": HEAD_BLOB, POST: BEGIN, "PUT of the manifest": PUT_MANIFEST },
      "REGISTRY_FAULTY",
    ),
    {
      summary: "silence at PUT of the manifest, for ever",
      faults: [on({ ...PUT_MANIFEST, ...ALWAYS }, { kind: "stall", at: "headers" })],
      fails: { code: "REGISTRY_UNREACHABLE", hint: /network|again/ },
    },
    {
      summary: "503 at PUT of a blob, for ever",
      faults: [on({ ...UPLOAD, ...ALWAYS }, { kind: "answer", status: 503 })],
      fails: { code: "UPLOAD_FAILED", hint: LATER },
    },
    {
      summary: "connections that end at the first byte, for ever",
      faults: [on({ ...UPLOAD, ...ALWAYS }, { kind: "drop-request", at: 0, keep: true })],
      fails: { code: "UPLOAD_FAILED", hint: /again|network/ },
    },
    {
      summary: "uploads that are forgotten, for ever",
      faults: [on({ ...UPLOAD, ...ALWAYS }, { kind: "lose-uploads" })],
      fails: { code: "UPLOAD_FAILED", hint: LATER },
    },
    {
      summary: "bodies of no size",
      options: { maxRequestSize: 10 },
      fails: { code: "UPLOAD_FAILED", hint: /limit of request bodies/ },
    },
    {
      summary: "uploads that are forgotten when half of them is there, for ever",
      faults: [
        on({ ...UPLOAD, ...ALWAYS }, { kind: "drop-request", at: "middle", keep: true }),
        on({ ...PATCH, ...ALWAYS }, { kind: "lose-uploads" }),
      ],
      fails: { code: "UPLOAD_FAILED", hint: LATER },
    },
    {
      summary: "a pause that is too long",
      faults: [
        on({ ...BEGIN, ...ALWAYS }, { kind: "answer", status: 429, headers: { "Retry-After": "86400" } }),
      ],
      fails: { code: "RATE_LIMITED", hint: LATER },
    },
    {
      summary: "a blob that is stored with another digest",
      faults: [
        on(
          { ...UPLOAD, ...ALWAYS },
          { kind: "change", headers: { "Docker-Content-Digest": `sha256:${"0".repeat(64)}` } },
        ),
      ],
      fails: { code: "DIGEST_MISMATCH", hint: /tell who runs it/ },
    },
    {
      summary: "an upload without a place",
      faults: [on({ ...BEGIN, ...ALWAYS }, { kind: "change", headers: { Location: null } })],
      fails: { code: "REGISTRY_FAULTY", hint: /tell who runs it|again/ },
    },
  ];
  for (const one of cases) await play(t, one, push, checkPushed, "received");
});

test("a manifest that a registry stores with another digest is an error", async (t) => {
  const fault = on(
    { ...PUT_MANIFEST, ...ALWAYS },
    { kind: "change", headers: { "Docker-Content-Digest": `sha256:${"0".repeat(64)}` } },
  );
  await play(
    t,
    { summary: "at PUT", faults: [fault], fails: { code: "DIGEST_MISMATCH", hint: /tell who runs it/ } },
    push,
    () => {},
    "received",
  );
});

test("a pull survives what passes", async (t) => {
  const cases: Case[] = [
    ...passing({ "GET of the manifest": GET_MANIFEST, "GET of a blob": { ...GET_BLOB, ...LAYER } }),
    ...PLACES.flatMap((at) =>
      (["length", "chunked", "close"] as const).map(
        (framing): Case => ({
          summary: `a blob that ends at ${at}, framed by ${framing}`,
          faults: [on({ ...GET_BLOB, ...LAYER }, { kind: "cut", at, framing })],
        }),
      ),
    ),
    ...PLACES.map(
      (at): Case => ({
        summary: `a blob that falls silent at ${at}`,
        faults: [on({ ...GET_BLOB, ...LAYER }, { kind: "stall", at })],
      }),
    ),
    ...PLACES.map(
      (at): Case => ({
        summary: `a manifest that ends at ${at}`,
        faults: [on(GET_MANIFEST, { kind: "cut", at, framing: "close" })],
      }),
    ),
    ...PLACES.slice(1).map(
      (at): Case => ({
        summary: `a truncated blob whose length is the truncated one, at ${at}`,
        faults: [on({ ...GET_BLOB, ...LAYER }, { kind: "change", body: { truncate: at } })],
      }),
    ),
    {
      summary: "one wrong bit, once",
      faults: [on({ ...GET_BLOB, ...LAYER }, { kind: "change", body: { flip: "middle" } })],
    },
    {
      summary: "a manifest with a wrong bit, once",
      faults: [on(GET_MANIFEST, { kind: "change", body: { flip: "middle" } })],
    },
    {
      summary: "a blob that breaks off at every byte class, one after the other",
      faults: [1, 50_000, 90_000, 20_000].map((at, i) =>
        on({ ...GET_BLOB, nth: 2 + i }, { kind: "cut", at }),
      ),
      most: 6,
    },
    {
      summary: "no ranges",
      options: { ranges: false },
      faults: [on({ ...GET_BLOB, ...LAYER }, { kind: "cut", at: "last" })],
      most: 3.5,
    },
    {
      summary: "storage behind a redirect, without the login",
      options: { redirectBlobs: true, auth: { mode: "token", ...ACCOUNT } },
      client: { credentials: { kind: "password", ...ACCOUNT } },
    },
    {
      summary: "storage that breaks off",
      options: { redirectBlobs: true },
      faults: [on({ ...GET_BLOB, ...LAYER, server: "storage" }, { kind: "cut", at: "middle" })],
    },
    {
      summary: "manifests with another Content-Type, or none",
      faults: [
        on({ ...GET_MANIFEST, ...ALWAYS }, { kind: "change", headers: { "Content-Type": "text/plain" } }),
      ],
    },
    {
      summary: "no Docker-Content-Digest and no Accept-Ranges",
      faults: [
        on(ALWAYS, {
          kind: "change",
          headers: { "Docker-Content-Digest": null, "Accept-Ranges": null, ETag: null },
        }),
      ],
    },
  ];
  for (const one of cases) await play(t, one, pull, checkPulled, "sent");
});

test("a pull that cannot succeed ends soon, and nothing wrong is kept", async (t) => {
  const wrong = { code: "DIGEST_MISMATCH", hint: /tell who runs it|again/ } as const;
  const cases: Case[] = [
    ...lasting({ "GET of the manifest": GET_MANIFEST, "GET of a blob": GET_BLOB }, "REGISTRY_FAULTY"),
    {
      summary: "silence in the middle of blobs, for ever",
      faults: [on({ ...GET_BLOB, ...ALWAYS }, { kind: "stall", at: "middle" })],
      fails: { code: "REGISTRY_UNREACHABLE", hint: /network|again/ },
    },
    {
      summary: "wrong bytes, for ever",
      faults: [on({ ...GET_BLOB, ...ALWAYS }, { kind: "change", body: { flip: "last" } })],
      fails: wrong,
    },
    {
      summary: "a manifest with wrong bytes, for ever",
      faults: [on({ ...GET_MANIFEST, ...ALWAYS }, { kind: "change", body: { flip: "last" } })],
      fails: wrong,
    },
    {
      summary: "a page of HTML in the place of a blob",
      faults: [on({ ...GET_BLOB, ...ALWAYS }, { kind: "change", body: { replace: "<html>log in</html>" } })],
      fails: wrong,
    },
    {
      summary: "a page of HTML in the place of the manifest",
      faults: [
        on({ ...GET_MANIFEST, ...ALWAYS }, { kind: "change", body: { replace: "<html>log in</html>" } }),
      ],
      fails: wrong,
    },
    {
      summary: "a page of HTML in the place of the manifest, without a digest",
      faults: [
        on(
          { ...GET_MANIFEST, ...ALWAYS },
          {
            kind: "change",
            headers: { "Docker-Content-Digest": null },
            body: { replace: "<html>log in</html>" },
          },
        ),
      ],
      fails: { code: "REGISTRY_FAULTY", hint: /address of a registry/ },
    },
    {
      summary: "more bytes than there should be",
      faults: [on({ ...GET_BLOB, ...ALWAYS }, { kind: "change", body: { pad: 1 } })],
      fails: wrong,
    },
    {
      summary: "blobs of which each attempt brings a few wrong bytes",
      faults: [
        on({ ...GET_BLOB, ...ALWAYS }, { kind: "cut", at: 20 }),
        on({ ...GET_BLOB, ...ALWAYS }, { kind: "change", body: { flip: 1 } }),
      ],
      fails: { code: "REGISTRY_UNREACHABLE", hint: /again|network/ },
    },
    {
      summary: "a manifest that is too large",
      faults: [on({ ...GET_MANIFEST, ...ALWAYS }, { kind: "change", body: { pad: 5 << 20 } })],
      fails: { code: "REGISTRY_FAULTY", hint: /tell who runs it|again/ },
    },
    {
      summary: "no such tag",
      faults: [on({ ...GET_MANIFEST, ...ALWAYS }, { kind: "answer", status: 404 })],
      fails: { code: "MANIFEST_UNKNOWN", hint: /./ },
    },
    {
      summary: "no such blob",
      faults: [on({ ...GET_BLOB, ...ALWAYS }, { kind: "answer", status: 404 })],
      fails: { code: "BLOB_UNKNOWN", hint: /./ },
    },
  ];
  for (const one of cases) await play(t, one, pull, checkPulled, "sent");
});
