import assert from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { sleep } from "./clock.ts";
import { Watcher } from "./watch.ts";

const never = new AbortController().signal;

test("changes are told once it is quiet: files however they are written, and what comes into directories", async (t) => {
  const root = temporaryDirectory(t);
  const tree = join(root, "tree");
  mkdirSync(tree);
  const file = join(root, "file");
  writeFileSync(file, "1");
  const changes: readonly (readonly [summary: string, change: () => void, told: readonly string[]])[] = [
    ["a file is written", () => writeFileSync(file, "2"), [file]],
    [
      "a file is replaced",
      () => {
        writeFileSync(`${file}.new`, "3");
        renameSync(`${file}.new`, file);
      },
      [file],
    ],
    ["a file that was not there comes", () => writeFileSync(join(root, "later"), ""), [join(root, "later")]],
    ["something comes into a directory", () => mkdirSync(join(tree, "sub")), [join(tree, "sub")]],
  ];
  for (const [summary, change, told] of changes) {
    using watcher = new Watcher({ files: [file, join(root, "later")], directories: [tree] });
    const changed = watcher.changed(AbortSignal.timeout(10_000));
    change();
    assert.deepEqual(await changed, told, summary);
  }
});

test("what nobody watches is not told; waiting ends with the signal", async (t) => {
  const root = temporaryDirectory(t);
  using watcher = new Watcher({ files: [join(root, "file"), join(root, "gone", "file")], directories: [] });
  writeFileSync(join(root, "other"), "");
  const abort = new AbortController();
  const changed = watcher.changed(abort.signal);
  await sleep(150, never);
  abort.abort(new Error("enough"));
  await assert.rejects(changed, /enough/);
});

test("what was settled is not told, however long ago it was written", async (t) => {
  const directory = temporaryDirectory(t);
  const [own, other] = ["own", "other"].map((name) => join(directory, name)) as [string, string];
  using watcher = new Watcher({ files: [own, other], directories: [] });
  writeFileSync(own, "written by the caller");
  await new Promise((resolve) => setTimeout(resolve, 200));
  watcher.settle(own);
  const changed = watcher.changed(new AbortController().signal);
  const none = new Promise((resolve) => setTimeout(resolve, 200, "nothing"));
  assert.equal(await Promise.race([changed, none]), "nothing");
  writeFileSync(other, "changed");
  assert.deepEqual(await changed, [other]);
});
