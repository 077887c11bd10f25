// tare store, as users run it.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { type CliOptions, tare, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { ABSENT, makeStore, storeRoot, writeFiles } from "../kit/store.ts";

test("paths go in, are looked at, checked, shared, moved and collected", (t) => {
  const cwd = temporaryDirectory(t);
  const root = storeRoot(t);
  const options: CliOptions = { cwd, env: { TARE_STORE: root } };
  writeFiles(cwd, { "my data": { a: "a", b: "a" }, "plain.txt": "text" });
  writeFileSync(join(cwd, "image.ts"), "");

  const missing = tare(["store", "ls"], options);
  assert.match(missing.stderr, /STORE_MISSING/);
  assert.equal(missing.status, 1);
  const [path] = tareJson<string[]>(
    ["store", "add", "my data", "--name", "data", "--root", "result"],
    options,
  );
  assert.match(path!, /^\/nix\/store\/[0-9a-z]{32}-data$/);
  const [flat] = tareJson<string[]>(["store", "add", "--flat", "--hash", "sha1", "plain.txt"], options);

  assert.match(tare(["store", "ls"], options).stdout, /\d+ B {2}\/nix\/store\/.*-data\n/);
  const [info] = tareJson<{ path: string; narHash: string; ca: string; closureSize: number }[]>(
    ["store", "info", flat!],
    options,
  );
  assert.match(info!.ca, /^fixed:sha1:/);
  assert.match(info!.narHash, /^sha256-/);
  assert.match(tare(["store", "info", `${root}${path}/a`], options).stdout, /NAR hash {6}sha256-/);
  assert.match(tare(["store", "info", "nothing"], options).stderr, /BAD_ARGUMENT/);
  assert.match(tare(["store", "info", ABSENT], options).stderr, /STORE_PATH_MISSING/);
  assert.equal(tareJson<{ linked: number }>(["store", "optimise"], options).linked, 1);
  assert.equal(tareJson<{ checked: number }>(["store", "verify"], options).checked, 2);
  assert.deepEqual(tareJson(["store", "why-depends", path!, path!], options), []);

  const key = tare(["store", "generate-key", "cache-1", "--out", "key"], options);
  assert.match(key.stdout, /^cache-1:\S{44}\n$/);
  const url = pathToFileURL(join(cwd, "cache")).href;
  assert.match(tare(["store", "push", url, "image.ts", "--key", "key"], options).stderr, /NO_ROOTS/);
  {
    using store = makeStore(t, root);
    store.gcRoots.set(join(cwd, "image.ts"), [path as never]);
  }
  const pushed = tareJson<{ pushed: string[] }>(["store", "push", url, "image.ts", "--key", "key"], options);
  assert.deepEqual(pushed.pushed, [path]);
  assert.ok(existsSync(join(cwd, "cache", `${path!.slice(11, 43)}.narinfo`)));

  assert.equal(tare(["store", "export", path!, "-o", "stream"], options).status, 0);
  const other: CliOptions = { cwd, env: { TARE_STORE: storeRoot(t) } };
  assert.deepEqual(tareJson(["store", "import", "stream"], other), [path]);
  assert.match(tare(["store", "import", "none"], other).stderr, /BAD_ARGUMENT/);
  assert.equal(
    tare(["store", "ls", "--store", other.env!["TARE_STORE"]!], options).stdout.split("\n").length,
    3,
  );
  const piped = tare(["store", "import"], { ...other, input: "garbage of more than eight bytes" });
  assert.match(piped.stderr, /EXPORT_INVALID/);

  writeFileSync(join(root, "nix/store", "left-over"), "");
  assert.match(
    tare(["store", "gc", "--dry-run"], options).stdout,
    /would remove .*-plain\.txt[\s\S]*1 path to remove; 1 kept/,
  );
  assert.match(tare(["store", "gc", "--max", "1x"], options).stderr, /such as 500M/);
  assert.match(
    tare(["store", "gc"], options).stdout,
    /removed the leftover left-over\n1 path removed, .* freed; 1 kept/,
  );
  assert.equal(readFileSync(join(root, path!, "a"), "utf8"), "a");
});

test("damage is told by the exit status, and repaired", (t) => {
  const cwd = temporaryDirectory(t);
  const root = storeRoot(t);
  const options: CliOptions = { cwd, env: { TARE_STORE: root } };
  writeFiles(cwd, { file: "text" });
  const [path] = tareJson<string[]>(["store", "add", "file"], options);
  writeFileSync(join(root, path!), "TEXT");
  const verified = tare(["store", "verify", "--json"], options);
  assert.deepEqual([verified.status, JSON.parse(verified.stdout).problems[0].kind], [1, "changed"]);
  assert.match(tare(["store", "verify", "--repair"], options).stdout, /^removed \/nix\/store\/.*-file$/m);
  assert.match(tare(["store", "ls"], options).stdout, /^0 paths/);
});

test("every subcommand has help with its options", () => {
  for (const name of "ls info why-depends verify gc optimise add export import push generate-key".split(
    " ",
  )) {
    const { status, stdout } = tare(["store", name, "--help"]);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`Usage: tare store ${name}`));
    assert.match(stdout, /--json/);
  }
});
