// Stores, caches and streams against Debian's nix-bin: what either writes the other reads, and paths are equal.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { parsePublicKey } from "../../src/formats/nix/signature.ts";
import { STORE_DIR, type StorePath } from "../../src/model/store-path.ts";
import { source } from "../../src/sources/nix/index.ts";
import { substitute } from "../../src/sources/nix/substitute.ts";
import { exportPaths, importPaths } from "../../src/store/export.ts";
import { collectGarbage } from "../../src/store/gc.ts";
import { generateKeyFile, readKeyFile } from "../../src/store/keys.ts";
import { optimiseStore } from "../../src/store/optimise.ts";
import { pushPaths } from "../../src/store/push.ts";
import { verifyStore } from "../../src/store/verify.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { addBuilt, makeStore, storeRoot, writeFiles } from "../kit/store.ts";
import { skipWithout } from "../kit/tools.ts";

const signal = new AbortController().signal;

/** Runs a program of Nix without a daemon, in a home of its own. */
function nix(t: TestContext, program: string, args: readonly string[], input?: Uint8Array): Buffer {
  const home = temporaryDirectory(t);
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    XDG_CACHE_HOME: home,
    NIX_REMOTE: "",
    NIX_CONFIG: NIX_CONFIG,
  };
  const result = spawnSync(program, args, { env, input, maxBuffer: 1 << 28, timeout: 60_000 });
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${result.error ?? result.stderr}`);
  return result.stdout;
}
const NIX_CONFIG =
  "experimental-features = nix-command\nsandbox = false\nsubstituters =\nbuild-users-group =\n";
const at = (root: string) => ["--store", `local?root=${root}`];
const text = (bytes: Buffer) => bytes.toString("utf8").trim();

function makeSource(t: TestContext): string {
  const source = join(temporaryDirectory(t), "source");
  writeFiles(source, {
    "!run": "#!/bin/sh\n",
    a: { b: "b", "b-c": "", empty: {} },
    "large.bin": "x".repeat(100_000),
  });
  symlinkSync("a/b", join(source, "link"));
  symlinkSync("nowhere", join(source, "dangling"));
  writeFileSync(Buffer.from(`${source}/\xff\xc3\xa4 name`, "latin1"), "strange");
  return source;
}

/** Three paths that refer to each other, and a source. */
async function fill(t: TestContext, store: ReturnType<typeof makeStore>) {
  const base = await addBuilt(store, "base", { data: "base" });
  const lib = await addBuilt(store, "lib", (own) => ({ lib: { so: `${base.path} ${own}` } }), [base.path]);
  const app = await addBuilt(store, "app", { bin: { "!app": lib.path } }, [lib.path, base.path]);
  const source = await store.addSource("source", makeSource(t), { signal });
  return {
    app: app.path,
    lib: lib.path,
    base: base.path,
    source,
    all: [app.path, base.path, lib.path, source].sort(),
  };
}

const described = (store: ReturnType<typeof makeStore>, paths: readonly StorePath[]) =>
  paths.map((path) => {
    const { narHash, narSize, references } = store.query(path);
    return { path, narHash, narSize, references };
  });

test("trees added by both are equal store paths", async (t) => {
  if (skipWithout(t, "nix-store")) return;
  const source = makeSource(t);
  const root = storeRoot(t);
  using store = makeStore(t);
  const added = await store.addSource("source", source, { signal });
  assert.equal(added, text(nix(t, "nix-store", [...at(root), "--add", source])));
  for (const algorithm of ["sha256", "sha512", "sha1", "md5"] as const) {
    // Of one that can be executed Nix 2.8 keeps that, though its address does not say so.
    const file = join(source, "large.bin");
    const flat = await store.addSource("large.bin", file, { signal, algorithm, method: "flat" });
    assert.equal(flat, text(nix(t, "nix-store", [...at(root), "--add-fixed", algorithm, file])));
    const tree = await store.addSource("source", source, { signal, algorithm });
    assert.equal(
      tree,
      text(nix(t, "nix-store", [...at(root), "--add-fixed", "--recursive", algorithm, source])),
    );
  }
  using theirs = makeStore(t, root);
  assert.deepEqual(
    described(
      store,
      store.database.all().map(({ path }) => path),
    ),
    described(
      theirs,
      theirs.database.all().map(({ path }) => path),
    ),
  );
  assert.deepEqual((await verifyStore(theirs, { repair: false }, testContext(t))).problems, []);
});

test("Nix opens our store, verifies it, and adds to it", async (t) => {
  if (skipWithout(t, "nix-store", "nix")) return;
  const root = storeRoot(t);
  const store = makeStore(t, root);
  const { app, all } = await fill(t, store);
  await optimiseStore(store, testContext(t));
  nix(t, "nix-store", [...at(root), "--verify", "--check-contents"]);
  assert.deepEqual(
    text(nix(t, "nix", ["path-info", ...at(root), "--all"]))
      .split("\n")
      .sort(),
    all,
  );
  const infos = JSON.parse(text(nix(t, "nix", ["path-info", ...at(root), "--json", "-r", app]))) as {
    path: StorePath;
    narSize: number;
    narHash: string;
    references: StorePath[];
  }[];
  assert.deepEqual(
    infos
      .map(({ path, narSize, narHash, references }) => {
        const hash = Buffer.from(narHash.replace("sha256-", ""), "base64").toString("hex");
        return { path, narHash: hash, narSize, references: references.sort() };
      })
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    described(
      store,
      all.filter((path) => !path.endsWith("-source")),
    ),
  );
  const added = text(nix(t, "nix-store", [...at(root), "--add", makeSource(t)])) as StorePath;
  assert.ok(store.isValid(added));
  // Nix finds nothing to link that we have not linked.
  const links = () => readdirSync(join(root, STORE_DIR, ".links")).length;
  const before = links();
  nix(t, "nix-store", [...at(root), "--optimise"]);
  assert.equal((await optimiseStore(store, testContext(t))).linked, 0);
  assert.ok(links() >= before);
  assert.deepEqual((await verifyStore(store, { repair: false }, testContext(t))).problems, []);
});

test("Nix collects what our roots do not keep, and we what Nix's do not", async (t) => {
  if (skipWithout(t, "nix-store")) return;
  const root = storeRoot(t);
  const image = join(temporaryDirectory(t), "image.ts");
  writeFileSync(image, "");
  let paths: Awaited<ReturnType<typeof fill>>;
  {
    using store = makeStore(t, root);
    paths = await fill(t, store);
    store.gcRoots.set(image, [paths.lib]);
  }
  nix(t, "nix-store", [...at(root), "--gc"]);
  using store = makeStore(t, root);
  assert.deepEqual(
    store.database.all().map(({ path }) => path),
    [paths.base, paths.lib].sort(),
  );
  const { removed } = await collectGarbage(store, { dryRun: true }, testContext(t));
  assert.deepEqual(removed, []);
});

describe("a cache that either writes the other reads", () => {
  for (const compression of ["zstd", "xz", "none"] as const) {
    test(`ours, ${compression}`, async (t) => {
      if (skipWithout(t, "nix")) return;
      using store = makeStore(t);
      const { app, source, all } = await fill(t, store);
      // Several frames.
      const large = await addBuilt(store, "large", { text: `${app}\n`.repeat(400_000) }, [app]);
      const cache = join(temporaryDirectory(t), "cache");
      const key = join(temporaryDirectory(t), "key");
      const publicKey = generateKeyFile("tare-test-1", key);
      const options = { key: readKeyFile(key), compression, listings: false };
      const url = pathToFileURL(cache).href;
      await pushPaths([large.path, source], url, store, options, testContext(t));
      const target = storeRoot(t);
      const args = ["copy", "--from", url, "--to", `local?root=${target}`];
      assert.throws(() => nix(t, "nix", [...args, large.path]), /lacks a valid signature/);
      nix(t, "nix", [...args, "--option", "trusted-public-keys", publicKey, large.path, source]);
      nix(t, "nix-store", [...at(target), "--verify", "--check-contents"]);
      using theirs = makeStore(t, target);
      assert.deepEqual(described(theirs, [...all, large.path]), described(store, [...all, large.path]));
    });
  }

  for (const compression of ["zstd", "xz", "gzip", "bzip2", "br", "none"] as const) {
    test(`Nix's, ${compression}`, async (t) => {
      if (skipWithout(t, "nix")) return;
      const root = storeRoot(t);
      const store = makeStore(t, root);
      const { app, source, all } = await fill(t, store);
      const cache = join(temporaryDirectory(t), "cache");
      const keys = temporaryDirectory(t);
      const [secret, publicKey] = [join(keys, "secret"), join(keys, "public")];
      nix(t, "nix-store", ["--generate-binary-cache-key", "nix-test-1", secret, publicKey]);
      const url = pathToFileURL(cache).href;
      const to = `${url}?compression=${compression}&secret-key=${secret}`;
      nix(t, "nix", ["copy", "--from", `local?root=${root}`, "--to", to, "--no-check-sigs", app, source]);
      using target = makeStore(t);
      const substituters = { urls: [url], publicKeys: [parsePublicKey(text(nix(t, "cat", [publicKey])))] };
      const valid = await substitute([app, source], target, substituters, testContext(t));
      assert.deepEqual([...valid].sort(), [app, source].sort());
      assert.deepEqual(described(target, all), described(store, all));
    });
  }
});

test("streams of export and import go both ways", async (t) => {
  if (skipWithout(t, "nix-store")) return;
  const root = storeRoot(t);
  const store = makeStore(t, root);
  const { all } = await fill(t, store);
  const chunks: Uint8Array[] = [];
  const output = { write: (bytes: Uint8Array) => void chunks.push(Buffer.from(bytes)) };
  await exportPaths(all, store, output, testContext(t));
  const ours = Buffer.concat(chunks);
  const target = storeRoot(t);
  const imported = text(nix(t, "nix-store", [...at(target), "--import"], ours)).split("\n");
  assert.deepEqual(imported.sort(), all);
  nix(t, "nix-store", [...at(target), "--verify", "--check-contents"]);
  const theirs = nix(t, "nix-store", [...at(target), "--export", ...all]);
  using last = makeStore(t);
  async function* stream() {
    yield theirs;
  }
  assert.deepEqual((await importPaths(stream(), last, signal)).sort(), all);
  assert.deepEqual(described(last, all), described(store, all));
});

test("a store that Nix made is read through its database", async (t) => {
  if (skipWithout(t, "nix-store")) return;
  const root = storeRoot(t);
  const path = text(nix(t, "nix-store", [...at(root), "--add", makeSource(t)])) as StorePath;
  const context = testContext(t);
  const scope = { architecture: "amd64", kind: "store" } as const;
  const section = await source.lock(scope, [path], [root], context);
  const [object] = await source.realise(section, [path], [root], context);
  const files = object!.tree.entries.filter(({ type }) => type === "file").map((entry) => entry.path);
  assert.deepEqual(files, ["a/b", "a/b-c", "large.bin", "run", "\xff\xc3\xa4 name"]);
});

test("nix builds what nix.build() names, and a lock pins its path", async (t) => {
  if (skipWithout(t, "nix")) return;
  const root = storeRoot(t);
  const flake = temporaryDirectory(t);
  const output = (outputs: string) =>
    `derivation { name = "made"; system = "x86_64-linux"; builder = "/bin/sh"; outputs = [ ${outputs} ]; args = [ "-c" "echo made by nix > $out; echo > $dev" ]; }`;
  writeFiles(flake, {
    "flake.nix": `{ outputs = { self }: { one = ${output('"out"').replace("; echo > $dev", "")}; two = ${output('"out" "dev"')}; }; }`,
  });
  const before = process.env["NIX_CONFIG"];
  const home = process.env["HOME"];
  process.env["NIX_CONFIG"] =
    "sandbox = true\nsandbox-paths = /bin /usr /lib /lib64\nsubstituters =\nbuild-users-group =\n";
  process.env["HOME"] = temporaryDirectory(t);
  t.after(() => {
    process.env["HOME"] = home;
    if (before === undefined) delete process.env["NIX_CONFIG"];
    else process.env["NIX_CONFIG"] = before;
  });
  const context = testContext(t);
  const scope = { architecture: "amd64", kind: "store" } as const;
  const name = `build:path:${flake}#one`;
  const section = await source.lock(scope, [name], [root], context);
  const path = section.requests[name]!;
  assert.match(path, /^\/nix\/store\/\w{32}-made$/);
  assert.deepEqual(Object.keys(section.packages), [path]);
  assert.equal(readFileSync(join(root, path), "utf8"), "made by nix\n");
  const missing = source.lock(scope, [`build:path:${flake}#none`], [root], context);
  await assert.rejects(missing, { code: "NIX_BUILD_FAILED", message: /does not provide attribute/ });
});
