// tare cache: what is there is told, what is idle is removed, and the next build makes the same image again.

import assert from "node:assert/strict";
import { lstatSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { prepareBuildRoot } from "../../src/build/root.ts";
import { trimFolder } from "../../src/platform/cache-entries.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { makeProject } from "../kit/project.ts";
import { makeTree } from "../kit/trees.ts";

interface Folder {
  readonly folder: string;
  readonly entries: number;
  readonly size: number;
}

const DAY = 86_400;

test("a pruned cache costs time, and changes nothing", async (t) => {
  const project = await makeProject(t);
  const json = <T>(...args: string[]): T => {
    const result = project.tare([...args, "--json"]);
    assert.equal(result.status, 0, result.stderr);
    return JSON.parse(result.stdout) as T;
  };
  const { digest } = json<{ digest: string }>("build");
  const { directory, folders } = json<{ directory: string; folders: Folder[] }>("cache");
  const names = folders.map(({ folder }) => folder);
  for (const name of ["downloads", "trees", "blobs", "builds"]) assert.ok(names.includes(name), name);
  const blobs = join(directory, "blobs");
  assert.equal(folders.find(({ folder }) => folder === "blobs")!.entries, readdirSync(blobs).length);

  const idle = readdirSync(blobs)[0]!;
  const longAgo = Date.now() / 1000 - 40 * DAY;
  utimesSync(join(blobs, idle), longAgo, longAgo);
  const asked = json<{ removed: Folder[] }>("cache", "prune", "--dry-run");
  assert.deepEqual(
    asked.removed.map(({ folder, entries }) => [folder, entries]),
    [["blobs", 1]],
  );
  assert.ok(readdirSync(blobs).includes(idle), "a dry run removes nothing");
  json("cache", "prune");
  assert.ok(!readdirSync(blobs).includes(idle));
  assert.equal(json<{ digest: string }>("build").digest, digest);

  json("cache", "prune", "--older-than", "0d");
  assert.deepEqual(
    json<{ folders: Folder[] }>("cache").folders.filter(({ folder }) => folder !== "compile"),
    [],
  );
  assert.equal(json<{ digest: string }>("build", "-o", "oci:again.oci").digest, digest);
});

test("a time that is none is refused", async (t) => {
  const project = await makeProject(t);
  const result = project.tare(["cache", "prune", "--older-than", "soon"]);
  assert.equal(result.status, 2);
  assert.match(result.stderr, /such as 12h, 30d or 8w/);
});

test("a root that was just made is not taken for an old one", async (t) => {
  const context = testContext(t);
  const now = Date.now() / 1000;
  for (let i = 0; i < 20; i++) {
    const path = context.cache.path("roots", `old-${i}`);
    mkdirSync(path);
    utimesSync(path, now - 7200 - i, now - 7200 - i);
  }
  const made: string[] = [];
  for (const name of ["first", "second"]) {
    const { entries } = makeTree({ "usr/": {}, "usr/file": name });
    made.push(await prepareBuildRoot(name, async () => entries, context));
  }
  for (const path of made) assert.ok(lstatSync(join(path, "usr/file")).isFile(), path);
  const left = readdirSync(context.cache.path("roots", "")).sort();
  assert.equal(left.length, 16);
  assert.ok(left.includes("old-13") && !left.includes("old-14"), left.join(" "));
});

test("of roots the last used stay, and those that were used just now", (t) => {
  const cache = temporaryDirectory(t);
  const now = Date.now() / 1000;
  const idleHours = { a: 0, b: 5, c: 3, d: 9, e: 0.5 };
  for (const [name, hours] of Object.entries(idleHours)) {
    mkdirSync(join(cache, "roots", name, "usr/bin"), { recursive: true });
    writeFileSync(join(cache, "roots", name, "usr/bin/sh"), name);
    utimesSync(join(cache, "roots", name), now - hours * 3600, now - hours * 3600);
  }
  trimFolder(cache, "roots", { keep: 1, idleSeconds: 4 * 3600 });
  assert.deepEqual(readdirSync(join(cache, "roots")).sort(), ["a", "c", "e"]);
  trimFolder(cache, "roots", { keep: 2, idleSeconds: 60 });
  assert.deepEqual(readdirSync(join(cache, "roots")).sort(), ["a", "e"]);
  assert.ok(lstatSync(join(cache, "roots/a/usr/bin/sh")).isFile());
});
