import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { inParallel } from "./parallel.ts";

test("everything is done, never more at once than may be", async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await inParallel([1, 2, 3, 4, 5], 2, new AbortController().signal, async (item) => {
    most = Math.max(most, ++running);
    await setImmediate();
    running--;
    done.push(item);
  });
  assert.deepEqual([done, most], [[1, 2, 3, 4, 5], 2]);
});

test("the first error ends the others, and is thrown when they have ended", async () => {
  let ended = false;
  const work = inParallel(
    ["wrong", "slow", "never"],
    2,
    new AbortController().signal,
    async (item, signal) => {
      if (item === "wrong") throw new Error(item);
      assert.notEqual(item, "never");
      while (!signal.aborted) await setImmediate();
      ended = true;
    },
  );
  await assert.rejects(work, /^Error: wrong$/);
  assert.ok(ended);
});

test("whoever gives up is told so", async () => {
  const controller = new AbortController();
  const work = inParallel([1, 2], 1, controller.signal, async () => controller.abort(new Error("enough")));
  await assert.rejects(work, /^Error: enough$/);
});
