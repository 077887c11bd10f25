import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { makeZip } from "../../../test/kit/make-wheel.ts";
import { computeGoHash } from "../../formats/go/go-sum.ts";
import { source } from "./index.ts";
import { listProxies } from "./proxies.ts";

const MODULE = "example.com/Greet";
const GO_MOD = "module example.com/Greet\n";
const FILES = [
  { name: `${MODULE}@v1.0.0/go.mod`, content: GO_MOD },
  { name: `${MODULE}@v1.0.0/greet.go`, content: "package greet\n" },
];

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

const ZIP_HASH = computeGoHash(FILES.map(({ name, content }) => ({ name, sha256: sha256(content) })));
const MOD_HASH = computeGoHash([{ name: "go.mod", sha256: sha256(GO_MOD) }]);
const GO_SUM = `${MODULE} v1.0.0 ${ZIP_HASH}\n${MODULE} v1.0.0/go.mod ${MOD_HASH}\n`;

function setVariable(t: TestContext, name: string, value: string | undefined): void {
  const before = process.env[name];
  t.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** A proxy in a directory; its zip holds the files. */
function makeProxy(t: TestContext, files: typeof FILES = FILES): string {
  const directory = temporaryDirectory(t);
  const place = join(directory, "example.com/!greet/@v");
  mkdirSync(place, { recursive: true });
  writeFileSync(
    join(place, "v1.0.0.zip"),
    makeZip(files.map(({ name, content }) => ({ name, data: Buffer.from(content) }))),
  );
  writeFileSync(join(place, "v1.0.0.mod"), GO_MOD);
  setVariable(t, "GOPROXY", `${pathToFileURL(directory).href},direct`);
  return join(place, "v1.0.0.zip");
}

function makeProject(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

const PROJECT = { "go.mod": `module m\nrequire ${MODULE} v1.0.0\n`, "go.sum": GO_SUM };

test("what go.sum vouches for becomes a tree that go takes for a proxy", async (t) => {
  const zip = makeProxy(t);
  const context = testContext(t);
  const project = makeProject(t, PROJECT);
  const tree = await source.importTree!(project, {}, context);
  const base = "example.com/!greet/@v/v1.0.0";
  assert.deepEqual(
    tree.entries.filter(({ type }) => type === "file").map(({ path }) => path),
    [`${base}.info`, `${base}.mod`, `${base}.zip`],
  );
  // What is in the cache is checked as what is fetched; damage is mended from the proxy.
  const file = tree.entries.find(({ path }) => path.endsWith(".zip"));
  assert.ok(file?.type === "file" && file.content.kind === "range");
  writeFileSync(file.content.file, "damaged");
  await source.importTree!(project, {}, context);
  assert.deepEqual(readFileSync(file.content.file), readFileSync(zip));
});

test("what an import depends on is go.sum", async (t) => {
  const context = testContext(t);
  const identify = (files: Readonly<Record<string, string>>) =>
    source.identifyImport!(makeProject(t, files), {}, context);
  const before = await identify(PROJECT);
  assert.equal(await identify({ ...PROJECT, "main.go": "package main" }), before);
  assert.notEqual(await identify({ ...PROJECT, "go.sum": `${GO_SUM}b.c/d v1.0.0 ${ZIP_HASH}\n` }), before);
});

test("a module that is not what go.sum says is refused with GO_SUM_MISMATCH", async (t) => {
  makeProxy(t, [{ name: `${MODULE}@v1.0.0/greet.go`, content: "package evil\n" }]);
  await assert.rejects(source.importTree!(makeProject(t, PROJECT), {}, testContext(t)), {
    code: "GO_SUM_MISMATCH",
    message: /example\.com\/Greet v1\.0\.0: its hash is h1:.*go\.sum says h1:/,
    hint: /go mod tidy/,
  });
  const zip = makeProxy(t);
  writeFileSync(zip, "no zip");
  await assert.rejects(source.importTree!(makeProject(t, PROJECT), {}, testContext(t)), {
    code: "GO_SUM_MISMATCH",
    message: /no module's zip/,
  });
});

test("a go.sum that is missing or lacks what go.mod requires is refused", async (t) => {
  const identify = (files: Readonly<Record<string, string>>) =>
    source.identifyImport!(makeProject(t, files), {}, testContext(t));
  await assert.rejects(identify({ "go.mod": PROJECT["go.mod"] }), { code: "GO_SUM_MISSING" });
  await assert.rejects(identify({ ...PROJECT, "go.mod": "module m\nrequire b.c/d v1.0.0\n" }), {
    code: "GO_SUM_OUT_OF_DATE",
    message: /b\.c\/d v1\.0\.0/,
  });
  const replaced = "module m\nrequire b.c/d v1.0.0\nreplace b.c/d => ./d\n";
  await identify({ ...PROJECT, "go.mod": replaced });
});

test("proxies are those of the environment; repositories are never asked", (t) => {
  setVariable(t, "GOENV", "off");
  setVariable(t, "GOPROXY", "http://127.0.0.1:1/a/|https://b.example,direct");
  assert.deepEqual(listProxies(), ["http://127.0.0.1:1/a", "https://b.example"]);
  setVariable(t, "GOPROXY", "off");
  assert.throws(listProxies, { code: "GO_PROXY_UNUSABLE", hint: /go mod vendor/ });
  setVariable(t, "GOPROXY", undefined);
  const settings = join(temporaryDirectory(t), "env");
  writeFileSync(settings, "GOFLAGS=-x\nGOPROXY=https://c.example\n");
  setVariable(t, "GOENV", settings);
  assert.deepEqual(listProxies(), ["https://c.example"]);
});
