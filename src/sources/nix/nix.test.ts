import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { loadVectors, type VectorBytes, vectorBytes } from "../../../test/kit/nix.ts";
import { run } from "../../../test/kit/tools.ts";
import { formatNarInfo, type NarCompression, parseNarInfo, signPathInfo } from "../../formats/nix/narinfo.ts";
import { parsePublicKey, parseSecretKey } from "../../formats/nix/signature.ts";
import type { RequestScope } from "../../model/image-spec.ts";
import type { LockSection } from "../../model/lock.ts";
import { findMentions } from "../../model/mentions.ts";
import { OptionError } from "../../model/options.ts";
import { hashPart, type StorePath } from "../../model/store-path.ts";
import { removeTree } from "../../platform/directories.ts";
import { findProgram } from "../../platform/processes.ts";
import { LocalStore } from "../../platform/store/local-store.ts";
import { sortReferencesFirst } from "./closure.ts";
import { source } from "./index.ts";
import { binaryCache, nixStore } from "./request.ts";
import { configuredSubstituters, Substituter, substitute } from "./substitute.ts";

const FIXTURES = join(import.meta.dirname, "../../../test/fixtures/nix/binary-cache");
const { keys } = loadVectors<{ keys: Record<string, { public: string; secret: string }> }>(
  "binary-cache/keys.json",
);
const KEY = keys["test-cache-1"]!;
const PUBLIC_KEYS = [parsePublicKey(KEY.public)];
const TOP = "/nix/store/h5l1idbphdisgzzcf22dg9lv7iyq2ixm-cache-top-2.3" as StorePath;
const LEAF = "/nix/store/3xkrxy239x9zzvz2vgj9byxxpp4f8kjc-cache-leaf-1.0" as StorePath;
const DEV = "/nix/store/8mcskl2dzwzc8rzndcp9n0x3vwafx358-cache-mid-dev" as StorePath;
const CLOSURE = [
  LEAF,
  DEV,
  TOP,
  "/nix/store/kacvawdr4994va4sfgmb91jgxdkm3g8v-cache-self",
  "/nix/store/n5b1lggkirnsjy3gr7z11dvlz0zk1k2z-cache-mid",
] as StorePath[];

const directories: string[] = [];
after(() => directories.forEach(removeTree));

/** A directory whose read-only trees go with the test. */
function storeDirectory(t: TestContext): string {
  const directory = temporaryDirectory(t);
  directories.push(directory);
  return join(directory, "store");
}

/** A copy of a cache that may be changed. */
function copyCache(t: TestContext, name: string): string {
  const directory = join(temporaryDirectory(t), "cache");
  cpSync(join(FIXTURES, "caches", name), directory, { recursive: true });
  return directory;
}

/** Changes the narinfo of a path, and signs it again. */
function changeNarInfo(cache: string, path: StorePath, change: (text: string) => string, sign = true): void {
  const file = join(cache, `${hashPart(path)}.narinfo`);
  const text = change(readFileSync(file, "utf8"));
  if (!sign) {
    writeFileSync(file, text);
    return;
  }
  const info = parseNarInfo(text);
  writeFileSync(
    file,
    formatNarInfo({ ...info, signatures: [signPathInfo(parseSecretKey(KEY.secret), info)] }),
  );
}

const urlOf = (directory: string) => pathToFileURL(directory).href;
const scopeOf = (): RequestScope => ({ architecture: "amd64", kind: "cache", publicKeys: [KEY.public] });
const fails = (code: string, message?: RegExp) => (error: unknown) => {
  const { code: actual, message: text } = error as Error & { code?: string };
  assert.equal(actual, code, `${code} was wanted: ${(error as Error).stack}`);
  assert.match(text, message ?? /^Cannot /);
  return true;
};

/** Locks and realises a path from a cache into a store of its own. */
async function fetchFrom(t: TestContext, cache: string, path = TOP) {
  const context = testContext(t);
  process.env["TARE_STORE"] = storeDirectory(t);
  const section = await source.lock(scopeOf(), [path], [cache], context);
  const objects = await source.realise(section, Object.keys(section.packages), [cache], context);
  return { section, objects, context };
}

describe("reads the caches that Nix wrote", () => {
  for (const name of ["xz", "zstd", "gzip", "none", "xz-listing-debug"]) {
    test(name, async (t) => {
      const { section, objects } = await fetchFrom(t, urlOf(join(FIXTURES, "caches", name)));
      assert.deepEqual(Object.keys(section.packages), CLOSURE);
      assert.deepEqual(section.requests, { [TOP]: TOP });
      assert.equal(section.packages[TOP]!.version, "2.3");
      const top = objects.find(({ id }) => id === TOP)!;
      assert.deepEqual(top.placement, { kind: "in-store", storePath: TOP });
      assert.deepEqual(
        top.tree.entries.map(({ path, type, mode }) => `${type} ${mode.toString(8)} ${path}`),
        ["directory 555 ", "directory 555 bin", "file 555 bin/top", "file 444 zeros"],
      );
      assert.deepEqual(top.declaredReferences, [DEV, CLOSURE[4]]);
    });
  }

  for (const compression of ["bzip2", "br"] as const satisfies NarCompression[]) {
    test(compression, async (t) => {
      if (compression === "bzip2" && findProgram("bzip2") === undefined) {
        t.skip("bzip2 is not installed");
        return;
      }
      const cache = copyCache(t, "none");
      changeNarInfo(cache, TOP, (text) => {
        const { url } = parseNarInfo(text);
        const nar = readFileSync(join(cache, url));
        const packed =
          compression === "br"
            ? brotliCompressSync(nar)
            : Buffer.from(run("bzip2", ["-c", join(cache, url)]), "latin1");
        writeFileSync(join(cache, "nar/packed"), packed);
        return text
          .replace(/^URL: .*/m, "URL: nar/packed")
          .replace(/^Compression: .*/m, `Compression: ${compression}`)
          .replace(/^File.*\n/gm, "");
      });
      const { objects } = await fetchFrom(t, urlOf(cache));
      assert.equal(objects.length, 5);
    });
  }
});

interface Tampered {
  readonly id: string;
  readonly baseCache: string;
  readonly path: StorePath;
  readonly narinfo: string;
  readonly narinfoText: string | null;
  readonly changedFiles: Record<string, VectorBytes | null>;
  readonly trustedPublicKeys: string[];
  readonly args: string[];
  readonly nixAccepts: boolean;
}

/** What Nix 2.8 takes and we refuse: it looks at neither hash nor size of files, and follows `..`. */
const STRICTER: Readonly<Record<string, string>> = {
  "filehash-changed": "NAR_FILE_WRONG",
  "filesize-changed": "NAR_FILE_WRONG",
  "url-dotdot": "NARINFO_WRONG",
  // There is no way to take what nobody signed.
  "unsigned-no-check-sigs": "PATH_UNTRUSTED",
};

describe("takes and refuses changed caches as strictly as it should", () => {
  const { cases } = loadVectors<{ cases: Tampered[] }>("binary-cache/tampered.json");
  assert.equal(cases.length, 54);
  for (const vector of cases) {
    test(vector.id, async (t) => {
      const cache = copyCache(t, vector.baseCache);
      if (vector.narinfoText !== null) writeFileSync(join(cache, vector.narinfo), vector.narinfoText);
      for (const [name, bytes] of Object.entries(vector.changedFiles)) {
        if (bytes === null) rmSync(join(cache, name));
        else writeFileSync(join(cache, name), vectorBytes(bytes));
      }
      const context = testContext(t);
      using store = new LocalStore(storeDirectory(t));
      const publicKeys = vector.trustedPublicKeys.map(parsePublicKey);
      const substituters = { urls: [urlOf(cache)], publicKeys };
      const valid = await substitute([vector.path], store, substituters, context);
      const accepts = vector.nixAccepts && STRICTER[vector.id] === undefined;
      assert.equal(valid.has(vector.path), accepts, context.progress.lines.join("\n"));
      if (accepts) return;
      assert.match(
        context.progress.lines.join("\n"),
        /^warning: \/nix\/store\/\S+ is not taken from a cache: Cannot /m,
      );
      assert.ok(!existsSync(store.physicalPath(vector.path)));
    });
  }
});

describe("refuses hostile caches", () => {
  const refuses = (
    summary: string,
    code: string,
    message: RegExp,
    change: (cache: string) => void,
    base = "none",
  ) =>
    test(summary, async (t) => {
      const cache = copyCache(t, base);
      change(cache);
      await assert.rejects(fetchFrom(t, urlOf(cache)), fails(code, message));
    });
  const url = (text: string) => (cache: string) =>
    changeNarInfo(cache, TOP, (old) => old.replace(/^URL: .*/m, `URL: ${text}`), false);

  for (const text of [
    "../x",
    "nar/../../x",
    "/etc/passwd",
    "file:///etc/passwd",
    "http://h/x",
    "nar/%2e%2E/x",
    "nar\\x",
    "nar//x",
    "a%2fb",
  ])
    refuses(`a NAR at ${text}`, "NARINFO_WRONG", /names the file/, url(text));
  refuses("the narinfo of another path", "NARINFO_WRONG", /was asked for/, (cache) => {
    cpSync(join(cache, `${hashPart(LEAF)}.narinfo`), join(cache, `${hashPart(TOP)}.narinfo`));
  });
  refuses("what nobody signed", "PATH_UNTRUSTED", /nobody has signed it/, () => {}, "unsigned");
  refuses("a reference that no cache has", "PATH_UNAVAILABLE", /refers to/, (cache) =>
    rmSync(join(cache, `${hashPart(LEAF)}.narinfo`)),
  );
  refuses("a NAR that is not there", "PATH_UNAVAILABLE", /does not have/, url("nar/none"));
  refuses("a circle", "REFERENCE_LOOP", /refers back/, (cache) =>
    changeNarInfo(cache, LEAF, (text) => text.replace(/^References: .*/m, `References: ${TOP.slice(11)}`)),
  );
  refuses("references that are left out", "REFERENCE_UNDECLARED", /mentions/, (cache) =>
    changeNarInfo(cache, DEV, (text) => text.replace(/^References: .*/m, "References: ")),
  );
  refuses("a lying size", "TOO_LARGE", /./, (cache) =>
    changeNarInfo(cache, TOP, (text) => text.replace(/^NarSize: .*/m, "NarSize: 200")),
  );
  refuses("a lying hash", "STORE_HASH_MISMATCH", /were promised/, (cache) =>
    changeNarInfo(cache, TOP, (text) => text.replace(/^NarHash: .*/m, `NarHash: sha256:${"0".repeat(52)}`)),
  );
  refuses("another store directory", "CACHE_INFO_INVALID", /for stores at/, (cache) =>
    writeFileSync(join(cache, "nix-cache-info"), "StoreDir: /gnu/store\n"),
  );
});

test("an error of one cache is no error when another has the path", async (t) => {
  const context = testContext(t);
  process.env["TARE_STORE"] = storeDirectory(t);
  const mirrors = [urlOf(join(FIXTURES, "caches/unsigned")), urlOf(join(FIXTURES, "caches/xz"))];
  const section = await source.lock(scopeOf(), [TOP], mirrors, context);
  assert.equal(
    (await source.realise(section, [TOP, ...CLOSURE.filter((path) => path !== TOP)], mirrors, context))
      .length,
    5,
  );
});

test("what is in the store already needs no cache, and must be what the lock pins", async (t) => {
  const { section, context } = await fetchFrom(t, urlOf(join(FIXTURES, "caches/xz")));
  const offline = { ...context, offline: true };
  const again = await source.realise(section, CLOSURE, ["https://cache.invalid"], offline);
  assert.equal(again.length, 5);
  const changed: LockSection = {
    ...section,
    packages: { ...section.packages, [LEAF]: { ...section.packages[LEAF]!, sha256: "0".repeat(64) } },
  };
  await assert.rejects(source.realise(changed, CLOSURE, [], offline), fails("PATH_CHANGED"));
  const elsewhere = { ...section, packages: {} };
  await assert.rejects(source.realise(elsewhere, CLOSURE, [], offline), fails("BAD_STORE_PIN"));
});

test("caches over HTTP, with a password, and downloads that break off", async (t) => {
  const asked: string[] = [];
  let broken = 0;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.range ?? ""}`);
    const file = join(FIXTURES, "caches/xz", request.url!);
    if (request.headers.authorization !== `Basic ${Buffer.from("me:s/t").toString("base64")}`) {
      response.writeHead(401).end();
    } else if (!existsSync(file)) response.writeHead(404).end();
    else {
      const bytes = readFileSync(file);
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const status = start > 0 ? 206 : 200;
      response.writeHead(status, {
        "content-length": bytes.length - start,
        ...(start > 0 && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
      });
      if (request.url!.includes("/nar/") && start === 0 && broken++ === 0) {
        response.write(bytes.subarray(0, 100), () => response.destroy());
      } else response.end(bytes.subarray(start));
    }
  });
  await promisify(server.listen.bind(server) as (port: number, done: () => void) => void)(0);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as { port: number };
  const { objects, context } = await fetchFrom(t, `http://me:s%2Ft@localhost:${port}`);
  assert.equal(objects.length, 5);
  assert.ok(
    asked.some((line) => / bytes=100-$/.test(line)),
    asked.join("\n"),
  );
  assert.ok(!context.progress.lines.join().includes("s%2Ft"));
});

test("substitute() says nothing of what no cache has, and nothing without caches", async (t) => {
  const context = testContext(t);
  using store = new LocalStore(storeDirectory(t));
  const other = "/nix/store/00000000000000000000000000000000-none" as StorePath;
  const substituters = { urls: [urlOf(join(FIXTURES, "caches/zstd"))], publicKeys: PUBLIC_KEYS };
  assert.deepEqual([...(await substitute([other, LEAF], store, substituters, context))], [LEAF]);
  assert.deepEqual(
    context.progress.lines.filter((line) => line.startsWith("warning")),
    [],
  );
  assert.deepEqual([...(await substitute([other], store, { urls: [], publicKeys: [] }, context))], []);
});

test("one that is damaged keeps no other away; a cache that is not trusted, or not there, is complained of once", async (t) => {
  const warnings = ({ progress }: ReturnType<typeof testContext>) =>
    progress.lines.filter((line) => line.startsWith("warning"));
  const cache = copyCache(t, "zstd");
  const { url } = parseNarInfo(readFileSync(join(cache, `${hashPart(DEV)}.narinfo`), "utf8"));
  rmSync(join(cache, url));
  const context = testContext(t);
  using store = new LocalStore(storeDirectory(t));
  const damaged = new Substituter({ urls: [urlOf(cache)], publicKeys: PUBLIC_KEYS }, store, context);
  assert.deepEqual([...(await damaged.substitute([DEV, LEAF]))], [LEAF]);
  assert.equal(warnings(context).length, 1);
  assert.match(warnings(context)[0]!, /-cache-mid-dev is not taken from a cache: Cannot fetch/);

  const distrusting = testContext(t);
  using second = new LocalStore(storeDirectory(t));
  const strangers = new Substituter({ urls: [urlOf(cache)], publicKeys: [] }, second, distrusting);
  assert.equal((await strangers.substitute(CLOSURE)).size, 0);
  assert.equal((await strangers.substitute(CLOSURE)).size, 0);
  assert.equal(warnings(distrusting).length, 1);
  assert.match(warnings(distrusting)[0]!, /is not taken from a cache, nor 4 others: .* no trusted key/);

  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.writeHead(403).end();
  });
  await promisify(server.listen.bind(server) as (port: number, done: () => void) => void)(0);
  t.after(() => server.close());
  const closed = testContext(t);
  const { port } = server.address() as { port: number };
  const gone = new Substituter(
    { urls: [`http://localhost:${port}`], publicKeys: PUBLIC_KEYS },
    second,
    closed,
  );
  for (let i = 0; i < 3; i++) assert.equal((await gone.substitute(CLOSURE)).size, 0);
  assert.equal(warnings(closed).length, 1);
  assert.equal(asked, 1);
});

test("caches that are named must be URLs", () => {
  assert.deepEqual(configuredSubstituters(["file:///srv/cache/"]).urls, ["file:///srv/cache"]);
  for (const url of ["/srv/cache", "s3://bucket", "http://"])
    assert.throws(
      () => configuredSubstituters([url]),
      fails("CACHE_UNSUPPORTED", /is no https:, http: or file: URL$/),
    );
  process.env["TARE_SUBSTITUTERS"] = "https://a.example  cache.b";
  try {
    assert.throws(() => configuredSubstituters(), fails("CACHE_UNSUPPORTED", /"cache\.b"/));
  } finally {
    delete process.env["TARE_SUBSTITUTERS"];
  }
});

test("content-addressed paths need no signature, and their bytes must be theirs", async (t) => {
  const context = testContext(t);
  using store = new LocalStore(storeDirectory(t));
  const text = "/nix/store/i9pmrzmpshapij2kin22pff6fc2adavx-hello.txt" as StorePath;
  const substituters = { urls: [urlOf(join(FIXTURES, "caches/unsigned"))], publicKeys: [] };
  assert.deepEqual([...(await substitute([text], store, substituters, context))], [text]);
  assert.match(store.query(text).ca ?? "", /^fixed:r:sha256:/);
});

test("the machine's store is read as it is", async (t) => {
  const root = storeDirectory(t);
  {
    using store = new LocalStore(root);
    const substituters = { urls: [urlOf(join(FIXTURES, "caches/xz"))], publicKeys: PUBLIC_KEYS };
    await substitute([TOP], store, substituters, testContext(t));
  }
  const context = testContext(t);
  const scope: RequestScope = { architecture: "amd64", kind: "store" };
  const section = await source.lock(scope, [TOP], [root], context);
  const objects = await source.realise(section, CLOSURE, [root], context);
  const file = objects.find(({ id }) => id === TOP)!.tree.entries.find(({ path }) => path === "zeros");
  assert.equal(
    file?.type === "file" && file.content.kind === "range" && file.content.file,
    join(root, TOP, "zeros"),
  );
  const absent = { ...section.packages[TOP]!, name: `${TOP}x` };
  const wrong = { ...section, packages: { ...section.packages, [`${TOP}x`]: absent } };
  await assert.rejects(source.realise(wrong, [`${TOP}x`], [root], context), fails("PATH_UNAVAILABLE"));
  mkdirSync(join(root, "empty"));
  await assert.rejects(source.lock(scope, [TOP], [join(root, "empty")], context), fails("NIX_STORE_MISSING"));
});

test("builds read paths of the machine's store, too: they are copied with all that they refer to", async (t) => {
  const machine = storeDirectory(t);
  const context = testContext(t);
  {
    using store = new LocalStore(machine);
    const substituters = { urls: [urlOf(join(FIXTURES, "caches/xz"))], publicKeys: PUBLIC_KEYS };
    await substitute([TOP], store, substituters, context);
  }
  process.env["TARE_STORE"] = storeDirectory(t);
  const section = await source.lock({ architecture: "amd64", kind: "store" }, [TOP], [machine], context);
  await source.provideStorePaths!(section, [TOP], [machine], context);
  using original = new LocalStore(machine);
  using copy = new LocalStore(process.env["TARE_STORE"]);
  const describeStore = ({ database }: LocalStore) =>
    database.all().map(({ registrationTime, ...info }) => info);
  assert.deepEqual(describeStore(copy), describeStore(original));
  assert.deepEqual(
    copy.database.all().map(({ path }) => path),
    CLOSURE,
  );
  // What is there already is compared with the lock.
  const changed = { ...section.packages, [LEAF]: { ...section.packages[LEAF]!, sha256: "0".repeat(64) } };
  await assert.rejects(
    source.provideStorePaths!({ ...section, packages: changed }, [TOP], [machine], context),
    fails("PATH_CHANGED"),
  );
});

describe("requests", () => {
  test("are plain data that strings can mention", () => {
    const nix = binaryCache("https://cache.example.org/", {
      publicKeys: [KEY.public],
      architecture: "amd64",
    });
    const request = nix.storePath(TOP);
    assert.equal(`${request}/bin/top`, `${TOP}/bin/top`);
    const plain = { source: "nix", scope: scopeOf(), mirrors: ["https://cache.example.org"], name: TOP };
    assert.deepEqual(findMentions([`exec ${request}/bin/top`]).requests, [plain]);
    const built = nixStore({ architecture: "amd64" }).build("nixpkgs#hello");
    assert.equal(built.name, "build:nixpkgs#hello");
    assert.throws(() => `${built}`, OptionError);
  });

  for (const [summary, make] of [
    ["no URL", () => binaryCache("cache.nixos.org", { publicKeys: [] })],
    ["a bad key", () => binaryCache("https://x", { publicKeys: ["x"] })],
    ["no keys", () => binaryCache("https://x", {} as { publicKeys: [] })],
    ["an unknown option", () => nixStore({ path: "/" } as object)],
    ["a relative root", () => nixStore({ root: "x" })],
    ["no store path", () => nixStore().storePath("/nix/store/x")],
    ["a path below one", () => nixStore().storePath(`${TOP}/bin`)],
    ["an option as installable", () => nixStore().build("--impure")],
  ] as const)
    test(`refuses ${summary}`, () => assert.throws(make, OptionError));

  test("what a lock asks for is checked", async (t) => {
    const locking = source.lock(scopeOf(), ["hello"], [], testContext(t));
    await assert.rejects(locking, fails("BAD_STORE_PATH"));
  });

  test("without nix nothing is built", async (t) => {
    const path = process.env["PATH"];
    t.after(() => {
      process.env["PATH"] = path;
    });
    if (
      ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].some((bin) =>
        existsSync(join(bin, "nix")),
      )
    ) {
      // The directories of the system are always looked in: then nix says what it cannot build.
      const building = source.lock(
        { architecture: "amd64", kind: "store" },
        ["build:/no-such-flake#x"],
        [storeDirectory(t)],
        testContext(t),
      );
      await assert.rejects(building, fails("NIX_BUILD_FAILED"));
      return;
    }
    process.env["PATH"] = "";
    const building = source.lock(scopeOf(), ["build:nixpkgs#hello"], [], testContext(t));
    await assert.rejects(building, fails("NIX_MISSING"));
  });
});

test("changes are told by name", async () => {
  const pin = (name: string, version: string) => ({
    name,
    version,
    architecture: "amd64",
    release: "",
    path: "x",
    size: 1,
    sha256: "0".repeat(64),
    dependencies: [],
  });
  const section = (...pins: ReturnType<typeof pin>[]): LockSection => ({
    source: "nix",
    scope: scopeOf(),
    requests: {},
    releases: {},
    packages: Object.fromEntries(pins.map((one) => [one.name, one])),
  });
  const path = (letter: string, name: string) => `/nix/store/${letter.repeat(32)}-${name}`;
  const before = section(
    pin(path("a", "hello-2.9"), "2.9"),
    pin(path("b", "gone-1"), "1"),
    pin(path("c", "same"), "c"),
  );
  const after = section(
    pin(path("d", "hello-2.10"), "2.10"),
    pin(path("f", "new-1"), "1"),
    pin(path("c", "same"), "c"),
  );
  assert.deepEqual(await source.describeChanges(before, after), [
    { kind: "removed", name: "gone", from: "1" },
    { kind: "upgraded", name: "hello", from: "2.9", to: "2.10" },
    { kind: "added", name: "new", to: "1" },
  ]);
});

test("long chains of references are put in order", () => {
  const path = (i: number) => `/nix/store/${String(i).padStart(32, "0")}-x` as StorePath;
  const infos = new Map(
    Array.from({ length: 20_000 }, (_, i) => [
      path(i),
      { path: path(i), references: i + 1 < 20_000 ? [path(i), path(i + 1)] : [] },
    ]),
  );
  const sorted = sortReferencesFirst(infos);
  assert.deepEqual([sorted.length, sorted[0]!.path, sorted.at(-1)!.path], [20_000, path(19_999), path(0)]);
});
