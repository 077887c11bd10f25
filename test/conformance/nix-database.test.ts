// The database that an image's own Nix finds, read and verified by Nix itself.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { StorePath } from "../../src/model/store-path.ts";
import type { Tree } from "../../src/model/tree.ts";
import { NixDatabaseError } from "../../src/platform/nix-database.ts";
import { createNixDatabaseLayer, type NixClosure } from "../../src/rootfs/nix-database.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { bytesOf } from "../kit/nix.ts";
import { closureOf, temporaryStore } from "../kit/nix-images.ts";
import { run, skipWithout } from "../kit/tools.ts";

/** The closure of the set `odd`; the store path of its program was asked for. */
function oddClosure(): NixClosure {
  const paths = closureOf("odd");
  return { paths, roots: paths.map(({ path }) => path).filter((path) => path.endsWith("-top-1.0")) };
}

/** Writes a tree of plain files below a directory. */
function writeTree(tree: Tree, root: string): void {
  for (const entry of tree.entries) {
    const place = join(root, entry.path);
    if (entry.type === "directory") mkdirSync(place, { recursive: true });
    else if (entry.type === "symlink") symlinkSync(entry.target, place);
    else writeFileSync(place, bytesOf(entry));
    if (entry.type === "file") chmodSync(place, entry.mode);
  }
}

const databaseOf = (tree: Tree) => {
  const entry = tree.entries.find(({ path }) => path.endsWith("/db.sqlite"));
  assert(entry?.type === "file");
  return bytesOf(entry);
};

test("Nix verifies every path of the image, and knows its references and roots", (t) => {
  if (skipWithout(t, "nix-store")) return;
  const root = temporaryStore(t, "odd");
  const closure = oddClosure();
  writeTree(createNixDatabaseLayer(closure, testContext(t)), root);
  const nixStore = (...args: string[]) => {
    const result = spawnSync("nix-store", ["--store", `local?root=${root}`, ...args], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: root, USER: "nobody" },
    });
    assert.equal(result.status, 0, result.stderr);
    return result;
  };
  const verified = nixStore("--verify", "--check-contents");
  assert.match(verified.stderr, /checking store hashes/);
  assert.doesNotMatch(verified.stderr, /error|disappeared|not valid|modified/i);
  const [top] = closure.roots;
  assert.deepEqual(
    nixStore("-qR", top!).stdout.trim().split("\n").sort(),
    closure.paths
      .map(({ path }) => path)
      .filter((path) => !/customisation|base\.json/.test(path))
      .sort(),
  );
  // What was not asked for is garbage; the closure of what was is not.
  const dead = nixStore("--gc", "--print-dead")
    .stdout.split("\n")
    .filter((line) => line.startsWith("/"));
  assert(
    dead.every((path) => path.includes("customisation") || path.includes("base.json")),
    dead.join(),
  );
});

test("damage in the image is found by Nix, so the hashes are the right ones", (t) => {
  if (skipWithout(t, "nix-store")) return;
  const root = temporaryStore(t, "tiny");
  const paths = closureOf("tiny");
  writeTree(createNixDatabaseLayer({ paths, roots: [] }, testContext(t)), root);
  const file = join(root, paths.find(({ path }) => path.endsWith("-app-0.3"))!.path, "bin/app");
  chmodSync(file, 0o755);
  writeFileSync(file, "changed");
  const { status, stderr } = spawnSync(
    "nix-store",
    ["--store", `local?root=${root}`, "--verify", "--check-contents"],
    { encoding: "utf8", env: { PATH: process.env["PATH"], HOME: root } },
  );
  assert.notEqual(status, 0);
  assert.match(stderr, /app-0\.3' was modified/);
});

test("the database is the same bytes in any order, in another process, and of a plain format", (t) => {
  const closure = oddClosure();
  const context = testContext(t);
  const bytes = databaseOf(createNixDatabaseLayer(closure, context));
  const shuffled = { ...closure, paths: [...closure.paths].reverse() };
  assert.deepEqual(databaseOf(createNixDatabaseLayer(shuffled, context)), bytes);
  const script = `
    import { createHash } from "node:crypto";
    import { createNixDatabaseFile } from "./src/platform/nix-database-file.ts";
    import { closureOf } from "./test/kit/nix-images.ts";
    const paths = closureOf("odd").map((info) => ({ ...info, registrationTime: 1 }));
    console.log(createHash("sha256").update(createNixDatabaseFile(paths, process.argv[1])).digest("hex"));`;
  const other = run(process.execPath, [
    "--input-type=module-typescript",
    "-e",
    script,
    join(temporaryDirectory(t), "db"),
  ]);
  const own = run("sha256sum", ["-"], bytes).split(" ")[0];
  assert.equal(other.trim(), own);
  assert.deepEqual([bytes[18], bytes[19]], [1, 1], "no write-ahead log is wanted");
});

test("a closure with a hole is refused", (t) => {
  const { paths, roots } = oddClosure();
  const holed = paths.filter(({ path }) => !path.endsWith("-libc-2.38"));
  assert.throws(
    () => createNixDatabaseLayer({ paths: holed, roots: roots as StorePath[] }, testContext(t)),
    (error) => error instanceof NixDatabaseError && error.code === "STORE_REFERENCE_MISSING",
  );
});
