import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { makeTree, storeTree } from "../../test/kit/trees.ts";
import type { BytePath } from "../model/bytes.ts";
import { viewEntries, viewRootFileSystem } from "./root-view.ts";

const TREE = makeTree({
  "usr/lib/x/file": "content",
  lib: { target: "usr/lib" },
  "usr/lib/up": { target: "../../usr/./lib//x/" },
  "usr/absolute": { target: "/lib/x" },
  "usr/escape": { target: "../../../../usr/lib/x/file" },
  "usr/dangling": { target: "none/deeper" },
  "usr/through-file": { target: "lib/x/file/more" },
  "loop/a": { target: "b" },
  "loop/b": { target: "a" },
});

for (const [path, expected] of [
  ["/usr/lib/x/file", "found usr/lib/x/file"],
  ["lib/x/file", "found usr/lib/x/file"],
  ["/lib/up/file", "found usr/lib/x/file"],
  ["/usr/absolute/../x", "found usr/lib/x"],
  ["/../../usr/escape", "found usr/lib/x/file"],
  ["/", "found "],
  ["/usr/dangling", "missing usr/none usr/none/deeper"],
  ["/usr/dangling/x", "missing usr/none usr/none/deeper/x"],
  ["/usr/dangling/../../y", "missing usr/none usr/y"],
  ["/usr/through-file", "missing usr/lib/x/file/more usr/lib/x/file/more"],
  ["/nothing/at/all", "missing nothing nothing/at/all"],
  ["/loop/a", "circular"],
] as const) {
  test(`"${path}" is ${expected}`, () => {
    using view = viewEntries(TREE.entries);
    const found = view.lookup(path);
    const rest = found.kind === "missing" ? ` ${found.wanted}` : "";
    assert.equal(found.kind === "circular" ? found.kind : `${found.kind} ${found.path}${rest}`, expected);
    assert.deepEqual(view.lookup(path), found);
  });
}

test("parents that no entry names are directories", () => {
  using view = viewEntries(TREE.entries);
  assert.equal(view.entries.get("usr/lib" as BytePath)?.type, "directory");
  assert.equal(view.entries.get("" as BytePath)?.type, "directory");
  assert.deepEqual(view.names("" as BytePath), ["lib", "loop", "usr"]);
  assert.deepEqual(view.names("usr/lib" as BytePath), ["up", "x"]);
  assert.deepEqual(view.names("none" as BytePath), []);
});

test("bytes come from memory and from archives alike, in the order of the disk", (t) => {
  const tree = makeTree({ b: "second in the archive", a: "first in the archive", c: "third" });
  const stored = storeTree(tree, join(temporaryDirectory(t), "archive"));
  const [kept, ...others] = makeTree({ d: "in memory" }).entries;
  assert.deepEqual(others, []);
  const merged = new Map([...stored.entries].reverse().map((entry) => [entry.path, entry]));
  merged.set(kept!.path, kept!);
  using view = viewRootFileSystem({ merged });
  assert.deepEqual(
    view.filesByStorage().map(({ path }) => path),
    ["d", "a", "b", "c"],
  );
  const target = Buffer.alloc(7);
  view.readInto(view.findFile("/b")!, 14, target);
  assert.equal(target.toString(), "archive");
  assert.equal(view.readSmall("/d", 100)?.toString(), "in memory");
  assert.equal(view.readSmall("/d", 3), undefined);
  assert.equal(view.readSmall("/none", 3), undefined);
});
