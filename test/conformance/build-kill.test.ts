// kill -9 at a hundred points of a build of ten derivations: the next build gives the same bytes, nothing is registered
// by halves, and a garbage collection leaves nothing behind.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Output } from "../../src/evaluate/derivation.ts";
import { writeText } from "../../src/evaluate/trivial-builders.ts";
import type { StorePath } from "../../src/model/store-path.ts";
import { removeTree } from "../../src/platform/directories.ts";
import { LocalStore } from "../../src/platform/store/local-store.ts";
import { BuildProcesses, busyboxSource, shell, TestBuilds } from "../kit/builds.ts";

const POINTS = 100;

/** Ten derivations, each with what came before it: scripts with files and directories, and texts. */
function tenDerivations(busybox: Output): Output[] {
  const made: Output[] = [];
  for (let i = 0; i < 10; i++) {
    const inputs = made.slice(-2);
    const text = `${i}: ${inputs.map((input) => `${input}`).join(" ")}`;
    made.push(
      i % 3 !== 2
        ? writeText(`text-${i}`, text)
        : shell(
            busybox,
            `script-${i}`,
            `mkdir -p $out/a/b $dev; for n in 1 2 3 4 5 6 7 8; do echo ${text} $n > $out/a/b/$n; done; chmod 500 $out/a; echo $out > $dev/out`,
            { outputs: ["out", "dev"] },
          ),
    );
  }
  return made;
}

/** Everything of a store that is registered, with the bytes that really are there. */
async function describeStore(root: string): Promise<string[]> {
  using store = new LocalStore(root);
  const lines: string[] = [];
  for (const { path } of store.database.all()) {
    const info = store.query(path);
    const { narHash } = await store.scan(store.physicalPath(path), [], new AbortController().signal);
    assert.equal(narHash, info.narHash, path);
    for (const reference of info.references) assert.equal(store.isValid(reference), true, reference);
    lines.push(`${path} ${narHash} ${info.references.join(" ")} ${info.deriver ?? ""}`);
  }
  return lines.sort();
}

test("a build that is killed at any point is completed by the next one", { timeout: 300_000 }, async (t) => {
  if (process.platform !== "linux") return t.skip("this is not Linux");
  const busybox = busyboxSource(t);
  const outputs = tenDerivations(busybox);
  const measure = new BuildProcesses(t);
  const measured = measure.start(outputs);
  await measured.begun;
  const started = performance.now();
  const { paths } = (await measured.finished)!;
  const duration = performance.now() - started;
  const expected = await describeStore(measure.store);
  assert.ok(expected.length >= 13);
  let interrupted = 0;
  const worker = async (first: number): Promise<void> => {
    for (let point = first; point < POINTS; point += 2) {
      const builds = new BuildProcesses(t);
      const { begun, kill, finished } = builds.start(outputs, {}, 1 + (point % 4));
      await begun;
      const timer = setTimeout(kill, (duration * point) / POINTS);
      if ((await finished) === undefined) interrupted++;
      clearTimeout(timer);
      const next = new TestBuilds(t, {}, builds.store, builds.cache);
      assert.deepEqual(await next.build(...outputs), paths, `point ${point}`);
      assert.deepEqual(await describeStore(builds.store), expected, `point ${point}`);
      assertNothingLeft(builds, expected);
      removeTree(builds.directory);
    }
  };
  await Promise.all([worker(0), worker(1)]);
  t.diagnostic(`${interrupted} of ${POINTS} builds were killed within ${Math.round(duration)} ms`);
  assert.ok(interrupted > POINTS / 2, `${interrupted} builds were killed`);
});

/** Whatever the killed process had begun is gone: the next one cleared it away. */
function assertNothingLeft(builds: BuildProcesses, expected: readonly string[]): void {
  const list = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);
  const valid = expected.map((line) => (line.split(" ")[0] as StorePath).slice("/nix/store/".length));
  assert.deepEqual(list(join(builds.store, "nix/store")).sort(), valid.sort());
  assert.deepEqual(list(join(builds.store, "nix/var/tare/staging")), []);
  assert.deepEqual(list(join(builds.store, "nix/var/tare/locks")), []);
  assert.deepEqual(list(join(builds.cache, "tmp")), []);
}
