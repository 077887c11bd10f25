// What every command waits for before it can begin: loading a package with a hundred modules takes longer than building
// an image of which one line has changed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const SRC = join(import.meta.dirname, "../../src");
/** Imports and exports that are loaded with the file; not types, and not `import()`. */
const LOADED = /^(?:import|export) (?!type )(?:[^;"]*? from )?"(?<name>[^"]+)"/gm;

/** The packages that are loaded with a file of src/, each with the file that imports it. */
function loadedPackages(start: string): string[] {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const pending = [join(SRC, start)];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const { groups } of readFileSync(file, "utf8").matchAll(LOADED)) {
      const name = groups!["name"]!;
      if (name.startsWith(".")) pending.push(resolve(dirname(file), name));
      else if (!name.startsWith("node:")) packages.add(`${name} by ${relative(SRC, file)}`);
    }
  }
  return [...packages].sort();
}

test("image.ts loads no packages but a small one, however many kinds of application there are", () => {
  assert.deepEqual(loadedPackages("index.ts"), ["ignore by evaluate/source-path.ts"]);
});

test("a push loads nothing but Tare and Node", () => {
  assert.deepEqual(loadedPackages("deliver/push.ts"), []);
  assert.deepEqual(loadedPackages("platform/registry/client.ts"), []);
});

test("the packages that a file loads are found", () => {
  assert.ok(loadedPackages("evaluate/apps/rust-binary.ts").some((one) => one.startsWith("zod by ")));
});
