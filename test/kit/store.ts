// Stores for tests: in a directory that goes with the test, with paths that refer to each other.

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { computeHash } from "../../src/formats/nix/hash.ts";
import { computeContentAddressedPath, computeOutputPath } from "../../src/formats/nix/store-path.ts";
import type { PathInfo } from "../../src/model/path-info.ts";
import type { StorePath } from "../../src/model/store-path.ts";
import { removeTree } from "../../src/platform/directories.ts";
import { LocalStore } from "../../src/platform/store/local-store.ts";
import { temporaryDirectory } from "./context.ts";

/** A directory whose trees go with the test, read-only ones too. */
export function storeRoot(t: TestContext): string {
  const root = join(temporaryDirectory(t), "store");
  t.after(() => void removeTree(root));
  return root;
}

/** A store of its own. */
export function makeStore(t: TestContext, root: string = storeRoot(t)): LocalStore {
  const store = new LocalStore(root);
  t.after(() => store[Symbol.dispose]());
  return store;
}

/** Files of a tree by their paths: text, or a directory of more. */
export interface Files {
  readonly [name: string]: string | Files;
}

/** Writes files; names that begin with `!` can be executed. */
export function writeFiles(directory: string, files: Files): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const place = join(directory, name.replace(/^!/, ""));
    if (typeof content !== "string") writeFiles(place, content);
    else {
      writeFileSync(place, content);
      chmodSync(place, name.startsWith("!") ? 0o755 : 0o644);
    }
  }
}

/** Adds what a build might have made; whatever it mentions of `candidates`, and itself, it refers to. */
export async function addBuilt(
  store: LocalStore,
  name: string,
  files: Files | ((path: StorePath) => Files),
  candidates: readonly StorePath[] = [],
): Promise<PathInfo> {
  const path = computeOutputPath(name, "out", computeHash("sha256", name));
  const staged = store.stage({ path });
  writeFiles(staged, typeof files === "function" ? files(path) : files);
  store.canonicalise(staged);
  const facts = await store.scan(staged, [...candidates, path], new AbortController().signal);
  const info: PathInfo = { path, ...facts, signatures: [], ultimate: true };
  store.register([{ info, staged }]);
  return info;
}

/** A path that is in no store. */
export const ABSENT: StorePath = computeContentAddressedPath("absent", {
  method: "recursive",
  hash: computeHash("sha256", "absent"),
});
