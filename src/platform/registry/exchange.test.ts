import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect, createServer as createNetServer } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createAgent, type ExchangeRequest, exchange } from "./exchange.ts";

const TIMING = { connectMs: 500, silenceMs: 150 };

async function serve(t: TestContext, listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x?y=%20z`);
}

function send(t: TestContext, url: URL, request: Partial<ExchangeRequest> = {}) {
  const agent = request.agent ?? createAgent(url, {}, undefined);
  t.after(() => agent.destroy());
  const { signal } = new AbortController();
  return exchange(url, {
    method: "GET",
    headers: {},
    body: undefined,
    signal,
    timing: TIMING,
    ...request,
    agent,
  });
}

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("a connection serves one request after the other", async (t) => {
  const ports: (number | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ports.push(request.socket.remotePort);
    response.end(request.url);
  });
  const agent = createAgent(url, {}, undefined);
  assert.equal(await text(await send(t, url, { agent })), "/x?y=%20z");
  await (await send(t, url, { agent })).dump();
  assert.equal((await send(t, url, { agent, method: "HEAD" })).statusCode, 200);
  assert.deepEqual([ports.length, new Set(ports).size], [3, 1]);
});

test("a server that is silent is given up; who is slow itself has time", async (t) => {
  const url = await serve(t, (request, response) => {
    request.resume().once("end", () => {
      response.write("begun ");
      if (request.method === "PUT") response.end("and done");
    });
  });
  async function* slowly() {
    for (const part of ["a", "b", "c"]) {
      yield Buffer.from(part);
      await sleep(2 * TIMING.silenceMs);
    }
  }
  const headers = { "content-length": "3" };
  assert.equal(await text(await send(t, url, { method: "PUT", headers, body: slowly() })), "begun and done");
  const answer = await send(t, url);
  await assert.rejects(text(answer), /silent|aborted/);

  const nobody = await serve(t, () => {});
  await assert.rejects(send(t, nobody), { code: "ETIMEDOUT" });
});

test("a body that is not as long as was said is an error", async (t) => {
  const url = await serve(t, (request, response) => request.resume().once("end", () => response.end()));
  for (const parts of [["ab"], ["abc", "d"]]) {
    async function* body() {
      for (const part of parts) yield Buffer.from(part);
    }
    const headers = { "content-length": "3" };
    await assert.rejects(send(t, url, { method: "PUT", headers, body: body() }), {
      code: "ERR_HTTP_CONTENT_LENGTH_MISMATCH",
    });
  }
});

test("an answer before the whole body was sent ends the sending", async (t) => {
  const url = await serve(t, (_, response) => {
    response.statusCode = 413;
    response.end("too large");
  });
  let sent = 0;
  async function* endless() {
    for (;;) {
      yield Buffer.alloc(1000);
      sent += 1000;
      await sleep(1);
    }
  }
  const headers = { "content-length": String(2 ** 40) };
  const answer = await send(t, url, { method: "PUT", headers, body: endless() });
  assert.equal(answer.statusCode, 413);
  await answer.dump();
  await sleep(50);
  const before = sent;
  await sleep(50);
  assert.equal(sent, before);
});

test("proxies of the environment are used, but for hosts that it excepts", async (t) => {
  const url = await serve(t, (request, response) => response.end(request.headers.host));
  const asked: string[] = [];
  const proxy = createNetServer((socket) => {
    socket.once("data", (head) => {
      asked.push(head.toString("latin1").split("\r\n")[0]!);
      const onward = connect(Number(url.port), "127.0.0.1");
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => proxy.close());
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const far = new URL("http://registry.invalid/v2/");
  const agent = createAgent(far, {}, { http_proxy: address });
  assert.equal(await text(await send(t, far, { agent })), "registry.invalid");
  assert.deepEqual(asked, ["GET http://registry.invalid/v2/ HTTP/1.1"]);

  const excepted = createAgent(far, {}, { http_proxy: address, no_proxy: ".invalid" });
  await assert.rejects(send(t, far, { agent: excepted }), { code: "ENOTFOUND" });
  assert.equal(asked.length, 1);
});
