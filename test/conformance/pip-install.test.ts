// A tree of wheels against what pip makes of the same lock, and whether Debian's Python runs it as it is.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, globSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseRecord } from "../../src/formats/python/wheel-metadata.ts";
import { decodeByteString } from "../../src/model/bytes.ts";
import type { Tree } from "../../src/model/tree.ts";
import { ContentReader } from "../../src/platform/content.ts";
import { TreeWriter } from "../../src/platform/extract.ts";
import { readPythonLock } from "../../src/sources/pypi/read-lock.ts";
import { realisePythonLock } from "../../src/sources/pypi/realise.ts";
import { installSitePackages } from "../../src/sources/pypi/site-packages.ts";
import { findUnmetRequirements } from "../../src/sources/pypi/unmet-requirements.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { makePip, skipWithoutIndex } from "../kit/python.ts";
import { run } from "../kit/tools.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/python");

/** What differs by right: who installed it, and what belongs to the environment and not to a distribution. */
const NOT_COMPARED =
  /\.dist-info\/(?:RECORD|INSTALLER|REQUESTED)$|^bin\/(?:python[0-9.]*|activate.*|Activate\.ps1|pip.*)$|^pyvenv\.cfg$|(?:^|\/)__pycache__\/|^\.gitignore$|^lib64$/;

/** Every file as `path mode sha256`, first lines of scripts without the path of the Python. */
function describeFile(path: string, isExecutable: boolean, bytes: Uint8Array): string {
  const text = Buffer.from(bytes)
    .toString("latin1")
    .replace(/^#!.*\/bin\/python[0-9.]*\n/, "#!python\n");
  return `${path} ${isExecutable ? "x" : "-"} ${createHash("sha256").update(text, "latin1").digest("hex")}`;
}

function describeDirectory(root: string): string[] {
  return globSync("**", { cwd: root })
    .filter((path) => !NOT_COMPARED.test(path) && lstatSync(join(root, path)).isFile())
    .map((path) =>
      describeFile(path, (lstatSync(join(root, path)).mode & 0o111) !== 0, readFileSync(join(root, path))),
    )
    .sort();
}

function describeTree(tree: Tree, prefix: string): string[] {
  using reader = new ContentReader();
  return tree.entries
    .flatMap((entry) => {
      const path = decodeByteString(entry.path).slice(prefix.length + 1);
      if (entry.type !== "file" || NOT_COMPARED.test(path)) return [];
      return describeFile(path, (entry.mode & 0o111) !== 0, reader.read(entry));
    })
    .sort();
}

/** Version of a Python and of the C library that it runs on. */
function platformOf(python: string) {
  const [version, glibc] = run(python, [
    "-c",
    "import platform as p; print(p.python_version(), p.libc_ver()[1])",
  ])
    .trim()
    .split(" ") as [string, string];
  const architecture = process.arch === "arm64" ? ("arm64" as const) : ("amd64" as const);
  return { architecture, python: version, glibc };
}

function recordedPaths(file: string): string[] {
  return parseRecord(readFileSync(file, "utf8"))
    .map(({ path }) => path)
    .filter((path) => !/__pycache__|\/REQUESTED$/.test(path))
    .sort();
}

function writeTree(tree: Tree, root: string): void {
  const writer = new TreeWriter(root, { owners: false });
  using reader = new ContentReader();
  for (const entry of tree.entries) {
    const attributes = { mode: entry.mode, uid: 0, gid: 0, mtimeSeconds: 1 };
    if (entry.type === "file") writer.file(entry.path, attributes, reader.read(entry));
    else if (entry.type === "symlink") writer.symlink(entry.path, entry.target, attributes);
    else writer.directory(entry.path, attributes);
  }
  writer.finish();
}

const CASES: readonly [summary: string, lock: string][] = [
  ["Flask, gunicorn and native wheels", "service/requirements.txt"],
  ["headers, data files, scripts and the stable ABI", "wheels/requirements.txt"],
];
test("the same files as pip's", async (parent) => {
  if (await skipWithoutIndex(parent)) return;
  const pip = makePip(parent);
  if (pip === undefined) return;
  for (const [summary, file] of CASES) await parent.test(summary, (t) => compareWithPip(t, pip, file));
});

async function compareWithPip(t: TestContext, pip: string, file: string): Promise<void> {
  const environment = join(temporaryDirectory(t), "venv");
  run("python3", ["-m", "venv", "--without-pip", environment]);
  const python = join(environment, "bin/python");
  const lockFile = join(FIXTURES, file);
  const args = [
    "--no-deps",
    "--require-hashes",
    "--no-compile",
    "--only-binary",
    ":all:",
    "--quiet",
    "-r",
    lockFile,
  ];
  run(pip, ["--python", python, "install", ...args]);

  const platform = platformOf(python);
  const minor = platform.python.split(".").slice(0, 2).join(".");
  const locked = readPythonLock(lockFile);
  const found = await realisePythonLock(locked, { platform, extras: [], groups: [] }, testContext(t));
  const wheels = found.filter((one) => one.kind === "wheel");
  assert.equal(wheels.length, found.length);
  const { tree, replaced } = installSitePackages(wheels, { python: minor, prefix: environment });
  assert.deepEqual(replaced, []);
  const ours = describeTree(tree, environment.slice(1));
  assert.ok(ours.length > 50);
  assert.deepEqual(ours, describeDirectory(environment));

  const own = join(temporaryDirectory(t), "root");
  mkdirSync(own);
  writeTree(tree, own);
  for (const { metadata } of wheels) {
    const record = `lib/python${minor}/site-packages/${metadata.distInfo}/RECORD`;
    assert.deepEqual(
      recordedPaths(join(own, environment, record)),
      recordedPaths(join(environment, record)),
      record,
    );
  }
}

/** Installs uv.lock of the service at a place of this machine for Debian's own Python. */
async function installForDebian(t: TestContext): Promise<string | undefined> {
  const interpreter = "/usr/bin/python3";
  if (!existsSync(interpreter)) {
    t.skip("Debian's python3 is not installed");
    return undefined;
  }
  if (await skipWithoutIndex(t)) return undefined;
  const platform = platformOf(interpreter);
  const python = platform.python.split(".").slice(0, 2).join(".");
  const locked = readPythonLock(join(FIXTURES, "service"));
  const found = await realisePythonLock(
    locked,
    { platform, extras: ["redis"], groups: ["test"] },
    testContext(t),
  );
  const wheels = found.filter((one) => one.kind === "wheel");
  assert.deepEqual(findUnmetRequirements(wheels, platform), []);
  const root = temporaryDirectory(t);
  const prefix = join(root, "venv");
  const { tree } = installSitePackages(wheels, { python, prefix });
  const store = join(root, "store");
  mkdirSync(store);
  writeTree(tree, store);
  cpSync(join(store, prefix), prefix, { recursive: true, verbatimSymlinks: true });
  return prefix;
}

test("Debian's Python finds everything, without a variable, and runs scripts and native modules", async (t) => {
  const prefix = await installForDebian(t);
  if (prefix === undefined) return;
  const environment = { PATH: "/nonexistent" };
  const start = (program: string, ...args: string[]) => {
    const result = spawnSync(join(prefix, "bin", program), args, { env: environment, encoding: "utf8" });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout;
  };
  const say = "import sys, json, yaml._yaml, markupsafe._speedups; print(json.dumps([sys.prefix, sys.path]))";
  const [own, path] = JSON.parse(start("python", "-c", say)) as [string, string[]];
  assert.equal(own, prefix);
  assert.ok(path.some((entry) => entry.startsWith(`${prefix}/lib/`)));
  assert.ok(!path.some((entry) => entry.includes("dist-packages")), "Debian's own packages are not seen");
  assert.match(start("flask", "--version"), /Flask 3\.1\.3/);
  assert.match(start("gunicorn", "--version"), /gunicorn \(version 23\.0\.0\)/);
  assert.match(start("pytest", "--version"), /pytest/);
  const names = "import importlib.metadata as m; print(sorted(d.name.lower() for d in m.distributions()))";
  const listed = start("python3", "-c", names);
  for (const name of ["flask", "gunicorn", "redis", "pyyaml"])
    assert.ok(listed.includes(`'${name}'`), listed);
  const check =
    "import importlib.metadata as m; print([str(f) for f in m.files('flask') if not f.locate().exists()])";
  assert.equal(start("python", "-c", check).trim(), "[]");
  const app = join(prefix, "app.py");
  writeFileSync(
    app,
    "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef hello(): return 'hello'\n",
  );
  const ask = "import app; print(app.app.test_client().get('/').text)";
  const answer = spawnSync(join(prefix, "bin/python"), ["-c", ask], {
    cwd: prefix,
    env: environment,
    encoding: "utf8",
  });
  assert.equal(answer.stdout, "hello\n", answer.stderr);
});
