import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { fetchArtifact, fetchDocument, redactUrl } from "./network.ts";

const BODY = Buffer.from("0123456789".repeat(1000));
const EXPECTED = { sha256: createHash("sha256").update(BODY).digest("hex"), size: BODY.length };

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serve(t: TestContext, handler: Handler): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ""}`.trim());
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const ok: Handler = (_, response) => void response.end(BODY);

test("an artifact is fetched, checked and kept; a second time it is not asked for", async (t) => {
  const { url, requests } = await serve(t, ok);
  const context = testContext(t);
  let bytes = 0;
  const path = await fetchArtifact("x", [`${url}/a`], EXPECTED, context, (n) => (bytes += n));
  assert.deepEqual(readFileSync(path), BODY);
  assert.equal(bytes, BODY.length);
  assert.equal(await fetchArtifact("x", [`${url}/a`], EXPECTED, context), path);
  assert.equal(requests.length, 1);
  assert.deepEqual(readdirSync(join(context.cache.root, "partial")), []);
});

test("a cut connection is continued by range where it stopped", async (t) => {
  const { url, requests } = await serve(t, (request, response, count) => {
    if (count === 1) {
      response.writeHead(200, { "content-length": BODY.length });
      response.write(BODY.subarray(0, 4000), () => response.destroy());
      return;
    }
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(206, { "content-range": `bytes ${start}-${BODY.length - 1}/${BODY.length}` });
    response.end(BODY.subarray(start));
  });
  const path = await fetchArtifact("x", [`${url}/a`], EXPECTED, testContext(t));
  assert.deepEqual(readFileSync(path), BODY);
  assert.equal(requests[1], "GET /a bytes=4000-");
});

test("what an ended process left is continued, and damage in it does not condemn the server", async (t) => {
  for (const left of [BODY.subarray(0, 10), Buffer.from("damaged!!!")]) {
    const { url } = await serve(t, ok);
    const context = testContext(t);
    writeFileSync(context.cache.path("partial", EXPECTED.sha256), left);
    const path = await fetchArtifact("x", [`${url}/a`], EXPECTED, context);
    assert.deepEqual(readFileSync(path), BODY);
  }
  const ranged = await serve(t, (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start > 0)
      response.writeHead(206, { "content-range": `bytes ${start}-${BODY.length - 1}/${BODY.length}` });
    response.end(BODY.subarray(start));
  });
  const context = testContext(t);
  writeFileSync(context.cache.path("partial", EXPECTED.sha256), "damaged!!!");
  await fetchArtifact("x", [`${ranged.url}/a`], EXPECTED, context);
  assert.deepEqual(ranged.requests, ["GET /a bytes=10-", "GET /a"]);
});

test("5xx and 429 are tried again, with Retry-After; 404 goes to the next server", async (t) => {
  const gone = await serve(t, (_, response) => void response.writeHead(404).end());
  const busy = await serve(t, (_, response, count) =>
    count < 3
      ? void response.writeHead(count === 1 ? 429 : 503, { "retry-after": "0" }).end()
      : void response.end(BODY),
  );
  await fetchArtifact("x", [`${gone.url}/a`, `${busy.url}/a`], EXPECTED, testContext(t));
  assert.equal(gone.requests.length, 1);
  assert.equal(busy.requests.length, 3);
});

const failures: { summary: string; handler: Handler; code: string; message: RegExp }[] = [
  {
    summary: "wrong bytes of the right length",
    handler: (_, response) => void response.end(Buffer.alloc(BODY.length, 1)),
    code: "HASH_MISMATCH",
    message: /has sha256 [0-9a-f]{64}, expected [0-9a-f]{64}$/,
  },
  {
    summary: "too few bytes",
    handler: (_, response) => void response.end("short"),
    code: "SIZE_MISMATCH",
    message: /sent 5 bytes, expected 10000$/,
  },
  {
    summary: "too many bytes",
    handler: (_, response) => void response.end(Buffer.concat([BODY, BODY])),
    code: "SIZE_MISMATCH",
    message: /sent more bytes, expected 10000$/,
  },
  {
    summary: "gone",
    handler: (_, response) => void response.writeHead(410).end(),
    code: "NOT_FOUND",
    message: /no server has it/,
  },
  {
    summary: "forbidden",
    handler: (_, response) => void response.writeHead(403).end(),
    code: "UNREACHABLE",
    message: /the server answered 403/,
  },
];
for (const { summary, handler, code, message } of failures) {
  test(`refused, with nothing left behind: ${summary}`, async (t) => {
    const { url } = await serve(t, handler);
    const context = testContext(t);
    let bytes = 0;
    await assert.rejects(
      fetchArtifact("x", [`${url}/a`], EXPECTED, context, (n) => (bytes += n)),
      { code, message },
    );
    assert.equal(bytes, 0);
    assert.deepEqual(readdirSync(join(context.cache.root, "partial")), []);
    assert.equal(existsSync(join(context.cache.root, "downloads", EXPECTED.sha256)), false);
  });
}

test("a later server may have what an earlier one had wrong", async (t) => {
  const wrong = await serve(t, (_, response) => void response.end("short"));
  const right = await serve(t, ok);
  await fetchArtifact("x", [`${wrong.url}/a`, `${right.url}/a`], EXPECTED, testContext(t));
});

test("a server that cannot be reached is an error that names it without its password", async (t) => {
  const { url } = await serve(t, (request) => void request.socket.destroy());
  const secret = url.replace("http://", "http://user:secret@");
  await assert.rejects(
    fetchDocument("x", [`${secret}/a`], 100, testContext(t)),
    (error: Error & { code: string }) => {
      assert.equal(error.code, "UNREACHABLE");
      assert.doesNotMatch(error.message, /secret/);
      assert.match(error.message, /http:\/\/\*\*\*@127/);
      return true;
    },
  );
  assert.equal(redactUrl("https://a:b@c/d"), "https://***@c/d");
});

test("offline, the network is not touched, but files are read", async (t) => {
  const { url, requests } = await serve(t, ok);
  const context = testContext(t, { offline: true });
  await assert.rejects(fetchArtifact("x", [`${url}/a`], EXPECTED, context), { code: "OFFLINE" });
  assert.equal(requests.length, 0);
  const file = join(temporaryDirectory(t), "a");
  writeFileSync(file, BODY);
  await fetchArtifact("x", [pathToFileURL(file).href], EXPECTED, context);
});

test("documents have a largest size, and URLs a scheme", async (t) => {
  const { url } = await serve(t, ok);
  const context = testContext(t);
  await assert.rejects(fetchDocument("x", [url], 9999, context), { code: "TOO_LARGE" });
  assert.equal((await fetchDocument("x", [url], 10000, context)).bytes.length, 10000);
  await assert.rejects(fetchDocument("x", ["ftp://a/b"], 9, context), { code: "BAD_URL" });
});

test("what a killed process was fetching is continued by the next", async (t) => {
  const ranged = await serve(t, (request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start > 0)
      response.writeHead(206, { "content-range": `bytes ${start}-${BODY.length - 1}/${BODY.length}` });
    response.end(BODY.subarray(start));
  });
  const context = testContext(t);
  const directory = join(context.cache.root, "partial");
  mkdirSync(directory, { recursive: true });
  // No process has this number: it is above what Linux gives out.
  writeFileSync(join(directory, `.${EXPECTED.sha256}.4999999.0123456789ab.tmp`), BODY.subarray(0, 77));
  await fetchArtifact("x", [`${ranged.url}/a`], EXPECTED, context);
  assert.deepEqual(ranged.requests, ["GET /a bytes=77-"]);
  assert.deepEqual(readdirSync(directory), []);
});

test("an aborted download stops and can be continued", async (t) => {
  const abort = new AbortController();
  const { url } = await serve(t, (_, response) => {
    response.writeHead(200, { "content-length": BODY.length });
    response.write(BODY.subarray(0, 4000));
  });
  const context = testContext(t, { signal: abort.signal });
  await assert.rejects(
    fetchArtifact("x", [`${url}/a`], EXPECTED, context, () => abort.abort(new Error("stopped"))),
    /stopped/,
  );
  assert.deepEqual(readdirSync(join(context.cache.root, "partial")), [EXPECTED.sha256]);
});

test("two at once give one right file", async (t) => {
  const { url } = await serve(t, ok);
  const context = testContext(t);
  mkdirSync(context.cache.root, { recursive: true });
  const [a, b] = await Promise.all([
    fetchArtifact("x", [`${url}/a`], EXPECTED, context),
    fetchArtifact("x", [`${url}/a`], EXPECTED, context),
  ]);
  assert.equal(a, b);
  assert.deepEqual(readFileSync(a), BODY);
});
