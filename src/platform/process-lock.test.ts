import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { clearStaleLocks, ProcessLock } from "./process-lock.ts";

const never = new AbortController().signal;

test("one holder at a time, and no file afterwards", (t) => {
  const file = join(temporaryDirectory(t), "locks/a.lock");
  const first = ProcessLock.take(file);
  assert.ok(first);
  assert.equal(ProcessLock.take(file), undefined);
  first[Symbol.dispose]();
  assert.equal(existsSync(file), false);
  const second = ProcessLock.take(file);
  assert.ok(second);
  second[Symbol.dispose]();
});

test("whoever waits gets it next, and is told once that it must wait", async (t) => {
  const file = join(temporaryDirectory(t), "a.lock");
  const first = ProcessLock.take(file)!;
  let waits = 0;
  const second = ProcessLock.wait(file, never, () => waits++);
  setTimeout(() => first[Symbol.dispose](), 200);
  (await second)[Symbol.dispose]();
  assert.equal(waits, 1);
});

test("waiting ends with the signal", async (t) => {
  const file = join(temporaryDirectory(t), "a.lock");
  using _held = ProcessLock.take(file)!;
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error("enough")), 100);
  await assert.rejects(ProcessLock.wait(file, abort.signal), /enough|abort/);
});

test("a killed process leaves a file and no lock", async (t) => {
  const directory = temporaryDirectory(t);
  const module = new URL("./process-lock.ts", import.meta.url).href;
  const files = ["a.lock", "b.lock"].map((name) => join(directory, name));
  const script = `import { ProcessLock } from ${JSON.stringify(module)};
    globalThis.locks = ${JSON.stringify(files)}.map((file) => ProcessLock.take(file));
    console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  assert.equal(ProcessLock.take(files[0]!), undefined);
  clearStaleLocks(directory);
  assert.deepEqual(readdirSync(directory), ["a.lock", "b.lock"]);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.deepEqual(readdirSync(directory), ["a.lock", "b.lock"]);
  using lock = ProcessLock.take(files[0]!);
  assert.ok(lock);
  clearStaleLocks(directory);
  assert.deepEqual(readdirSync(directory), ["a.lock"]);
  clearStaleLocks(join(directory, "none"));
});
