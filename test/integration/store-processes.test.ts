// One store and many processes: killed at any moment, adding the same things at once, collecting garbage meanwhile.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { STORE_DIR, type StorePath } from "../../src/model/store-path.ts";
import { exportPaths } from "../../src/store/export.ts";
import { collectGarbage } from "../../src/store/gc.ts";
import { verifyStore } from "../../src/store/verify.ts";
import { TARE } from "../kit/cli.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { addBuilt, makeStore, storeRoot, writeFiles } from "../kit/store.ts";

/** Starts a program; it is killed with the test. */
function start(t: TestContext, command: string, args: readonly string[], root: string) {
  const env = { ...process.env, TARE_STORE: root, XDG_CACHE_HOME: temporaryDirectory(t) };
  const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "close").then(([status]) => ({ status: status as number | null, said }));
  return { child, ended };
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("an import that is killed at any moment leaves whole paths or nothing, and the next one succeeds", async (t) => {
  const stream = join(temporaryDirectory(t), "stream");
  const source = makeStore(t);
  const paths: StorePath[] = [];
  for (let i = 0; i < 20; i++) {
    const files = { [`file-${i}`]: "x".repeat(200_000), dir: { link: String(paths.at(-1)) } };
    paths.push((await addBuilt(source, `path-${i}`, files, paths)).path);
  }
  const chunks: Uint8Array[] = [];
  await exportPaths(
    paths,
    source,
    { write: (bytes) => void chunks.push(Buffer.from(bytes)) },
    testContext(t),
  );
  writeFileSync(stream, Buffer.concat(chunks));

  const root = storeRoot(t);
  const whole = start(t, TARE, ["store", "import", stream, "-q"], storeRoot(t));
  const began = performance.now();
  assert.equal((await whole.ended).status, 0);
  const longest = performance.now() - began;
  let killed = 0;
  for (let i = 1; i <= 20; i++) {
    const run = start(t, TARE, ["store", "import", stream, "-q"], root);
    await wait(longest * (0.3 + 0.7 * (i / 20)));
    run.child.kill("SIGKILL");
    if ((await run.ended).status === null) killed++;
    using store = makeStore(t, root);
    const { problems, checked } = await verifyStore(store, { repair: false }, testContext(t));
    assert.deepEqual(problems, []);
    assert.ok(checked === 0 || checked === paths.length, `${checked} paths are valid`);
    if (checked > 0) store.database.delete(paths);
  }
  assert.ok(killed > 5, `only ${killed} were killed in time`);
  assert.equal((await start(t, TARE, ["store", "import", stream], root).ended).status, 0);
  using store = makeStore(t, root);
  assert.equal((await verifyStore(store, { repair: false }, testContext(t))).checked, paths.length);
  assert.deepEqual(readdirSync(join(root, "nix/var/tare/staging")), []);
});

/** Adds the same sources as all others, and looks whether they stay while it lives. */
const WORKER = `
  import { existsSync } from "node:fs";
  const { LocalStore } = await import(process.argv[1]);
  const store = new LocalStore(process.argv[2]);
  const signal = new AbortController().signal;
  const added = [];
  for (let i = 0; i < 12; i++) {
    const path = await store.addSource("source-" + i, process.argv[3], { signal });
    added.push(path);
    await new Promise((done) => setTimeout(done, 5));
    for (const one of added)
      if (!store.database.isValid(one) || !existsSync(store.physicalPath(one))) throw new Error(one + " is gone");
  }
  process.exit(0);
`;

test("several processes add the same paths while others collect garbage: nobody loses what it uses", async (t) => {
  const source = join(temporaryDirectory(t), "source");
  writeFiles(source, { a: { b: "b" }, "!c": "c".repeat(50_000) });
  const root = storeRoot(t);
  makeStore(t, root);
  const module = new URL("../../src/platform/store/local-store.ts", import.meta.url).href;
  const script = ["--input-type=module", "--eval", WORKER, module, root, source];
  const workers = Array.from({ length: 4 }, () => start(t, process.execPath, script, root));
  let isRunning = true;
  const all = Promise.all(workers.map(({ ended }) => ended)).finally(() => {
    isRunning = false;
  });
  let collections = 0;
  while (isRunning) {
    using store = makeStore(t, root);
    await collectGarbage(store, { dryRun: false }, testContext(t));
    collections++;
    await wait(10);
  }
  for (const { status, said } of await all) assert.equal(status, 0, said);
  assert.ok(collections > 3, `${collections} collections`);
  // They ended without a word: what they used is garbage now, and so are their lists.
  using store = makeStore(t, root);
  await collectGarbage(store, { dryRun: false }, testContext(t));
  assert.deepEqual(readdirSync(join(root, STORE_DIR)), []);
  assert.deepEqual(readdirSync(store.tempRootsDirectory), []);
});

test("what a killed process used is garbage", async (t) => {
  const source = join(temporaryDirectory(t), "source");
  writeFiles(source, { a: "a" });
  const root = storeRoot(t);
  const module = new URL("../../src/platform/store/local-store.ts", import.meta.url).href;
  const script = `${WORKER.replace("process.exit(0)", "setInterval(() => {}, 1000)")}`;
  const run = start(
    t,
    process.execPath,
    ["--input-type=module", "--eval", script, module, root, source],
    root,
  );
  while (!existsSync(join(root, STORE_DIR)) || readdirSync(join(root, STORE_DIR)).length < 12) await wait(20);
  using store = makeStore(t, root);
  const context = testContext(t);
  assert.equal((await collectGarbage(store, { dryRun: true }, context)).removed.length, 0);
  run.child.kill("SIGKILL");
  await run.ended;
  assert.equal((await collectGarbage(store, { dryRun: false }, context)).removed.length, 12);
});
