import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { ThreadPool } from "./threads.ts";

/** A module for threads that multiplies by what the pool was made with. */
function makeModule(t: TestContext, body: string): URL {
  const file = join(temporaryDirectory(t), "worker.mjs");
  const threads = JSON.stringify(join(import.meta.dirname, "threads.ts"));
  writeFileSync(file, `import { serveRequests } from ${threads};\n${body}`);
  return pathToFileURL(file);
}

const MULTIPLY = `serveRequests((factor) => (request) => {
  if (request === "throw") throw new RangeError("asked to");
  if (request === "die") process.exit(7);
  return request * factor;
});`;

test("each request has its own reply, however many threads there are", async (t) => {
  const module = makeModule(t, MULTIPLY);
  for (const size of [1, 3]) {
    await using pool = new ThreadPool<number, number>(module, size, 10);
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.run(i)));
    assert.deepEqual(
      replies,
      Array.from({ length: 20 }, (_, i) => i * 10),
    );
  }
});

test("what a thread throws rejects its request, and the thread goes on", async (t) => {
  await using pool = new ThreadPool<number | string, number>(makeModule(t, MULTIPLY), 1, 2);
  await assert.rejects(pool.run("throw"), /internal error: in a worker thread: RangeError: asked to/);
  assert.equal(await pool.run(4), 8);
});

test("a thread that dies rejects what waits and what comes", async (t) => {
  await using pool = new ThreadPool<number | string, number>(makeModule(t, MULTIPLY), 1, 2);
  const first = pool.run("die");
  const second = pool.run(1);
  await assert.rejects(first, /ended with status 7/);
  await assert.rejects(second, /ended with status 7/);
  await assert.rejects(pool.run(2), /ended with status 7/);
});

test("a module that cannot be loaded rejects everything", async (t) => {
  await using pool = new ThreadPool<number, number>(makeModule(t, "throw new Error('no start')"), 2, 0);
  await assert.rejects(pool.run(1), /no start/);
});

test("a disposed pool lets the process end", async (t) => {
  const module = makeModule(t, "serveRequests(() => () => { for (;;); });");
  const start = performance.now();
  {
    await using pool = new ThreadPool<number, number>(module, 1, 0);
    void pool.run(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(performance.now() - start < 5000);
});
