import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { speaksTls } from "./probe.ts";

async function ask(server: Server, timeoutMs = 5000): Promise<boolean> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await speaksTls(`127.0.0.1:${(server.address() as AddressInfo).port}`, timeoutMs);
  } finally {
    server.close();
  }
}

test("what answers in plain HTTP, hangs up or is not there speaks no TLS; an alert and silence are TLS", async () => {
  const alert = Buffer.from([0x15, 3, 3, 0, 2, 2, 40]);
  assert.equal(await ask(createHttp()), false, "HTTP");
  assert.equal(await ask(createServer((socket) => socket.destroy())), false, "hangs up");
  assert.equal(await ask(createServer((socket) => socket.end(alert))), true, "an alert");
  assert.equal(
    await ask(
      createServer(() => {}),
      100,
    ),
    true,
    "silence",
  );
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, "close");
  assert.equal(await speaksTls(`127.0.0.1:${port}`, 5000), false, "nobody");
});
