// The whole source against archives that the tests make: `file:` mirrors, no network.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import {
  type ArchiveOptions,
  copyArchive,
  makeArchive,
  makeSigningKey,
  type TestArchive,
  useEnvironment,
} from "../../../test/kit/debian-archive.ts";
import { TareError } from "../../model/errors.ts";
import type { LockSection } from "../../model/lock.ts";
import { source } from "./index.ts";
import type { DebianOptions } from "./request.ts";
import { debian } from "./request.ts";

const HELLO: ArchiveOptions = {
  packages: [
    {
      name: "hello",
      version: "1:2.0-1",
      fields: { Depends: "libhello (>= 1), greeting" },
      files: { "usr/bin/hello": { text: "hi", mode: 0o755 } },
    },
    { name: "libhello", version: "1.0-1", files: { "usr/lib/libhello.so": "lib" } },
    { name: "english", architecture: "all", fields: { Provides: "greeting" } },
    { name: "base", architecture: "all", fields: { Essential: "yes" } },
    { name: "other", architecture: "arm64" },
  ],
  updates: [{ name: "libhello", version: "1.0-1+deb12u1" }],
  security: [{ name: "libhello", version: "1.0-1+deb12u2", files: { "usr/lib/libhello.so": "lib, mended" } }],
};

let hello: Promise<TestArchive> | undefined;
after(async () => rmSync((await hello)?.directory ?? "", { recursive: true, force: true }));

async function setUp(t: TestContext, options: ArchiveOptions = HELLO) {
  const directory = temporaryDirectory(t);
  hello ??= makeArchive(mkdtempSync(join(tmpdir(), "tare-test-")), HELLO);
  const archive =
    options === HELLO ? copyArchive(await hello, directory) : await makeArchive(directory, options);
  useEnvironment(t, archive.environment);
  // Offline: whatever is not in the archive is asked of no server.
  return { archive, context: testContext(t, { offline: true }) };
}

type TestEnvironment = Awaited<ReturnType<typeof setUp>>;

function lock(
  { context }: Pick<TestEnvironment, "context">,
  names: readonly string[],
  options: DebianOptions = {},
): Promise<LockSection> {
  const { packages } = debian("bookworm", { architecture: "amd64", ...options });
  return source.lock(packages["any"]!.scope, names, options.mirrors ?? [], context);
}

function fails(code: string, message: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TareError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("locking", () => {
  test("pins the closure, with the releases it came from", async (t) => {
    const { archive, context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    const deb = archive.debs.get("libhello_1.0-1+deb12u2_amd64.deb")!;
    const inRelease = readFileSync(
      join(archive.directory, "debian-security/dists/bookworm-security/InRelease"),
    );
    assert.deepEqual(Object.keys(section.packages), ["base", "english", "hello", "libhello"]);
    assert.deepEqual(section.packages["hello"]!.dependencies, ["libhello", "english"]);
    assert.equal(section.packages["base"]!.essential, true);
    assert.deepEqual(section.packages["libhello"], {
      name: "libhello",
      version: "1.0-1+deb12u2",
      architecture: "amd64",
      release: "bookworm-security",
      path: "pool/updates/main/l/libhello/libhello_1.0-1+deb12u2_amd64.deb",
      size: deb.length,
      sha256: sha256(deb),
      dependencies: [],
    });
    assert.deepEqual(Object.keys(section.releases), ["bookworm", "bookworm-security", "bookworm-updates"]);
    assert.deepEqual(section.releases["bookworm-security"], {
      archive: "debian-security",
      suite: "bookworm-security",
      codename: "bookworm-security",
      version: "12.0",
      date: "2025-01-01T00:00:00Z",
      sha256: sha256(inRelease),
    });
    assert.deepEqual(
      { source: section.source, requests: section.requests },
      { source: "debian", requests: { hello: "hello" } },
    );
    assert.doesNotMatch(JSON.stringify(section), /file:|https?:/);
  });

  test("gives the same lock again, from the cached index as from the archive", async (t) => {
    const { archive, context } = await setUp(t);
    const first = await lock({ context }, ["hello"]);
    for (const suite of [
      "debian/dists/bookworm",
      "debian/dists/bookworm-updates",
      "debian-security/dists/bookworm-security",
    ]) {
      rmSync(join(archive.directory, suite, "main"), { recursive: true });
    }
    rmSync(join(context.cache.root, "downloads"), { recursive: true });
    assert.deepEqual(await lock({ context }, ["hello"]), first);
  });

  test("does not trust a damaged index in the cache", async (t) => {
    const { context } = await setUp(t);
    const first = await lock({ context }, ["hello"]);
    for (const folder of ["indices", "downloads"]) {
      for (const name of readdirSync(join(context.cache.root, folder))) {
        const path = join(context.cache.root, folder, name);
        const bytes = readFileSync(path);
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(path, bytes);
      }
    }
    assert.deepEqual(await lock({ context }, ["hello"]), first);
  });

  for (const form of [".xz", ".gz", ""] as const) {
    for (const byHash of ["yes", "no", "only"] as const) {
      test(`reads indices as Packages${form}, by hash: ${byHash}`, async (t) => {
        const { context } = await setUp(t, { ...HELLO, forms: [form], byHash });
        assert.equal(Object.keys((await lock({ context }, ["hello"])).packages).length, 4);
      });
    }
  }

  test("takes another form of an index when the best one is gone", async (t) => {
    const { archive, context } = await setUp(t, { ...HELLO, byHash: "no" });
    rmSync(join(archive.directory, "debian/dists/bookworm/main/binary-amd64/Packages.xz"));
    assert.equal(Object.keys((await lock({ context }, ["hello"])).packages).length, 4);
  });

  test("reads the index of architecture all where it is apart", async (t) => {
    const { context } = await setUp(t, { ...HELLO, mergeAll: false });
    assert.deepEqual(Object.keys((await lock({ context }, ["hello"])).packages), [
      "base",
      "english",
      "hello",
      "libhello",
    ]);
  });

  test("resolves for the other architecture", async (t) => {
    const { context } = await setUp(t);
    const section = await lock({ context }, ["other"], { architecture: "arm64" });
    assert.deepEqual(Object.keys(section.packages), ["base", "other"]);
    await assert.rejects(lock({ context }, ["hello"], { architecture: "arm64" }), fails("UNKNOWN_PACKAGE"));
  });

  test("takes the mirrors of the option first", async (t) => {
    const { archive, context } = await setUp(t);
    useEnvironment(t, {
      TARE_DEBIAN_MIRROR: "file:///nowhere/debian",
      TARE_DEBIAN_SECURITY_MIRROR: undefined,
    });
    const section = await lock({ context }, ["hello"], { mirrors: [archive.mirror] });
    assert.equal(section.packages["libhello"]!.release, "bookworm-security");
  });

  test("takes an archive of the past from a snapshot service, expired as it is", async (t) => {
    const { archive, context } = await setUp(t, { ...HELLO, validUntil: new Date("2025-01-08T00:00:00Z") });
    await assert.rejects(
      lock({ context }, ["hello"]),
      fails("RELEASE_EXPIRED", /was valid until 2025-01-08T00:00:00Z/),
    );
    for (const name of ["debian", "debian-security"]) {
      const directory = join(archive.directory, "snapshot", name);
      mkdirSync(directory, { recursive: true });
      cpSync(join(archive.directory, name), join(directory, "20250102T000000Z"), { recursive: true });
      cpSync(join(archive.directory, name), join(directory, "20241231T000000Z"), { recursive: true });
      rmSync(join(archive.directory, name), { recursive: true });
    }
    const section = await lock({ context }, ["hello"], { snapshot: "20250102T000000Z" });
    assert.equal(section.scope["snapshot"], "20250102T000000Z");
    const objects = await source.realise(section, ["hello"], [], context);
    assert.equal(objects[0]!.label, "hello 1:2.0-1");
    await assert.rejects(
      lock({ context }, ["hello"], { snapshot: "20241231T000000Z" }),
      fails("RELEASE_MISMATCH", /is of 2025-01-01T00:00:00Z, one not after 20241231T000000Z/),
    );
  });

  test("warns when an essential package cannot be there", async (t) => {
    const { context } = await setUp(t, {
      packages: [
        { name: "aa", fields: { Conflicts: "ee" } },
        { name: "ee", fields: { Essential: "yes" } },
      ],
    });
    assert.deepEqual(Object.keys((await lock({ context }, ["aa"])).packages), ["aa"]);
    assert.match(
      context.progress.lines.join("\n"),
      /warning: the essential package ee is left out: .*aa conflicts with ee/,
    );
  });
});

describe("refuses to lock", () => {
  test("an unknown suite (UNKNOWN_SUITE)", async (t) => {
    const { context } = await setUp(t);
    const { scope } = debian("bokworm", { architecture: "amd64" }).packages["hello"]!;
    await assert.rejects(source.lock(scope, ["hello"], [], context), (error) => {
      assert.ok(error instanceof TareError);
      assert.equal(error.hint, 'Did you mean "bookworm"?');
      return fails("UNKNOWN_SUITE", /a codename was expected \(trixie, bookworm\)/)(error);
    });
  });

  test("an unknown component or architecture (UNKNOWN_COMPONENT)", async (t) => {
    const { context } = await setUp(t, { ...HELLO, architectures: ["amd64"] });
    await assert.rejects(
      lock({ context }, ["hello"], { components: ["man"] }),
      fails("UNKNOWN_COMPONENT", /has no component "man", it has main, contrib/),
    );
    await assert.rejects(
      lock({ context }, ["hello"], { architecture: "arm64" }),
      fails("UNKNOWN_COMPONENT", /has no architecture "arm64"/),
    );
  });

  test("a component without an index (INDEX_MISSING)", async (t) => {
    const { context } = await setUp(t);
    await assert.rejects(
      lock({ context }, ["hello"], { components: ["contrib"] }),
      fails("INDEX_MISSING", /does not list contrib\/binary-amd64\/Packages/),
    );
  });

  test("a key that is not trusted (UNTRUSTED_KEY)", async (t) => {
    const { context } = await setUp(t, { ...HELLO, key: await makeSigningKey() });
    useEnvironment(t, { TARE_DEBIAN_KEYRING: undefined });
    await assert.rejects(
      lock({ context }, ["hello"]),
      fails("UNTRUSTED_KEY", /the release file of bookworm/),
    );
  });

  test("a release file that was tampered with (BAD_SIGNATURE)", async (t) => {
    const { context } = await setUp(t, {
      ...HELLO,
      editInRelease: (text) => text.replace("Codename", "Kodename"),
    });
    await assert.rejects(lock({ context }, ["hello"]), fails("BAD_SIGNATURE"));
  });

  test("the release file of another suite (RELEASE_MISMATCH)", async (t) => {
    const { context } = await setUp(t, {
      ...HELLO,
      editRelease: (text, suite) =>
        suite === "bookworm" ? text.replace(/^(Suite|Codename): .*$/gm, "$1: trixie") : text,
    });
    await assert.rejects(
      lock({ context }, ["hello"]),
      fails("RELEASE_MISMATCH", /it is that of "trixie", "bookworm" was expected/),
    );
  });

  test("a release file of the future (RELEASE_NOT_YET_VALID)", async (t) => {
    const date = new Date(Date.now() + 7 * 86_400_000).toUTCString().replace("GMT", "UTC");
    const { context } = await setUp(t, {
      ...HELLO,
      editRelease: (text) => text.replace(/^Date: .*$/m, `Date: ${date}`),
    });
    await assert.rejects(
      lock({ context }, ["hello"]),
      fails("RELEASE_NOT_YET_VALID", /which is in the future/),
    );
  });

  test("a signed text that is no release file (BAD_RELEASE)", async (t) => {
    const { context } = await setUp(t, { ...HELLO, editRelease: (text) => text.replace(/^Date: .*\n/m, "") });
    await assert.rejects(
      lock({ context }, ["hello"]),
      fails("BAD_RELEASE", /the release file of bookworm.*: it has no Date/),
    );
  });

  test("an index that is not the signed one (HASH_MISMATCH, SIZE_MISMATCH)", async (t) => {
    for (const [code, change] of [
      ["HASH_MISMATCH", (bytes: Buffer) => bytes.fill(0, 0, 9)],
      ["SIZE_MISMATCH", (bytes: Buffer) => Buffer.concat([bytes, bytes])],
      ["SIZE_MISMATCH", (bytes: Buffer) => bytes.subarray(0, 40)],
    ] as const) {
      const { archive, context } = await setUp(t, { ...HELLO, byHash: "no", forms: [".xz"] });
      const path = join(archive.directory, "debian/dists/bookworm/main/binary-amd64/Packages.xz");
      writeFileSync(path, change(readFileSync(path)));
      await assert.rejects(
        lock({ context }, ["hello"]),
        fails(code, /package index main\/binary-amd64\/Packages\.xz of bookworm/),
      );
    }
  });

  test("an index that is nowhere (NOT_FOUND)", async (t) => {
    const { archive, context } = await setUp(t);
    rmSync(join(archive.directory, "debian/dists/bookworm/main"), { recursive: true });
    await assert.rejects(lock({ context }, ["hello"]), fails("NOT_FOUND"));
  });

  test("a signed index that cannot be read (BAD_INDEX)", async (t) => {
    const { context } = await setUp(t, {
      ...HELLO,
      editIndex: (text, suite) => (suite === "bookworm" ? text.replace("SHA256", "MD5") : text),
    });
    await assert.rejects(
      lock({ context }, ["hello"]),
      fails("BAD_INDEX", /the stanza of hello has no valid SHA256/),
    );
  });

  test("an index that expands to more than is signed (BAD_INDEX)", async (t) => {
    const { context } = await setUp(t, {
      ...HELLO,
      editRelease: (text) => text.replace(/\d+ (main\/binary-amd64\/Packages)$/m, "10 $1"),
    });
    await assert.rejects(lock({ context }, ["hello"]), fails("BAD_INDEX", /holds more than 10 bytes/));
  });

  test("a package whose path leads elsewhere (BAD_PIN)", async (t) => {
    for (const path of [
      "../../etc/shadow",
      "/etc/shadow",
      "http://evil.example/x.deb",
      "pool/../../x",
      "a b",
    ]) {
      const { context } = await setUp(t, {
        ...HELLO,
        editIndex: (text) => text.replaceAll(/^Filename: .*$/gm, `Filename: ${path}`),
      });
      await assert.rejects(lock({ context }, ["hello"]), fails("BAD_PIN", /as the path of/));
    }
  });

  test("a dependency field that cannot be read (BAD_DEPENDENCY)", async (t) => {
    const { context } = await setUp(t, { packages: [{ name: "aa", fields: { Depends: "b (" } }] });
    await assert.rejects(lock({ context }, ["aa"]), fails("BAD_DEPENDENCY"));
  });

  test("when it is stopped", async (t) => {
    const { context } = await setUp(t);
    const reason = new Error("stopped");
    await assert.rejects(
      lock({ context: { ...context, signal: AbortSignal.abort(reason) } }, ["hello"]),
      (error) => error === reason,
    );
  });
});

/** Where an archive has a .deb. */
function poolFile({ directory }: TestArchive, section: LockSection, name: string): string {
  const pin = section.packages[name]!;
  return join(directory, section.releases[pin.release]!.archive, pin.path);
}

describe("realising", () => {
  test("gives the objects in the order of the names, with references as ids", async (t) => {
    const { context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    const [libhello, hello] = await source.realise(section, ["libhello", "hello"], [], context);
    assert.equal(libhello!.id, "deb/libhello/1.0-1+deb12u2/amd64");
    assert.deepEqual(hello!.declaredReferences, [
      "deb/libhello/1.0-1+deb12u2/amd64",
      "deb/english/1.0-1/all",
    ]);
    assert.ok(hello!.tree.entries.some(({ path, mode }) => path === "usr/bin/hello" && mode === 0o755));
    assert.match(context.progress.lines.at(-1)!, /^fetching: 2 packages, 0\.0 MB$/);
  });

  test("needs no archive for what the cache holds", async (t) => {
    const { archive, context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    const names = Object.keys(section.packages);
    const first = await source.realise(section, names, [], context);
    rmSync(archive.directory, { recursive: true });
    assert.deepEqual(await source.realise(section, names, [], context), first);
    assert.equal(context.progress.lines.filter((line) => line.startsWith("fetching")).length, 1);
  });

  test("refuses a .deb with another hash or size, and keeps nothing of it", async (t) => {
    const { archive, context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    const path = poolFile(archive, section, "hello");
    const bytes = readFileSync(path);
    for (const [wrong, code] of [
      [Buffer.from(bytes).fill(0, 80, 90), "HASH_MISMATCH"],
      [bytes.subarray(0, 100), "SIZE_MISMATCH"],
      [Buffer.concat([bytes, bytes]), "SIZE_MISMATCH"],
    ] as const) {
      writeFileSync(path, wrong);
      await assert.rejects(source.realise(section, ["hello"], [], context), fails(code, /hello 1:2\.0-1/));
      assert.deepEqual(
        readdirSync(join(context.cache.root, "downloads")).includes(section.packages["hello"]!.sha256),
        false,
      );
    }
    writeFileSync(path, bytes);
    assert.equal((await source.realise(section, ["hello"], [], context)).length, 1);
  });

  test("fetches a .deb again that is damaged in the cache", async (t) => {
    const { archive, context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    const pin = section.packages["hello"]!;
    const good = readFileSync(poolFile(archive, section, "hello"));
    writeFileSync(context.cache.path("downloads", pin.sha256), Buffer.from(good).fill(7, 100, 120));
    const [object] = await source.realise(section, ["hello"], [], context);
    assert.equal(object!.label, "hello 1:2.0-1");
    assert.match(
      context.progress.lines.join("\n"),
      /note: hello 1:2\.0-1 is damaged in the cache and is fetched again/,
    );
  });

  test("finds a file that is gone from the mirror on the snapshot service, on the day or the day after", async (t) => {
    for (const timestamp of ["20250101T000000Z", "20250102T000000Z"]) {
      const { archive, context } = await setUp(t);
      const section = await lock({ context }, ["hello"]);
      const path = poolFile(archive, section, "hello");
      const gone = join(archive.directory, "snapshot/debian", timestamp, section.packages["hello"]!.path);
      cpSync(path, gone);
      rmSync(path);
      // The option names a place that has nothing; offline keeps public servers out of the test.
      const [object] = await source.realise(
        section,
        ["hello"],
        [pathToFileURL("/nowhere/debian").href],
        context,
      );
      assert.equal(object!.label, "hello 1:2.0-1");
    }
  });

  test("says so when nobody has a file", async (t) => {
    const { archive, context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    rmSync(poolFile(archive, section, "hello"));
    await assert.rejects(
      source.realise(section, ["hello", "libhello"], [], context),
      fails("NOT_FOUND", /hello 1:2\.0-1/),
    );
  });

  const TAMPERED: readonly [summary: string, edit: (section: LockSection) => LockSection, message: RegExp][] =
    [
      ["a name that is not there", (section) => ({ ...section, packages: {} }), /it is not there/],
      ["another name", editPin({ name: "libhello" }), /names itself libhello/],
      ["a path that leads out", editPin({ path: "pool/../../../etc/passwd" }), /component ".."/],
      ["an absolute path", editPin({ path: "/etc/passwd" }), /absolute/],
      ["a URL for a path", editPin({ path: "http://evil.example/a.deb" }), /empty component|characters/],
      ["a path with a query", editPin({ path: "pool/a.deb?b" }), /characters/],
      ["a path with a line end", editPin({ path: "pool/a.deb\n" }), /characters/],
      ["a hash that leads out", editPin({ sha256: "../../x" }), /sha256/],
      ["a size that is none", editPin({ size: -1 }), /size/],
      ["a release that is not there", editPin({ release: "__proto__" }), /release __proto__/],
      [
        "a dependency that is not there",
        editPin({ dependencies: ["nothing"] }),
        /package nothing: it is not there/,
      ],
      [
        "an archive that leads out",
        (section) => ({
          ...section,
          releases: { ...section.releases, bookworm: { ...section.releases["bookworm"]!, archive: "../x" } },
        }),
        /is no archive of Debian/,
      ],
      [
        "a scope that is none",
        (section) => ({ ...section, scope: { ...section.scope, snapshot: "../x" } }),
        /its snapshot is wrong/,
      ],
    ];

  function editPin(parts: Partial<LockSection["packages"][string]>) {
    return (section: LockSection): LockSection => ({
      ...section,
      packages: { ...section.packages, hello: { ...section.packages["hello"]!, ...parts } },
    });
  }

  test("refuses a lock that was tampered with (BAD_PIN)", async (t) => {
    const { context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    for (const [summary, edit, message] of TAMPERED) {
      await t.test(summary, () =>
        assert.rejects(source.realise(edit(section), ["hello"], [], context), fails("BAD_PIN", message)),
      );
    }
  });

  test("stops when it is told to", async (t) => {
    const { context } = await setUp(t);
    const section = await lock({ context }, ["hello"]);
    const reason = new Error("stopped");
    const stopped = { ...context, signal: AbortSignal.abort(reason) };
    await assert.rejects(source.realise(section, ["hello"], [], stopped), (error) => error === reason);
  });
});
