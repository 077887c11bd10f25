import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeNar } from "../../formats/nix/nar-writer.ts";
import type { StorePath } from "../../model/store-path.ts";
import { removeTree } from "../directories.ts";
import { StoreError } from "./errors.ts";
import { LocalStore } from "./local-store.ts";

const directory = mkdtempSync(join(tmpdir(), "tare-store-"));
after(() => removeTree(directory));
const signal = new AbortController().signal;

function makeSource(): string {
  const source = mkdtempSync(join(directory, "source-"));
  mkdirSync(join(source, "bin"));
  writeFileSync(join(source, "bin/run"), "#!/bin/sh\n");
  chmodSync(join(source, "bin/run"), 0o4775);
  writeFileSync(join(source, "left-out"), "x");
  symlinkSync("bin/run", join(source, "link"));
  return source;
}

test("a source is added by its content: its modes, times and name are the store's, and what was left out is not there", async () => {
  using store = new LocalStore(join(directory, "a"));
  const path = await store.addSource("app", makeSource(), { include: ["bin", "bin/run", "link"], signal });
  const place = store.physicalPath(path);
  assert.equal(readFileSync(join(place, "link"), "utf8"), "#!/bin/sh\n");
  assert.equal(lstatSync(join(place, "bin/run")).mode & 0o7777, 0o555);
  assert.equal(lstatSync(join(place, "link")).mtimeMs, 1000);
  assert.throws(() => lstatSync(join(place, "left-out")));
  assert.equal(
    await store.addSource("app", makeSource(), { include: ["bin", "bin/run", "link"], signal }),
    path,
  );
  assert.notEqual(await store.addSource("app", makeSource(), { signal }), path);
  assert.deepEqual(store.query(path).references, []);
});

test("a NAR with another hash than was promised leaves nothing", async () => {
  using store = new LocalStore(join(directory, "b"));
  const chunks: Uint8Array[] = [];
  writeNar(
    { entries: [] },
    () => [],
    (bytes) => chunks.push(Buffer.from(bytes)),
  );
  const narSize = Buffer.concat(chunks).length;
  const info = {
    path: `/nix/store/${"0".repeat(32)}-x` as StorePath,
    narHash: "0".repeat(64),
    narSize,
    references: [],
    signatures: [],
    ultimate: false,
  };
  await assert.rejects(
    store.addNar(info, chunks),
    (error) => error instanceof StoreError && error.code === "STORE_HASH_MISMATCH",
  );
  assert.equal(store.isValid(info.path), false);
  assert.throws(() => lstatSync(store.physicalPath(info.path)));
  assert.throws(
    () => store.query(info.path),
    (error) => error instanceof StoreError && error.code === "STORE_PATH_MISSING",
  );
});

test("what a killed process left at a path is replaced; what is valid stays", async () => {
  using store = new LocalStore(join(directory, "c"));
  const source = makeSource();
  const path = await store.computeSource("app", source, { signal });
  mkdirSync(store.physicalPath(path));
  writeFileSync(join(store.physicalPath(path), "half"), "");
  assert.equal(await store.addSource("app", source, { signal }), path);
  assert.throws(() => lstatSync(join(store.physicalPath(path), "half")));
  rmSync(source, { recursive: true });
});
