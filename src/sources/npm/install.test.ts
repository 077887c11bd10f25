import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { integrityOf, packPackage, packTarball, serveRegistry } from "../../../test/kit/npm-registry.ts";
import { parseIntegrity } from "../../formats/npm/integrity.ts";
import { toBytePath } from "../../model/bytes.ts";
import type { Tree } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";
import { installNodeModules } from "./install.ts";
import { readNodeProject } from "./project.ts";
import { listWorkspaces } from "./workspaces.ts";

const A = {
  name: "a",
  version: "1.0.0",
  bin: { a: "cli.js", none: "none.js" },
  scripts: { postinstall: "node x" },
};
const A_TARBALL = packPackage(A, [
  { name: "cli.js", content: "#!/usr/bin/env node\r\nconsole.log(1)\r\n" },
  { name: ".gitignore", content: "x" },
  { name: "node_modules/in/package.json", content: '{"name":"in","version":"1.0.0"}' },
  { name: "node_modules/own/old.js", content: "" },
]);
const B = { name: "@s/b", version: "2.0.0" };
const B_TARBALL = packPackage(B, [{ name: "binding.gyp", content: "{}" }]);

function writeProject(t: TestContext, files: Readonly<Record<string, unknown>>, npmrc = ""): string {
  const directory = temporaryDirectory(t);
  for (const [path, content] of Object.entries({ ...files, ".npmrc": npmrc })) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content),
    );
  }
  return directory;
}

/** A project that depends on what is locked; the registry is asked by nobody but it. */
function projectOf(
  t: TestContext,
  url: string,
  packages: Record<string, object>,
  more: Record<string, unknown> = {},
) {
  return writeProject(
    t,
    {
      "package.json": { name: "p", dependencies: { a: "1" } },
      "package-lock.json": {
        lockfileVersion: 3,
        packages: { "": { dependencies: { a: "1" } }, ...packages },
      },
      ...more,
    },
    `registry=${url}\n//${new URL(url).host}/:_authToken=secret-token`,
  );
}

const locked = (version: string, tarball: Buffer, more: object = {}) => ({
  version,
  integrity: integrityOf(tarball),
  ...more,
});

function dump({ entries }: Tree): string[] {
  return entries
    .filter(({ type }) => type !== "directory")
    .map(
      (entry) => `${entry.path} ${entry.type === "symlink" ? `-> ${entry.target}` : entry.mode.toString(8)}`,
    );
}

/** The environment's settings would be stronger than those of a project. */
function isolate(t: TestContext): void {
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const name of Object.keys(process.env)) if (/^npm_config_/i.test(name)) delete process.env[name];
}

function install(t: TestContext, directory: string, context = testContext(t)) {
  isolate(t);
  const options = { architecture: "amd64", prefix: toBytePath("app") } as const;
  return installNodeModules(readNodeProject(directory), options, context);
}

test("a lock becomes a tree: packages, commands, what is bundled, links", async (t) => {
  const { url, requests } = await serveRegistry(t, [
    { manifest: A, tarball: A_TARBALL },
    { manifest: B, tarball: B_TARBALL },
  ]);
  const directory = projectOf(
    t,
    url,
    {
      "node_modules/a": locked("1.0.0", A_TARBALL, { bin: A.bin, hasInstallScript: true }),
      "node_modules/a/node_modules/in": { version: "1.0.0", inBundle: true },
      "node_modules/a/node_modules/own": locked("2.0.0", B_TARBALL, { name: "@s/b" }),
      "node_modules/@s/b": locked("2.0.0", B_TARBALL, { hasInstallScript: true }),
      "node_modules/w": { resolved: "w", link: true },
      w: { version: "1.0.0", bin: { w: "w.js", gone: "gone.js" } },
    },
    { "w/package.json": { name: "w" }, "w/w.js": "" },
  );
  const context = testContext(t);
  const { tree, packages, installScripts, warnings } = await install(t, directory, context);
  assert.deepEqual(dump(tree), [
    "app/node_modules/.bin/a -> ../a/cli.js",
    "app/node_modules/.bin/w -> ../w/w.js",
    "app/node_modules/@s/b/binding.gyp 644",
    "app/node_modules/@s/b/package.json 644",
    "app/node_modules/a/.npmignore 644",
    "app/node_modules/a/cli.js 755",
    "app/node_modules/a/node_modules/in/package.json 644",
    "app/node_modules/a/node_modules/own/binding.gyp 644",
    "app/node_modules/a/node_modules/own/package.json 644",
    "app/node_modules/a/package.json 644",
    "app/node_modules/w -> ../w",
  ]);
  const cli = tree.entries.find(({ path }) => path.endsWith("/cli.js"));
  using reader = new ContentReader();
  assert.equal(
    cli?.type === "file" && Buffer.from(reader.read(cli)).toString(),
    "#!/usr/bin/env node\nconsole.log(1)\r\n",
  );
  assert.deepEqual(installScripts, [
    {
      name: "@s/b",
      version: "2.0.0",
      path: "node_modules/@s/b",
      commands: [{ event: "install", command: "node-gyp rebuild" }],
    },
    {
      name: "a",
      version: "1.0.0",
      path: "node_modules/a",
      commands: [{ event: "postinstall", command: "node x" }],
    },
  ]);
  assert.equal(packages.length, 4);
  assert.deepEqual(warnings, []);
  // What is at two places is fetched once; a second time nothing is.
  assert.deepEqual(requests.sort(), [
    "GET /@s/b/-/b-2.0.0.tgz Bearer secret-token",
    "GET /a/-/a-1.0.0.tgz Bearer secret-token",
  ]);
  const again = await install(t, directory, { ...context, offline: true });
  assert.deepEqual(dump(again.tree), dump(tree));
  assert.equal(requests.length, 2);
});

test("a registry that keeps tarballs elsewhere is asked where", async (t) => {
  const { url } = await serveRegistry(t, [{ manifest: A, tarball: A_TARBALL, path: "files/1234" }]);
  const { tree } = await install(t, projectOf(t, url, { "node_modules/a": locked("1.0.0", A_TARBALL) }));
  assert.ok(dump(tree).includes("app/node_modules/a/package.json 644"));
});

test("a lock with a SHA-1 alone is used with a warning", async (t) => {
  const { url } = await serveRegistry(t, [{ manifest: A, tarball: A_TARBALL }]);
  const entry = { version: "1.0.0", integrity: integrityOf(A_TARBALL, "sha1") };
  const { warnings } = await install(t, projectOf(t, url, { "node_modules/a": entry }));
  assert.match(warnings[0] ?? "", /^a 1.0.0: the lock has only a SHA-1/);
});

test("a tarball of the project is taken as it is, unless the lock knows better", async (t) => {
  const entry = { version: "1.0.0", resolved: "file:vendor/a.tgz" };
  const files = { "vendor/a.tgz": packTarball([{ name: "package.json", content: "{}" }]) };
  const directory = projectOf(t, "http://localhost:1/", { "node_modules/a": entry }, files);
  assert.deepEqual(dump((await install(t, directory)).tree), ["app/node_modules/a/package.json 644"]);
  const other = { ...entry, integrity: integrityOf(A_TARBALL) };
  await assert.rejects(install(t, projectOf(t, "http://localhost:1/", { "node_modules/a": other }, files)), {
    code: "INTEGRITY_MISMATCH",
  });
  await assert.rejects(install(t, projectOf(t, "http://localhost:1/", { "node_modules/a": entry })), {
    code: "PROJECT_FILE_MISSING",
    message: /vendor\/a.tgz/,
  });
});

test("other bytes than those locked are refused with INTEGRITY_MISMATCH", async (t) => {
  const { url } = await serveRegistry(t, [{ manifest: A, tarball: B_TARBALL }]);
  await assert.rejects(install(t, projectOf(t, url, { "node_modules/a": locked("1.0.0", A_TARBALL) })), {
    code: "INTEGRITY_MISMATCH",
    message: /^Cannot install a 1.0.0: its tarball does not have the integrity sha512-/,
    hint: /trust neither/,
  });
});

test("a tarball that is damaged in the cache is fetched again", async (t) => {
  const { url, requests } = await serveRegistry(t, [{ manifest: A, tarball: A_TARBALL }]);
  const directory = projectOf(t, url, { "node_modules/a": locked("1.0.0", A_TARBALL) });
  const context = testContext(t);
  const { tree } = await install(t, directory, context);
  const digest = parseIntegrity(integrityOf(A_TARBALL), "a").digests[0];
  writeFileSync(context.cache.path("downloads", `sha512-${digest}`), A_TARBALL.subarray(0, 100));
  rmSync(context.cache.path("trees", `npm-sha512-${digest}.json`));
  assert.deepEqual((await install(t, directory, context)).tree, tree);
  assert.equal(requests.length, 2);
  assert.ok(context.progress.lines.some((line) => /damaged in the cache/.test(line)));
});

test("a registry that lets nobody in: UNAUTHORIZED, and the token is told to nobody", async (t) => {
  const { url } = await serveRegistry(t, [{ manifest: A, tarball: A_TARBALL }], "another");
  const directory = projectOf(t, url, { "node_modules/a": locked("1.0.0", A_TARBALL) });
  await assert.rejects(install(t, directory), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, "UNAUTHORIZED");
    assert.doesNotMatch(`${error.message}${error.hint}${error.stack}${String(error.cause)}`, /secret/);
    return true;
  });
});

test("two things at one path are refused with LAYOUT_CONFLICT", async (t) => {
  const tarball = packPackage(A, [{ name: "node_modules/w/x", content: "" }]);
  const { url } = await serveRegistry(t, [{ manifest: A, tarball }]);
  const directory = projectOf(
    t,
    url,
    {
      "node_modules/a": locked("1.0.0", tarball),
      "node_modules/a/node_modules/w": { resolved: "w", link: true },
      w: {},
    },
    { "w/package.json": {} },
  );
  await assert.rejects(install(t, directory), {
    code: "LAYOUT_CONFLICT",
    message: /node_modules\/a\/node_modules\/w/,
  });
});

test("a directory without manifest or lock is refused with LOCK_NOT_FOUND", (t) => {
  assert.throws(() => readNodeProject(writeProject(t, {})), {
    code: "LOCK_NOT_FOUND",
    message: /no package.json/,
  });
  assert.throws(() => readNodeProject(writeProject(t, { "package.json": {}, "yarn.lock": "" })), {
    code: "LOCK_NOT_FOUND",
    hint: /npm install --package-lock-only/,
  });
});

test("of several locks npm's shrinkwrap counts, unless package.json names pnpm", (t) => {
  const files = {
    "package-lock.json": "{",
    "npm-shrinkwrap.json": { lockfileVersion: 2, packages: { "": {} } },
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters: { .: {} }",
  };
  const read = (manifest: object) =>
    readNodeProject(writeProject(t, { ...files, "package.json": manifest })).lock.name;
  assert.equal(read({}), "npm-shrinkwrap.json");
  assert.equal(read({ packageManager: "pnpm@10.0.0" }), "pnpm-lock.yaml");
});

test("a workspace that the lock does not know is LOCK_OUT_OF_DATE", (t) => {
  const manifest = { workspaces: ["packages/*"] };
  const directory = writeProject(t, {
    "package.json": manifest,
    "package-lock.json": { lockfileVersion: 3, packages: { "": manifest } },
    "packages/new/package.json": {},
  });
  assert.throws(() => readNodeProject(directory), { code: "LOCK_OUT_OF_DATE", message: /packages\/new/ });
});

test("patterns of workspaces", (t) => {
  const paths = [
    "a",
    "packages/b",
    "packages/c",
    "packages/c/node_modules/d",
    "packages/.e",
    "libs/x/y",
    "libs/x",
  ];
  const directory = writeProject(t, Object.fromEntries(paths.map((path) => [`${path}/package.json`, {}])));
  const list = (...patterns: string[]) => listWorkspaces(directory, patterns).join(" ");
  assert.equal(list("./a", "packages/*"), "a packages/b packages/c");
  assert.equal(list("packages/*", "!packages/c"), "packages/b");
  assert.equal(list("libs/**"), "libs/x libs/x/y");
  assert.equal(list("**", "!**/c"), "a libs/x libs/x/y packages/b");
  assert.equal(list("packages/{b,z}", "../*", "/etc", "none/*"), "packages/b");
});

test("settings of pnpm that would make another tree are told", (t) => {
  const directory = writeProject(
    t,
    {
      "package.json": {},
      "pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters: { .: {} }",
      "pnpm-workspace.yaml": "publicHoistPattern: ['*types*']\n",
    },
    "node-linker=hoisted\nshamefully-hoist=true\n",
  );
  assert.deepEqual(
    readNodeProject(directory).warnings.map((warning) => / (\S+) is not followed/.exec(warning)?.[1]),
    ["node-linker=hoisted", "shamefully-hoist=true", "public-hoist-pattern"],
  );
  const broken = writeProject(t, {
    "package.json": {},
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters: { .: {} }",
    "pnpm-workspace.yaml": "a: [",
  });
  assert.throws(() => readNodeProject(broken), { code: "MANIFEST_INVALID", message: /pnpm-workspace.yaml/ });
});
