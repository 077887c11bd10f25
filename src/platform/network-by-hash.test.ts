import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { testContext } from "../../test/kit/context.ts";
import { type ExpectedHash, fetchByHash } from "./network.ts";

const BODY = Buffer.from("0123456789".repeat(1000));
const DIGEST = createHash("sha512").update(BODY).digest("hex");
const EXPECTED: ExpectedHash = {
  algorithm: "sha512",
  digests: ["0".repeat(128), DIGEST],
  maxSize: BODY.length,
};

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("what is known by its hash alone is fetched once, and kept under the hash that it has", async (t) => {
  const asked: unknown[] = [];
  const url = await serve(t, (request, response) => {
    asked.push(request.headers.authorization);
    response.end(BODY);
  });
  const context = testContext(t);
  let bytes = 0;
  const count = (more: number) => (bytes += more);
  const path = await fetchByHash("x", [url], EXPECTED, context, count, () => ({ authorization: "Bearer t" }));
  assert.equal(path, context.cache.path("downloads", `sha512-${DIGEST}`));
  assert.deepEqual(readFileSync(path), BODY);
  assert.equal(await fetchByHash("x", [url], EXPECTED, { ...context, offline: true }), path);
  assert.deepEqual([asked, bytes], [["Bearer t"], BODY.length]);
});

test("a server of another origin that is redirected to does not learn who asks", async (t) => {
  const asked: unknown[] = [];
  const other = await serve(t, (request, response) => {
    asked.push(request.headers.authorization);
    response.end(BODY);
  });
  const url = await serve(t, (_, response) => void response.writeHead(302, { location: other }).end());
  await fetchByHash("x", [url], EXPECTED, testContext(t), undefined, () => ({ authorization: "Bearer t" }));
  assert.deepEqual(asked, [undefined]);
});

test("a connection that is cut is tried again from the start", async (t) => {
  let count = 0;
  const url = await serve(t, (_, response) => {
    response.writeHead(200, { "content-length": BODY.length });
    if (++count > 1) response.end(BODY);
    else response.write(BODY.subarray(0, 4000), () => response.destroy());
  });
  let bytes = 0;
  const path = await fetchByHash("x", [url], EXPECTED, testContext(t), (more) => (bytes += more));
  assert.deepEqual([readFileSync(path), bytes], [BODY, BODY.length]);
});

const wrong: [summary: string, body: Buffer, code: string][] = [
  ["other bytes", Buffer.from("x"), "HASH_MISMATCH"],
  ["more bytes than are taken", Buffer.concat([BODY, BODY]), "TOO_LARGE"],
];
for (const [summary, body, code] of wrong) {
  test(`${summary}: ${code}, and nothing is left`, async (t) => {
    const url = await serve(t, (_, response) => void response.end(body));
    const context = testContext(t);
    let bytes = 0;
    const fetching = fetchByHash("x", [url], EXPECTED, context, (more) => (bytes += more));
    await assert.rejects(fetching, { code });
    assert.deepEqual(readdirSync(join(context.cache.root, "downloads")), []);
    assert.equal(bytes, 0);
  });
}
