// Packages found by the files that they ship, in archives that the tests make: `file:` mirrors, no network.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { type ArchiveOptions, makeArchive, useEnvironment } from "../../../test/kit/debian-archive.ts";
import { TareError } from "../../model/errors.ts";
import type { Architecture } from "../../model/image-spec.ts";
import { source } from "./index.ts";
import { debian } from "./request.ts";

const PROGRAM = { text: "x", mode: 0o755 };
const ARCHIVE: ArchiveOptions = {
  packages: [
    {
      name: "libc6",
      files: {
        "lib64/ld-linux-x86-64.so.2": "x",
        "lib/x86_64-linux-gnu/libc.so.6": "x",
        "usr/lib/x86_64-linux-gnu/gconv/libc.so.6": "x",
      },
    },
    { name: "libc6", architecture: "arm64", files: { "lib/aarch64-linux-gnu/libc.so.6": "x" } },
    { name: "libblas3", files: { "usr/lib/x86_64-linux-gnu/blas/libblas.so.3": "x" } },
    { name: "dash", fields: { Essential: "yes" }, files: { "bin/sh": PROGRAM } },
    { name: "server", version: "1:2.0-1", files: { "usr/sbin/server": PROGRAM, "usr/bin/sérveur": PROGRAM } },
    { name: "script", architecture: "all", files: { "usr/bin/script": PROGRAM } },
    { name: "mawk", fields: { Provides: "awk" }, files: { "usr/bin/mawk": PROGRAM } },
    { name: "jre", files: { "usr/lib/jvm/java-17/bin/java": PROGRAM } },
    { name: "vim", files: { "usr/bin/vim.basic": PROGRAM, "usr/bin/vim.tiny": PROGRAM } },
    { name: "tool-b", files: { "usr/bin/tool": PROGRAM } },
    { name: "tool-a", files: { "usr/bin/tool": PROGRAM } },
    { name: "tool-z", fields: { Priority: "standard" }, files: { "usr/bin/tool": PROGRAM } },
    { name: "tools", fields: { Depends: "tool-b" } },
    { name: "both", files: { "bin/merged": PROGRAM, "usr/bin/blanks in it": "x" } },
  ],
  updates: [{ name: "newcomer", files: { "usr/bin/newcomer": PROGRAM } }],
  security: [{ name: "server", version: "1:2.0-1+deb12u1" }],
};

async function setUp(t: TestContext, options: ArchiveOptions = ARCHIVE) {
  const archive = await makeArchive(temporaryDirectory(t), options);
  useEnvironment(t, archive.environment);
  return { archive, context: testContext(t, { offline: true }) };
}

function lock(
  { context }: Pick<Awaited<ReturnType<typeof setUp>>, "context">,
  names: readonly string[],
  architecture: Architecture = "amd64",
) {
  return source.lock(debian("bookworm", { architecture }).scope, names, [], context);
}

const found: [summary: string, request: string, name: string][] = [
  ["a path as it is shipped", "/usr/sbin/server", "server"],
  ["a path that is not ASCII", "/usr/bin/sérveur", "server"],
  ["a path with blanks", "/usr/bin/blanks in it", "both"],
  ["a path below /bin as /usr/bin", "/usr/bin/merged", "both"],
  ["a path below /usr/bin as /bin", "/bin/tool", "tool-z"],
  ["a package of every architecture", "/usr/bin/script", "script"],
  ["a program by its name", "bin:server", "server"],
  ["a shell", "bin:sh", "dash"],
  ["a library, not its namesake deeper down", "lib:libc.so.6", "libc6"],
  ["the dynamic loader", "/lib64/ld-linux-x86-64.so.2", "libc6"],
  ["what only the updates have", "/usr/bin/newcomer", "newcomer"],
];

test("the package that ships a file is found, and resolved in all suites", async (t) => {
  const environment = await setUp(t);
  const section = await lock(
    environment,
    found.map(([, request]) => request),
  );
  for (const [summary, request, name] of found) assert.equal(section.requests[request], name, summary);
  assert.equal(section.packages["server"]!.version, "1:2.0-1+deb12u1");
  assert.deepEqual(Object.keys(section.requests), [...Object.keys(section.requests)].sort());
});

test("a package may be asked for by version and by file at once", async (t) => {
  const environment = await setUp(t);
  const section = await lock(environment, ["/usr/sbin/server", "server=1:2.0-1"]);
  assert.deepEqual(section.requests, { "/usr/sbin/server": "server", "server=1:2.0-1": "server" });
  assert.equal(section.packages["server"]!.version, "1:2.0-1");
});

test("libraries are those of the architecture", async (t) => {
  const environment = await setUp(t);
  const section = await lock(environment, ["lib:libc.so.6"], "arm64");
  assert.equal(section.packages["libc6"]!.architecture, "arm64");
});

test("of several packages one that comes along anyway is taken, then by priority; a note names the others", async (t) => {
  const environment = await setUp(t);
  assert.equal((await lock(environment, ["/usr/bin/tool"])).requests["/usr/bin/tool"], "tool-z");
  assert.deepEqual(
    environment.context.progress.lines.filter((line) => line.startsWith("note")),
    ["note: /usr/bin/tool is that of tool-z; tool-a and tool-b would have one, too"],
  );
  const section = await lock(environment, ["/usr/bin/tool", "tools"]);
  assert.equal(section.requests["/usr/bin/tool"], "tool-b");
  assert.deepEqual(Object.keys(section.packages), ["dash", "tool-b", "tools"]);
});

const unknown: [summary: string, request: string, message: RegExp, hint: RegExp][] = [
  ["mistyped", "/usr/bin/scirpt", /\/usr\/bin\/scirpt: no package of bookworm ships it$/, /"script"/],
  ["a mistyped name", "bin:srever", /bin:srever/, /"server"/],
  ["provided virtually", "/usr/bin/awk", /awk/, /provides awk: mawk/],
  ["a link to a program elsewhere", "bin:java", /java/, /\/usr\/lib\/jvm\/java-17\/bin\/java of jre/],
  ["a link to a variant", "/usr/bin/vi", /vi/, /leads to: vim\.basic, vim\.tiny/],
  ["nothing like it", "/opt/none", /\/opt\/none/, /update-alternatives/],
  [
    "a library that is elsewhere",
    "lib:libblas.so.3",
    /libblas\.so\.3: no package of bookworm ships it in a directory of libraries/,
    /blas\/libblas\.so\.3 of libblas3: ask for its package/,
  ],
  ["a library of nobody's", "lib:libown.so.1", /libown/, /with file\(\)/],
];
test("what nobody ships is told with UNKNOWN_PATH and the names nearest to it", async (t) => {
  const environment = await setUp(t);
  for (const [summary, request, message, hint] of unknown) {
    await assert.rejects(lock(environment, [request]), (error) => {
      assert.ok(error instanceof TareError, `${summary}: ${error}`);
      assert.equal(error.code, "UNKNOWN_PATH", summary);
      assert.match(error.message, message, summary);
      assert.match(error.hint ?? "", hint, summary);
      return true;
    });
  }
  await assert.rejects(lock(environment, ["/opt/a", "lib:b.so"]), {
    message: /Cannot resolve \/opt\/a, lib:b\.so/,
  });
});

test("an archive without Contents is told with INDEX_MISSING; packages by name need none", async (t) => {
  const environment = await setUp(t, { ...ARCHIVE, contents: false });
  await assert.rejects(lock(environment, ["/bin/sh"]), { code: "INDEX_MISSING", message: /Contents/ });
  assert.deepEqual((await lock(environment, ["dash"])).requests, { dash: "dash" });
});

for (const options of [
  { forms: [".gz"] },
  { forms: [""] },
  { byHash: "no" },
  { byHash: "only" },
] satisfies ArchiveOptions[]) {
  test(`indices are found however they are published: ${JSON.stringify(options)}`, async (t) => {
    const environment = await setUp(t, { ...ARCHIVE, ...options });
    assert.deepEqual((await lock(environment, ["/bin/sh"])).requests, { "/bin/sh": "dash" });
  });
}

test("an index in the cache is used again, and fetched again when it is damaged", async (t) => {
  const environment = await setUp(t);
  const { archive, context } = environment;
  const first = await lock(environment, ["/bin/sh"]);
  const dists = join(archive.directory, "debian/dists/bookworm/main");
  const downloads = join(context.cache.root, "downloads");
  for (const name of readdirSync(downloads)) {
    const bytes = readFileSync(join(downloads, name));
    bytes[bytes.length >> 1]! ^= 0x55;
    writeFileSync(join(downloads, name), bytes);
  }
  assert.deepEqual(await lock(environment, ["/bin/sh"]), first);
  rmSync(dists, { recursive: true });
  assert.deepEqual(await lock(environment, ["/bin/sh"]), first);
});

test("an index of updates that cannot be had is passed over with a warning, when it is needed at all", async (t) => {
  const environment = await setUp(t);
  const main = join(environment.archive.directory, "debian/dists/bookworm-updates/main");
  for (const name of readdirSync(main).filter((one) => one.startsWith("Contents"))) rmSync(join(main, name));
  rmSync(join(main, "by-hash"), { recursive: true });
  await lock(environment, ["/bin/sh", "/usr/bin/script"]);
  const { lines } = environment.context.progress;
  assert.deepEqual(
    lines.filter((line) => line.startsWith("warning")),
    [],
  );
  await assert.rejects(lock(environment, ["/usr/bin/newcomer"]), { code: "UNKNOWN_PATH" });
  assert.match(lines.join("\n"), /warning: files of bookworm-updates are not looked up: Cannot fetch/);
});

test("an index that the release does not vouch for is refused with HASH_MISMATCH", async (t) => {
  const { archive, context } = await setUp(t);
  const main = join(archive.directory, "debian/dists/bookworm/main");
  for (const name of readdirSync(main, { recursive: true, encoding: "utf8" })) {
    if (!/Contents|by-hash\/SHA256\/./.test(name)) continue;
    const bytes = readFileSync(join(main, name));
    bytes[bytes.length - 1]! ^= 1;
    // Those of packages, too: they are in the cache by then.
    writeFileSync(join(main, name), bytes);
  }
  await assert.rejects(lock({ context }, ["/bin/sh"]), { code: "HASH_MISMATCH", message: /Contents-amd64/ });
});

test("an index that is no text of lines is refused with BAD_INDEX", async (t) => {
  const environment = await setUp(t, { ...ARCHIVE, editContents: () => "x".repeat(2 << 20) });
  await assert.rejects(lock(environment, ["/bin/sh"]), { code: "BAD_INDEX", message: /Contents-amd64/ });
});
