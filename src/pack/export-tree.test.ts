import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/kit/context.ts";
import { makeTree, storeTree } from "../../test/kit/trees.ts";
import { writeTreeTar } from "./export-tree.ts";

const SIGNAL = new AbortController().signal;

test("a tree is one tar that GNU tar reads, with owners, modes and links", async (t) => {
  const folder = temporaryDirectory(t);
  const tree = storeTree(
    makeTree({
      "bin/su": { text: "x".repeat(1000), mode: 0o4755, uid: 1, gid: 2 },
      "bin/link": { target: "su" },
      "etc/": { mode: 0o700 },
      "etc/émile": "bytes",
      [`long/${"name/".repeat(40)}file`]: "deep",
    }),
    join(folder, "store"),
  );
  const chunks: Buffer[] = [];
  const output = { write: async (bytes: Uint8Array) => void chunks.push(Buffer.from(bytes)) };
  const length = await writeTreeTar(tree, 1, output as never, SIGNAL);
  const bytes = Buffer.concat(chunks);
  assert.equal(length, bytes.length);
  assert.equal(length % 512, 0);
  const file = join(folder, "root.tar");
  writeFileSync(file, bytes);
  const listed = execFileSync("tar", ["--numeric-owner", "-tvf", file], {
    encoding: "utf8",
    env: { TZ: "UTC" },
  });
  assert.match(listed, /^-rwsr-xr-x 1\/2 +1000 1970-01-01 00:00 bin\/su$/m);
  assert.match(listed, /^l.* bin\/link -> su$/m);
  assert.match(listed, /^drwx------ .* etc\/$/m);
  assert.equal(
    execFileSync("tar", ["-xOf", file, `long/${"name/".repeat(40)}file`], { encoding: "utf8" }),
    "deep",
  );
});

test("writing ends when it is aborted", async () => {
  const output = { write: async () => {} };
  await assert.rejects(
    writeTreeTar(makeTree({ a: "" }), 1, output as never, AbortSignal.abort(new Error("stop"))),
    /stop/,
  );
});
