import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { makeWheel } from "../../../test/kit/make-wheel.ts";
import { rawTar } from "../../../test/kit/tar.ts";
import type { Tree } from "../../model/tree.ts";
import { ContentReader } from "../../platform/content.ts";
import type { PythonImportOptions } from "./import.ts";
import { source } from "./index.ts";

const OPTIONS: PythonImportOptions = {
  what: "wheels",
  platform: { architecture: "amd64", python: "3.11.2", glibc: "2.36" },
  extras: [],
  groups: [],
  optionalGroups: [],
  indexes: [],
  allowUnmet: [],
  tools: null,
};
const SETUPTOOLS = { packages: ["python3-setuptools", "python3-wheel"], hasOthers: false };

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

function project(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** A project whose pylock.toml has files that lie beside it. */
function locked(t: TestContext, files: Readonly<Record<string, Uint8Array>>, extra = ""): string {
  const packages = Object.entries(files).map(([name, bytes]) => {
    const [, project, version] = /^([^-]+)-([^-]+?)(?:-.*\.whl|\.tar\.gz)$/.exec(name)!;
    const file = `{ path = "${name}", hashes = { sha256 = "${hashOf(bytes)}" } }`;
    const kind = name.endsWith(".whl") ? `wheels = [${file}]` : `sdist = ${file}`;
    return `[[packages]]\nname = "${project}"\nversion = "${version}"\n${kind}\n`;
  });
  return project(t, { "pylock.toml": `lock-version = "1.0"\n${packages.join("")}${extra}`, ...files });
}

function sdist(backend: string): Buffer {
  return gzipSync(rawTar([{ name: "old-2.0/pyproject.toml", content: backend }, { name: "old-2.0/old.py" }]));
}

const LEGACY = sdist("[project]\nname = 'old'\n");

function importTree(t: TestContext, path: string, options: Partial<PythonImportOptions> = {}): Promise<Tree> {
  return source.importTree!(path, { ...OPTIONS, ...options }, testContext(t, { offline: true }));
}

function identify(t: TestContext, path: string, options: Partial<PythonImportOptions> = {}): Promise<string> {
  return source.identifyImport!(path, { ...OPTIONS, ...options }, testContext(t, { offline: true }));
}

function pathsOf({ entries }: Tree): string[] {
  return entries.filter(({ type }) => type !== "directory").map(({ path }) => path);
}

function textOf({ entries }: Tree, path: string): string {
  using reader = new ContentReader();
  const entry = entries.find((one) => one.path === path);
  assert.ok(entry?.type === "file", `${path} is a file`);
  return Buffer.from(reader.read(entry)).toString("utf8");
}

test("wheels make a tree that is at no place yet", async (t) => {
  const wheel = makeWheel({ entryPoints: "[console_scripts]\ndemo = demo:main\n" });
  const tree = await importTree(t, locked(t, { "demo-1.0-py3-none-any.whl": wheel }));
  const site = "lib/python3.11/site-packages";
  assert.deepEqual(pathsOf(tree), [
    "bin/demo",
    `${site}/demo/__init__.py`,
    ...["INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt"].map(
      (name) => `${site}/demo-1.0.dist-info/${name}`,
    ),
  ]);
  assert.match(
    textOf(tree, "bin/demo"),
    /^#!\/python-environment\/bin\/python\nimport sys\nfrom demo import main\n/,
  );
  assert.equal(tree.entries[0]!.path, "");
  assert.ok(tree.entries.some(({ path, type }) => path === site && type === "directory"));
});

test("what a lock says decides the identity, and where it is fetched from does not", async (t) => {
  const files = { "demo-1.0-py3-none-any.whl": makeWheel() };
  const directory = locked(t, files);
  const first = await identify(t, directory);
  assert.equal(await identify(t, directory, { indexes: ["https://mirror.example/simple"] }), first);
  assert.equal(await identify(t, locked(t, files)), first);
  assert.notEqual(await identify(t, locked(t, { ...files, "old-2.0.tar.gz": LEGACY })), first);
  writeFileSync(join(directory, "pyproject.toml"), '[project]\nname = "app"\nversion = "2"\n');
  assert.notEqual(await identify(t, directory), first);
});

test("a source distribution is installed only where it is said with what it is built", async (t) => {
  const path = locked(t, { "demo-1.0-py3-none-any.whl": makeWheel(), "old-2.0.tar.gz": LEGACY });
  await assert.rejects(importTree(t, path), {
    code: "SOURCE_NOT_BUILT",
    message:
      "Cannot install old 2.0: the lock has no wheel of it for Python 3.11 on amd64, and it was not said with what it is built",
    hint: 'Write buildInputs: [packages["python3-setuptools"], packages["python3-wheel"]]',
  });
  const wheels = await importTree(t, path, { tools: SETUPTOOLS });
  assert.ok(!pathsOf(wheels).some((file) => file.includes("old")));
  const sources = await importTree(t, path, { tools: SETUPTOOLS, what: "sources" });
  assert.deepEqual(pathsOf(sources), ["old/old-2.0.tar.gz", "sources.json"]);
  assert.deepEqual(JSON.parse(textOf(sources, "sources.json")), [
    {
      name: "old",
      path: "old/old-2.0.tar.gz",
      backend: "setuptools.build_meta:__legacy__",
      backendPath: [],
      requires: ["setuptools"],
    },
  ]);
});

test("a backend that is not among buildInputs is a BACKEND_MISSING, with what to add", async (t) => {
  const build =
    "[build-system]\nrequires = ['hatchling>=1', 'hatch-vcs']\nbuild-backend = 'hatchling.build'\n";
  const path = locked(t, { "old-2.0.tar.gz": sdist(build) });
  await assert.rejects(importTree(t, path, { tools: SETUPTOOLS, what: "sources" }), {
    code: "BACKEND_MISSING",
    message: /^Cannot build old 2\.0: its build needs hatchling and hatch-vcs, /,
    hint: 'Write buildInputs: [packages["python3-hatchling"], packages["python3-hatch-vcs"]]',
  });
  const others = { packages: [], hasOthers: true };
  assert.equal(pathsOf(await importTree(t, path, { tools: others, what: "sources" })).length, 2);
});

test("a repository has no hash", async (t) => {
  const git = `[[packages]]\nname = "tool"\nversion = "1"\nvcs = { type = "git", url = "https://example.org/tool.git", commit-id = "${"a".repeat(40)}" }\n`;
  await assert.rejects(importTree(t, locked(t, {}, git)), {
    code: "GIT_UNSUPPORTED",
    message: /^Cannot install tool 1: the lock takes it from https:\/\/example\.org\/tool\.git/,
  });
});

test("what wheels ask for is there, or it was said that it need not be", async (t) => {
  const wheel = makeWheel({ metadata: "Requires-Dist: other>=2\nRequires-Dist: thing\n" });
  const other = makeWheel({ name: "other", version: "1.0" });
  const path = locked(t, { "demo-1.0-py3-none-any.whl": wheel, "other-1.0-py3-none-any.whl": other });
  await assert.rejects(importTree(t, path), {
    code: "REQUIREMENT_UNMET",
    message:
      "Cannot install the packages of pylock.toml: demo asks for other>=2, and 1.0 is there, and 1 more",
  });
  await assert.rejects(importTree(t, path, { allowUnmet: ["Other"] }), {
    message: "Cannot install the packages of pylock.toml: demo asks for thing, and it is not there",
  });
  assert.ok(pathsOf(await importTree(t, path, { allowUnmet: ["other", "thing"] })).length > 0);
});

const WORKSPACE = `version = 1
[manifest]
members = ["app", "core"]
[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "core" }]
[package.metadata]
requires-dist = [{ name = "core", directory = "core" }]
[package.metadata.requires-dev]
dev = []
[package.dev-dependencies]
dev = []
[[package]]
name = "core"
version = "1"
source = { directory = "core" }
`;

test("projects beside this one are built from their files, whose change is one of identity", async (t) => {
  const directory = project(t, {
    "uv.lock": WORKSPACE,
    "pyproject.toml":
      '[project]\nname = "app"\nversion = "1"\ndependencies = ["core"]\n[dependency-groups]\ndev = []\n[tool.uv.sources]\ncore = { path = "core" }\n[tool.uv.workspace]\nmembers = ["core"]\n',
    "core/pyproject.toml":
      '[project]\nname = "core"\nversion = "1"\n[build-system]\nrequires = ["uv_build"]\nbuild-backend = "uv_build"\n',
    "core/src/core/__init__.py": "",
    "core/src/core/__pycache__/x.pyc": "made",
  });
  await assert.rejects(importTree(t, directory), { code: "SOURCE_NOT_BUILT" });
  const options = { tools: SETUPTOOLS, what: "sources" } as const;
  const sources = await importTree(t, directory, options);
  assert.deepEqual(pathsOf(sources), [
    "core/source/pyproject.toml",
    "core/source/src/core/__init__.py",
    "sources.json",
  ]);
  const first = await identify(t, directory, options);
  writeFileSync(join(directory, "core/src/core/__pycache__/x.pyc"), "made again");
  assert.equal(await identify(t, directory, options), first);
  writeFileSync(join(directory, "core/src/core/__init__.py"), "changed = True");
  assert.notEqual(await identify(t, directory, options), first);
});

test("a group for development is taken where there is one", async (t) => {
  const directory = locked(t, { "demo-1.0-py3-none-any.whl": makeWheel() });
  assert.deepEqual(source.developImport!({ groups: ["a"] }, undefined), {
    groups: ["a"],
    optionalGroups: ["dev"],
  });
  assert.deepEqual(source.developImport!({ groups: ["a"] }, ["test"]), { groups: ["test"] });
  assert.ok(pathsOf(await importTree(t, directory, { optionalGroups: ["dev"] })).length > 0);
  await assert.rejects(importTree(t, directory, { groups: ["dev"] }), { code: "GROUP_UNKNOWN" });
});

test("there is nothing to pin", async (t) => {
  const context = testContext(t);
  await assert.rejects(source.lock({ architecture: "amd64" }, [], [], context), /the project's own lock/);
});
