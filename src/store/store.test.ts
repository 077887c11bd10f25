import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { temporaryDirectory, testContext } from "../../test/kit/context.ts";
import { ABSENT, addBuilt, makeStore, storeRoot, writeFiles } from "../../test/kit/store.ts";
import { EXPORT_END, EXPORT_PATH_BEGIN, formatExportedPath } from "../formats/nix/export.ts";
import { parseNarInfo, validSignatures } from "../formats/nix/narinfo.ts";
import { parsePublicKey } from "../formats/nix/signature.ts";
import { hashPart, STORE_DIR, type StorePath, storeBaseName } from "../model/store-path.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { exportPaths, importPaths } from "./export.ts";
import { collectGarbage } from "./gc.ts";
import { generateKeyFile, readKeyFile } from "./keys.ts";
import { optimiseStore } from "./optimise.ts";
import { pushPaths } from "./push.ts";
import { verifyStore } from "./verify.ts";
import { explainDependency } from "./why-depends.ts";

const signal = new AbortController().signal;
const fails = (code: string, message?: RegExp) => (error: unknown) => {
  const { code: actual, message: text } = error as Error & { code?: string };
  assert.equal(actual, code, (error as Error).stack);
  assert.match(text, message ?? /^Cannot /);
  return true;
};

/** app → lib → base, and other; nothing is kept. */
async function fill(store: LocalStore) {
  const base = await addBuilt(store, "base", { data: "base\n", same: "the same bytes" });
  const lib = await addBuilt(store, "lib", { lib: { "lib.so": `xx${base.path}` }, same: "the same bytes" }, [
    base.path,
  ]);
  const app = await addBuilt(
    store,
    "app",
    (own) => ({
      bin: { "!app": `#!/bin/sh\n${lib.path}/lib\n${own}` },
      also: lib.path,
      "!same": "the same bytes",
    }),
    [base.path, lib.path],
  );
  const other = await addBuilt(store, "other", { text: "other" });
  return { base: base.path, lib: lib.path, app: app.path, other: other.path };
}

describe("garbage collection", () => {
  /** Collects with a store of its own, as another process would: what `store` itself uses is kept. */
  const collect = async (t: TestContext, root: string, options: { dryRun?: boolean; max?: number } = {}) =>
    collectGarbage(makeStore(t, root), { dryRun: false, ...options }, testContext(t));
  const names = (paths: readonly { readonly path: StorePath }[]) => paths.map(({ path }) => path.slice(44));

  test("what an open store uses stays; then what roots keep, with all that it refers to", async (t) => {
    const root = storeRoot(t);
    const owner = join(temporaryDirectory(t), "image.ts");
    writeFileSync(owner, "");
    let paths: Awaited<ReturnType<typeof fill>>;
    {
      using store = makeStore(t, root);
      paths = await fill(store);
      assert.deepEqual((await collect(t, root)).removed, []);
      store.gcRoots.set(owner, [paths.lib]);
      assert.deepEqual(store.gcRoots.of(owner), [paths.lib]);
    }
    const dry = await collect(t, root, { dryRun: true });
    assert.deepEqual([names(dry.removed).sort(), dry.freed, dry.kept], [["app", "other"], undefined, 2]);
    assert.ok(existsSync(join(root, paths.app)));
    const result = await collect(t, root);
    assert.deepEqual(names(result.removed).sort(), ["app", "other"]);
    assert.ok(result.freed! > 0 && !existsSync(join(root, paths.app)) && existsSync(join(root, paths.base)));
    rmSync(owner);
    // References go after what refers to them.
    assert.deepEqual(names((await collect(t, root)).removed), ["lib", "base"]);
    assert.deepEqual(readdirSync(join(root, STORE_DIR)), []);
    assert.deepEqual(readdirSync(join(root, "nix/var/nix/gcroots/tare")), []);
  });

  test("links of Nix and of the user's own keep paths", async (t) => {
    const root = storeRoot(t);
    const link = join(temporaryDirectory(t), "result");
    let paths: Awaited<ReturnType<typeof fill>>;
    {
      using store = makeStore(t, root);
      paths = await fill(store);
      store.gcRoots.addLink(link, paths.base);
      symlinkSync(paths.other, join(root, "nix/var/nix/gcroots/mine"));
      mkdirSync(join(root, "nix/var/nix/profiles"));
      symlinkSync(`${root}${paths.lib}`, join(root, "nix/var/nix/profiles/one"));
    }
    assert.deepEqual(names((await collect(t, root)).removed), ["app"]);
    rmSync(join(root, "nix/var/nix/profiles/one"));
    rmSync(link);
    assert.deepEqual(names((await collect(t, root)).removed), ["lib", "base"]);
  });

  test("stops when enough is chosen, and takes what killed processes left", async (t) => {
    const root = storeRoot(t);
    {
      using store = makeStore(t, root);
      await fill(store);
    }
    const left = join(root, ABSENT);
    writeFiles(left, { dir: { file: "x" } });
    chmodSync(join(left, "dir"), 0o555);
    const { removed, leftovers } = await collect(t, root, { max: 1 });
    assert.deepEqual([removed.length, leftovers], [1, [storeBaseName(ABSENT)]]);
    assert.ok(!existsSync(left));
  });

  test("takes what was kept of failed builds", async (t) => {
    const root = storeRoot(t);
    using store = makeStore(t, root);
    const kept = store.failedPlace("app");
    writeFiles(kept, { dir: { file: "x" } });
    chmodSync(join(kept, "dir"), 0o555);
    assert.deepEqual((await collect(t, root, { dryRun: true })).failed, [kept]);
    assert.ok(existsSync(join(kept, "dir/file")));
    assert.deepEqual((await collect(t, root)).failed, [kept]);
    assert.ok(!existsSync(kept));
    assert.deepEqual((await collect(t, root)).failed, []);
  });
});

describe("verification", () => {
  test("finds what is missing, changed, strange or not canonical, and repairs it", async (t) => {
    using store = makeStore(t);
    const { base, lib, app, other } = await fill(store);
    const context = testContext(t);
    const clean = await verifyStore(store, { repair: false }, context);
    assert.deepEqual([clean.checked, clean.problems], [4, []]);
    const place = (path: StorePath, file: string) => join(store.physicalPath(path), file);
    chmodSync(place(other, "text"), 0o644);
    rmSync(place(lib, "same"), { force: true });
    chmodSync(store.physicalPath(app), 0o755);
    mkdirSync(place(app, "pipe"));
    const found = await verifyStore(store, { repair: false }, context);
    const kinds = found.problems.map(({ path, kind }) => `${path.slice(44)} ${kind}`).sort();
    assert.deepEqual(kinds, ["app changed", "lib changed", "other not-canonical"]);
    rmSync(place(app, "pipe"), { recursive: true });
    const repaired = await verifyStore(store, { repair: true }, context);
    assert.deepEqual(repaired.repaired, [other]);
    // What refers to damage goes as well: it will be made anew.
    assert.deepEqual(repaired.removed, [app, lib].sort());
    assert.equal((await verifyStore(store, { repair: false }, context)).problems.length, 0);
    assert.deepEqual(
      store.database.all().map(({ path }) => path),
      [base, other].sort(),
    );
    rmSync(store.physicalPath(other), { recursive: true });
    utimesSync(place(base, "data"), 5, 5);
    const last = await verifyStore(store, { paths: [base, other], repair: false }, context);
    assert.deepEqual(
      last.problems.map(({ kind }) => kind),
      ["not-canonical", "missing"],
    );
  });

  test("a path whose bytes changed is not read as a tree", async (t) => {
    using store = makeStore(t);
    const { other } = await fill(store);
    chmodSync(join(store.physicalPath(other), "text"), 0o644);
    writeFileSync(join(store.physicalPath(other), "text"), "OTHER");
    await assert.rejects(store.objects([other], testContext(t)), fails("STORE_HASH_MISMATCH"));
  });
});

test("equal files become one; what can be executed stays apart; damage does not spread", async (t) => {
  using store = makeStore(t);
  const { base, lib, app } = await fill(store);
  const context = testContext(t);
  const inode = (path: StorePath) => statSync(join(store.physicalPath(path), "same")).ino;
  const result = await optimiseStore(store, context);
  assert.deepEqual([result.linked, result.saved], [1, 14]);
  assert.equal(inode(base), inode(lib));
  assert.notEqual(inode(base), inode(app));
  assert.equal((await optimiseStore(store, context)).linked, 0);
  assert.equal((await verifyStore(store, { repair: false }, context)).problems.length, 0);
  const links = join(store.root, STORE_DIR, ".links");
  const shared = readdirSync(links).find((name) => lstatSync(join(links, name)).ino === inode(base))!;
  rmSync(join(links, shared));
  writeFileSync(join(links, shared), "not same bytes", { mode: 0o444 });
  assert.equal((await optimiseStore(store, context)).linked, 0);
});

describe("export and import", () => {
  const exported = async (store: LocalStore, paths: readonly StorePath[], t: TestContext) => {
    const chunks: Uint8Array[] = [];
    const output = { write: (bytes: Uint8Array) => void chunks.push(Buffer.from(bytes)) };
    await exportPaths(paths, store, output, testContext(t));
    return Buffer.concat(chunks);
  };
  async function* inPieces(bytes: Buffer, size = 7) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  test("a closure comes as it went", async (t) => {
    using store = makeStore(t);
    const { base, lib, app } = await fill(store);
    const stream = await exported(store, [app, lib, base], t);
    using target = makeStore(t);
    assert.deepEqual(await importPaths(inPieces(stream), target, signal), [base, lib, app]);
    for (const path of [base, lib, app]) {
      const { registrationTime: _, ultimate: __, ...info } = target.query(path);
      assert.deepEqual(info, {
        ...info,
        narHash: store.query(path).narHash,
        references: store.query(path).references,
      });
    }
    assert.equal((await verifyStore(target, { repair: false }, testContext(t))).problems.length, 0);
    assert.deepEqual(await importPaths(inPieces(stream, 1 << 20), target, signal), [base, lib, app]);
  });

  test("hostile streams leave nothing", async (t) => {
    using store = makeStore(t);
    const { base, lib, app } = await fill(store);
    const stream = await exported(store, [base, lib], t);
    using target = makeStore(t);
    const refuses = async (bytes: Buffer, code: string, message?: RegExp) => {
      await assert.rejects(importPaths(inPieces(bytes, 64), target, signal), fails(code, message));
      assert.deepEqual(target.database.all(), []);
      assert.deepEqual(readdirSync(join(target.root, STORE_DIR)), []);
      assert.deepEqual(readdirSync(join(target.root, "nix/var/tare/staging")), []);
    };
    await refuses(await exported(store, [app], t), "IMPORT_REFUSED", /neither in the store nor before it/);
    await refuses(stream.subarray(0, -8), "EXPORT_INVALID");
    await refuses(stream.subarray(0, 300), "EXPORT_INVALID");
    await refuses(Buffer.concat([stream, Buffer.from("x")]), "EXPORT_INVALID");
    await refuses(Buffer.from("garbage, not a stream of paths"), "EXPORT_INVALID");
    // Another tree under a name that the store has.
    const other = await exported(store, [base], t);
    const nar = other.subarray(EXPORT_PATH_BEGIN.length, other.indexOf("NIXE"));
    const lying = Buffer.concat([
      EXPORT_PATH_BEGIN,
      nar,
      formatExportedPath({ path: lib, references: [] }),
      EXPORT_END,
    ]);
    await assert.rejects(importPaths(inPieces(lying), store, signal), fails("IMPORT_REFUSED", /NAR hash/));
    assert.equal((await verifyStore(store, { repair: false }, testContext(t))).problems.length, 0);
  });
});

test("why one path needs another, by file and byte", async (t) => {
  using store = makeStore(t);
  const { base, lib, app, other } = await fill(store);
  const steps = await explainDependency(app, base, store, signal);
  assert.deepEqual(
    steps.map(({ from, to }) => [from, to]),
    [
      [app, lib],
      [lib, base],
    ],
  );
  assert.deepEqual(steps[0]!.mentions, [
    { path: "also", where: "contents", offset: 11 },
    { path: "bin/app", where: "contents", offset: 21 },
  ]);
  assert.deepEqual(steps[1]!.mentions, [{ path: "lib/lib.so", where: "contents", offset: 13 }]);
  const linked = await addBuilt(store, "linked", { [hashPart(base)]: "" }, [base]);
  const [step] = await explainDependency(linked.path, base, store, signal);
  assert.deepEqual(step!.mentions, [{ path: hashPart(base), where: "name", offset: 0 }]);
  await assert.rejects(explainDependency(app, other, store, signal), fails("NO_DEPENDENCY"));
  await assert.rejects(explainDependency(app, ABSENT, store, signal), fails("STORE_PATH_MISSING"));
});

describe("binary caches", () => {
  const OPTIONS = { key: undefined, compression: "zstd", listings: false } as const;

  test("are written once, signed, references first", async (t) => {
    using store = makeStore(t);
    const { base, lib, app } = await fill(store);
    const cache = join(temporaryDirectory(t), "cache");
    const url = pathToFileURL(cache).href;
    const keyFile = join(temporaryDirectory(t), "key");
    const publicKey = generateKeyFile("test-1", keyFile);
    assert.equal(statSync(keyFile).mode & 0o777, 0o600);
    const options = { ...OPTIONS, key: readKeyFile(keyFile), listings: true };
    const first = await pushPaths([app], url, store, options, testContext(t));
    assert.deepEqual([first.pushed, first.present], [[base, lib, app], []]);
    const info = parseNarInfo(readFileSync(join(cache, `${hashPart(app)}.narinfo`), "utf8"));
    assert.equal(info.narHash, store.query(app).narHash);
    assert.equal(validSignatures([parsePublicKey(publicKey)], info).length, 1);
    assert.equal(statSync(join(cache, info.url)).size, info.fileSize);
    assert.match(readFileSync(join(cache, `${hashPart(app)}.ls`), "utf8"), /"root":\{"type":"directory"/);
    assert.match(readFileSync(join(cache, "nix-cache-info"), "utf8"), /^StoreDir: \/nix\/store\n/);
    const second = await pushPaths([app], url, store, options, testContext(t));
    assert.deepEqual([second.pushed, second.present], [[], [base, lib, app].sort()]);
    assert.throws(() => generateKeyFile("test-1", keyFile), fails("KEY_FILE_WRONG", /already/));
  });

  test("over HTTP, with a password and a server that fails at first", async (t) => {
    using store = makeStore(t);
    const { app } = await fill(store);
    const files = new Map<string, Buffer>();
    let failures = 1;
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      if (request.headers.authorization !== "Basic bWU6c2VjcmV0") response.writeHead(401).end();
      else if (request.method === "PUT" && failures-- > 0) response.writeHead(503).end();
      else if (request.method === "PUT") {
        files.set(request.url!, body);
        response.writeHead(201).end();
      } else response.writeHead(files.has(request.url!) ? 200 : 404).end();
    });
    await promisify(server.listen.bind(server) as (port: number, done: () => void) => void)(0);
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as { port: number };
    const keyFile = join(temporaryDirectory(t), "key");
    generateKeyFile("test-1", keyFile);
    const options = { ...OPTIONS, key: readKeyFile(keyFile), compression: "none" } as const;
    const url = `http://me:secret@localhost:${port}/cache`;
    assert.equal((await pushPaths([app], url, store, options, testContext(t))).pushed.length, 3);
    const info = parseNarInfo(files.get(`/cache/${hashPart(app)}.narinfo`)!.toString());
    assert.equal(files.get(`/cache/${info.url}`)!.length, info.narSize);
    const denied = pushPaths([app], `http://localhost:${port}/cache`, store, options, testContext(t));
    await assert.rejects(denied, fails("UNREACHABLE", /401/));
  });

  test("refuses what nobody could use", async (t) => {
    using store = makeStore(t);
    const { app } = await fill(store);
    const url = pathToFileURL(join(temporaryDirectory(t), "cache")).href;
    await assert.rejects(
      pushPaths([app], url, store, OPTIONS, testContext(t)),
      fails("PUSH_REFUSED", /no key/),
    );
    await assert.rejects(
      pushPaths([app], "s3://x", store, OPTIONS, testContext(t)),
      fails("PUSH_REFUSED", /s3/),
    );
    assert.throws(() => readKeyFile(join(store.root, "none")), fails("KEY_FILE_WRONG"));
  });
});

test("a path is registered once, with the bytes that came first", async (t) => {
  using store = makeStore(t);
  const first = await addBuilt(store, "twice", { a: "1" });
  await addBuilt(store, "twice", { a: "2" });
  assert.equal(store.query(first.path).narHash, first.narHash);
  assert.equal(readFileSync(join(store.physicalPath(first.path), "a"), "utf8"), "1");
  const signature = `key:${Buffer.alloc(64).toString("base64")}`;
  const staged = store.stage(first);
  writeFiles(staged, { a: "1" });
  store.register([{ info: { ...first, signatures: [signature] }, staged }]);
  assert.deepEqual(store.query(first.path).signatures, [signature]);
});

test("names that are no text, files and links alone can be in images", async (t) => {
  using store = makeStore(t);
  const source = join(temporaryDirectory(t), "source");
  writeFiles(source, { plain: "text" });
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe])]), "strange");
  symlinkSync("/target", join(source, "link"));
  const context = testContext(t);
  const whole = await store.addSource("whole", source, { signal });
  const link = await store.addSource("link", join(source, "link"), { signal });
  const [first] = await store.objects([whole], context);
  const strange = first!.tree.entries.find(({ path }) => path === "\xff\xfe");
  assert.ok(strange?.type === "file" && strange.content.kind === "range");
  assert.equal(readFileSync(strange.content.file, "utf8"), "strange");
  assert.deepEqual((await store.objects([link], context))[0]!.tree.entries, [
    { type: "symlink", path: "", mode: 0o777, uid: 0, gid: 0, target: "/target" },
  ]);
  await assert.rejects(
    store.addSource("link", join(source, "link"), { signal, method: "flat" }),
    fails("STORE_FILE_UNSUPPORTED", /plain file was expected/),
  );
});
