import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { listStaleTemporaries, makePrivateDirectory, removeTree } from "./directories.ts";
import { temporaryName } from "./disk.ts";

test("a private directory is this user's alone, whatever the umask", (t) => {
  const path = join(temporaryDirectory(t), "d");
  const umask = process.umask(0);
  makePrivateDirectory(path);
  process.umask(umask);
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test("a tree goes even when its directories are closed", (t) => {
  const root = join(temporaryDirectory(t), "d");
  mkdirSync(join(root, "a/b"), { recursive: true });
  writeFileSync(join(root, "a/b/f"), "");
  chmodSync(join(root, "a/b"), 0);
  chmodSync(join(root, "a"), 0o500);
  assert.equal(removeTree(root), true);
  assert.equal(existsSync(root), false);
  assert.equal(removeTree(root), true, "what is not there is gone");
});

test("temporaries of dead processes are found, those of living ones are not", (t) => {
  const directory = temporaryDirectory(t);
  const { pid } = spawnSync("/bin/true");
  const dead = join(directory, `.run.${pid}.0123456789ab.tmp`);
  for (const path of [dead, temporaryName(join(directory, "run")), join(directory, "other")]) mkdirSync(path);
  assert.deepEqual(listStaleTemporaries(directory), [dead]);
});
