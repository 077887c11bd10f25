import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { serveRepository } from "./server.ts";

function blob(text: string) {
  const bytes = Buffer.from(text);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return {
    digest,
    size: bytes.length,
    bytes,
    mediaType: "application/test",
    async *open() {
      yield bytes.subarray(0, 2);
      yield bytes.subarray(2);
    },
  };
}

test("documents and blobs are served by digest, the last document as latest; what is sent is counted", async () => {
  const manifest = blob("manifest");
  const layer = blob("the layer");
  await using served = await serveRepository({ documents: [manifest], blobs: [layer] });
  const base = `http://${served.name.replace("/", "/v2/")}`;
  const cases: readonly (readonly [method: string, path: string, status: number, body: string])[] = [
    ["HEAD", `/blobs/${layer.digest}`, 200, ""],
    ["GET", `/blobs/${layer.digest}`, 200, "the layer"],
    ["HEAD", "/manifests/latest", 200, ""],
    ["GET", "/manifests/latest", 200, "manifest"],
    ["GET", `/manifests/${manifest.digest}`, 200, "manifest"],
    ["GET", `/blobs/${manifest.digest}`, 404, '{"errors":[{"code":"BLOB_UNKNOWN"}]}'],
    ["GET", "/manifests/other", 404, '{"errors":[{"code":"NAME_UNKNOWN"}]}'],
    ["PUT", "/manifests/latest", 405, '{"errors":[{"code":"UNSUPPORTED"}]}'],
  ];
  for (const [method, path, status, body] of cases) {
    const answer = await fetch(`${base}${path}`, { method });
    assert.deepEqual([answer.status, await answer.text()], [status, body], `${method} ${path}`);
  }
  assert.equal(served.bytesSent, "the layer".length + 2 * "manifest".length);
  assert.equal(served.failure, undefined);
  const other = await fetch(`${new URL(base).origin}/v2/tare-guessed/manifests/latest`);
  assert.equal(other.status, 404);
  assert.equal((await fetch(`${new URL(base).origin}/v2/`)).status, 200);
});

test("an error of a blob ends the answer, and is told", async () => {
  const damaged = {
    ...blob("a layer"),
    async *open() {
      yield Buffer.from("a");
      throw new Error("damaged");
    },
  };
  await using served = await serveRepository({ documents: [], blobs: [damaged] });
  const answer = await fetch(`http://${served.name.replace("/", "/v2/")}/blobs/${damaged.digest}`).catch(
    () => undefined,
  );
  if (answer !== undefined) await assert.rejects(answer.text());
  assert.match(String(served.failure), /damaged/);
});
