import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { temporaryDirectory, testContext } from "../../../test/kit/context.ts";
import { makeWheel, makeZip } from "../../../test/kit/make-wheel.ts";
import { rawTar } from "../../../test/kit/tar.ts";
import type { PythonPlatform } from "../../formats/python/tags.ts";
import { readIndexSettings } from "./index-settings.ts";
import { readPythonLock } from "./read-lock.ts";
import { type RealiseOptions, realisePythonLock } from "./realise.ts";

const BOOKWORM: PythonPlatform = { architecture: "amd64", python: "3.11.2", glibc: "2.36" };
const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const WHEEL = makeWheel();
const FILE = "demo-1.0-py3-none-any.whl";

interface Server {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
}

/** A server of files by path; a function is called. */
async function serve(t: TestContext, files: Record<string, string | Uint8Array>): Promise<Server> {
  const asked: Server["asked"] = [];
  const server = createServer(({ url = "", headers }, response) => {
    asked.push({ path: url, headers });
    const body = files[url];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function page(files: Readonly<Record<string, Uint8Array>>, withSize = true): string {
  return JSON.stringify({
    meta: { "api-version": "1.1" },
    files: Object.entries(files).map(([filename, bytes]) => ({
      filename,
      url: `/files/${filename}`,
      hashes: { sha256: hashOf(bytes) },
      ...(withSize ? { size: bytes.length } : {}),
    })),
  });
}

/** An index of one project with these files. */
function serveIndex(
  t: TestContext,
  files: Readonly<Record<string, Uint8Array>>,
  withSize = true,
): Promise<Server> {
  const bodies = Object.entries(files).map(([name, bytes]) => [`/files/${name}`, bytes] as const);
  return serve(t, { "/simple/demo/": page(files, withSize), ...Object.fromEntries(bodies) });
}

function project(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

function uvLock(wheels: string): string {
  return `version = 1
[[package]]
name = "app"
source = { virtual = "." }
dependencies = [{ name = "demo" }]
[[package]]
name = "demo"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
wheels = [${wheels}]
`;
}

async function realise(
  t: TestContext,
  directory: string,
  options: Partial<RealiseOptions> = {},
  context = testContext(t),
) {
  const all = { platform: BOOKWORM, extras: [], groups: [], ...options };
  const found = await realisePythonLock(readPythonLock(directory), all, context);
  return { found, context };
}

const REQUIREMENTS = { "requirements.txt": `demo==1.0 --hash=sha256:${hashOf(WHEEL)}\n` };

for (const withSize of [true, false]) {
  test(`hashes alone: the index is asked which file it is, ${withSize ? "with" : "without"} its size`, async (t) => {
    const server = await serveIndex(
      t,
      { "demo-1.0-cp311-cp311-win_amd64.whl": Buffer.from("x"), [FILE]: WHEEL },
      withSize,
    );
    const indexes = [`${server.url}/simple`];
    const directory = project(t, REQUIREMENTS);
    const { found, context } = await realise(t, directory, { indexes });
    const [demo] = found;
    assert.ok(demo?.kind === "wheel");
    assert.deepEqual([demo.name, demo.version, demo.fileName], ["demo", "1.0", FILE]);
    assert.deepEqual(
      server.asked.map(({ path }) => path),
      ["/simple/demo/", `/files/${FILE}`],
    );
    assert.match(server.asked[0]!.headers.accept!, /application\/vnd\.pypi\.simple\.v1\+json/);
    // All of it is in the cache now.
    const again = await realise(t, directory, { indexes }, { ...context, offline: true });
    assert.deepEqual(again.found, found);
    assert.equal(server.asked.length, 2);
  });
}

test("a lock's URL that is gone is found at the index by its hash", async (t) => {
  const server = await serveIndex(t, { [FILE]: WHEEL });
  const size = WHEEL.length;
  const lock = uvLock(
    `{ url = "${server.url}/gone/${FILE}", hash = "sha256:${hashOf(WHEEL)}", size = ${size} }`,
  );
  const { found } = await realise(t, project(t, { "uv.lock": lock }), { indexes: [`${server.url}/simple/`] });
  assert.deepEqual(
    found.map(({ kind, name }) => [kind, name]),
    [
      ["directory", "app"],
      ["wheel", "demo"],
    ],
  );
  assert.deepEqual(
    server.asked.map(({ path }) => path),
    [`/gone/${FILE}`, "/simple/demo/", `/files/${FILE}`],
  );
});

test("files of the public host are taken from an index that was named", async (t) => {
  const server = await serveIndex(t, { [FILE]: WHEEL });
  const url = `https://files.pythonhosted.org/packages/00/${FILE}`;
  const lock = uvLock(`{ url = "${url}", hash = "sha256:${hashOf(WHEEL)}", size = ${WHEEL.length} }`);
  await realise(t, project(t, { "uv.lock": lock }), { indexes: [`${server.url}/simple`] });
  assert.deepEqual(
    server.asked.map(({ path }) => path),
    ["/simple/demo/", `/files/${FILE}`],
  );
});

test("an index with a user and a password is asked with them, its files too", async (t) => {
  const server = await serveIndex(t, { [FILE]: WHEEL });
  const indexes = [`${server.url.replace("//", "//me:s%20t@")}/simple`];
  await realise(t, project(t, REQUIREMENTS), { indexes });
  const expected = `Basic ${Buffer.from("me:s t").toString("base64")}`;
  assert.deepEqual(
    server.asked.map(({ headers }) => headers.authorization),
    [expected, expected],
  );
});

test("an index and files on this machine", async (t) => {
  const directory = project(t, {
    ...REQUIREMENTS,
    "index/demo/index.html": `<a href="../../${FILE}#sha256=${hashOf(WHEEL)}">demo</a>`,
    [FILE]: WHEEL,
  });
  const context = testContext(t, { offline: true });
  const { found } = await realise(t, directory, { indexes: [`file://${directory}/index`] }, context);
  assert.equal(found[0]!.kind, "wheel");
  const lock = `lock-version = "1.0"\n[[packages]]\nname = "demo"\nversion = "1.0"\nwheels = [{ path = "${FILE}", hashes = { sha256 = "${hashOf(WHEEL)}" } }]\n`;
  const other = project(t, { "pylock.toml": lock, [FILE]: WHEEL });
  assert.equal((await realise(t, other, {}, testContext(t, { offline: true }))).found[0]!.kind, "wheel");
});

test("wrong bytes everywhere are a HASH_MISMATCH", async (t) => {
  const server = await serve(t, { [`/${FILE}`]: Buffer.alloc(WHEEL.length) });
  const lock = uvLock(
    `{ url = "${server.url}/${FILE}", hash = "sha256:${hashOf(WHEEL)}", size = ${WHEEL.length} }`,
  );
  await assert.rejects(realise(t, project(t, { "uv.lock": lock }), { indexes: [`${server.url}/simple`] }), {
    code: "HASH_MISMATCH",
    message: /demo-1\.0-py3-none-any\.whl/,
  });
});

test("a download that was damaged in the cache is fetched again", async (t) => {
  const server = await serveIndex(t, { [FILE]: WHEEL });
  const indexes = [`${server.url}/simple`];
  const directory = project(t, REQUIREMENTS);
  const { context } = await realise(t, directory, { indexes });
  rmSync(context.cache.path("trees", ""), { recursive: true });
  const [download] = readdirSync(context.cache.path("downloads", ""));
  writeFileSync(context.cache.path("downloads", download!), Buffer.alloc(WHEEL.length));
  mkdirSync(join(context.cache.root, "trees"));
  const { found } = await realise(t, directory, { indexes }, context);
  assert.equal(found[0]!.kind, "wheel");
  assert.match(context.progress.lines.join("\n"), /damaged in the cache and is fetched again/);
});

test("entries without a sha256 are refused with HASH_MISSING", async (t) => {
  for (const files of [
    { "requirements.txt": "demo==1.0\n" },
    { "requirements.txt": "demo==1.0 --hash=md5:00\n" },
    { "uv.lock": uvLock(`{ url = "https://h.example/${FILE}" }`) },
  ])
    await assert.rejects(realise(t, project(t, files)), {
      code: "HASH_MISSING",
      message: /demo 1\.0: the lock has no sha256/,
    });
});

test("hashes that no index has are a FILE_NOT_FOUND", async (t) => {
  const server = await serveIndex(t, { [FILE]: Buffer.from("other") });
  const indexes = [`${server.url.replace("//", "//me:secret@")}/simple`];
  const found = { code: "FILE_NOT_FOUND", message: /demo 1\.0: http:\/\/\*\*\*@127/ };
  await assert.rejects(realise(t, project(t, REQUIREMENTS), { indexes }), found);
  const lock = `lock-version = "1.0"\n[[packages]]\nname = "demo"\nversion = "1.0"\nwheels = [{ name = "${FILE}", hashes = { sha256 = "${hashOf(WHEEL)}" } }]\n`;
  await assert.rejects(realise(t, project(t, { "pylock.toml": lock }), { indexes }), {
    code: "FILE_NOT_FOUND",
  });
});

test("wheels for other platforms alone are refused with WHEEL_PLATFORM, naming them", async (t) => {
  const hash = `hash = "sha256:${"0".repeat(64)}"`;
  const names = [
    "demo-1.0-cp312-cp312-manylinux2014_x86_64.whl",
    "demo-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
  ];
  const wheels = names.map((name) => `{ url = "https://h.example/${name}", ${hash} }`).join(", ");
  await assert.rejects(realise(t, project(t, { "uv.lock": uvLock(wheels) })), {
    code: "WHEEL_PLATFORM",
    message:
      /Python 3\.11, amd64, glibc 2\.36: its wheels are demo-1\.0-cp312-cp312-manylinux2014_x86_64\.whl, demo-1\.0-cp311-cp311-musl/,
  });
});

test("a lock that names another project's wheel is refused with WHEEL_INVALID before anything is fetched", async (t) => {
  const wheels = `{ url = "https://h.example/evil-1.0-py3-none-any.whl", hash = "sha256:${"0".repeat(64)}" }`;
  await assert.rejects(realise(t, project(t, { "uv.lock": uvLock(wheels) })), {
    code: "WHEEL_INVALID",
    message: /another distribution/,
  });
});

const BUILD = '[build-system]\nrequires = ["flit_core>=3"]\nbuild-backend = "flit_core.buildapi"\n';
const LEGACY = {
  requires: ["setuptools>=40.8.0"],
  backend: "setuptools.build_meta:__legacy__",
  backendPath: [],
};
const FLIT = { requires: ["flit_core>=3"], backend: "flit_core.buildapi", backendPath: [] };
const SDISTS: readonly [name: string, bytes: Buffer, buildSystem: unknown][] = [
  ["demo-1.0.tar.gz", gzipSync(rawTar([{ name: "demo-1.0/pyproject.toml", content: BUILD }])), FLIT],
  ["demo-1.0.tgz", gzipSync(rawTar([{ name: "demo-1.0/setup.py", content: "" }])), LEGACY],
  [
    "demo-1.0.zip",
    makeZip([
      { name: "demo-1.0/a/pyproject.toml", data: "x" },
      { name: "demo-1.0/pyproject.toml", data: BUILD },
    ]),
    FLIT,
  ],
];
for (const [name, bytes, buildSystem] of SDISTS) {
  test(`${name}: what is only a source distribution is fetched, and what builds it is told`, async (t) => {
    const server = await serveIndex(t, { [name]: bytes });
    const files = { "requirements.txt": `demo==1.0 --hash=sha256:${hashOf(bytes)}\n` };
    const { found } = await realise(t, project(t, files), { indexes: [`${server.url}/simple`] });
    const { file, ...rest } = found[0] as Extract<(typeof found)[number], { kind: "sdist" }>;
    assert.deepEqual(rest, {
      kind: "sdist",
      name: "demo",
      version: "1.0",
      fileName: name,
      sha256: hashOf(bytes),
      buildSystem,
    });
    assert.match(file, /downloads/);
  });
}

test("a source distribution that cannot be read is refused with SDIST_INVALID", async (t) => {
  const bad = gzipSync(rawTar([{ name: "demo-1.0/pyproject.toml", content: "[build-system]\n" }]));
  for (const [name, bytes, message] of [
    ["demo-1.0.tar.gz", Buffer.from("hello"), /demo-1\.0\.tar\.gz/],
    ["demo-1.0.tar.gz", bad, /requires: it is missing/],
    ["demo-1.0.tar.bz2", Buffer.from("hello"), /\.tar\.bz2 is not supported/],
  ] as const) {
    const server = await serveIndex(t, { [name]: bytes });
    const files = { "requirements.txt": `demo==1.0 --hash=sha256:${hashOf(bytes)}\n` };
    await assert.rejects(realise(t, project(t, files), { indexes: [`${server.url}/simple`] }), {
      code: "SDIST_INVALID",
      message,
    });
  }
});

test("projects of this machine are named, with what builds them", async (t) => {
  const directory = project(t, {
    "requirements.txt": "-e ./own\n./other\n",
    "own/pyproject.toml": `[project]\nname = "Own.Thing"\nversion = "2"\n${BUILD}`,
    "other/setup.py": "",
  });
  const { found } = await realise(t, directory);
  assert.deepEqual(found, [
    {
      kind: "directory",
      name: "other",
      version: undefined,
      directory: join(directory, "other"),
      install: "copied",
      buildSystem: LEGACY,
    },
    {
      kind: "directory",
      name: "own-thing",
      version: "2",
      directory: join(directory, "own"),
      install: "editable",
      buildSystem: FLIT,
    },
  ]);
});

test("a lock that is out of date is LOCK_OUT_OF_DATE before anything is fetched", async (t) => {
  const directory = project(t, {
    ...REQUIREMENTS,
    "pyproject.toml": '[project]\nname = "app"\ndependencies = ["demo>=2"]\n',
  });
  const server = await serveIndex(t, {});
  await assert.rejects(realise(t, directory, { indexes: [`${server.url}/simple`] }), {
    code: "LOCK_OUT_OF_DATE",
    message: /"demo>=2"/,
  });
  assert.equal(server.asked.length, 0);
});

test("a project without a lock is LOCK_MISSING, with what to run", (t) => {
  assert.throws(() => readPythonLock(project(t, { "a.py": "" })), { code: "LOCK_MISSING", hint: /uv lock/ });
  assert.throws(() => readPythonLock(project(t, { "poetry.lock": "" })), {
    code: "LOCK_MISSING",
    hint: /poetry export/,
  });
  assert.throws(() => readPythonLock("/nonexistent/uv.lock"), { code: "LOCK_MISSING" });
});

test("a member of a workspace has its lock above", (t) => {
  const fixture = join(import.meta.dirname, "../../../test/fixtures/python/workspace");
  const directory = temporaryDirectory(t);
  cpSync(fixture, directory, { recursive: true });
  const { lock, project: member, directory: found } = readPythonLock(join(directory, "packages/cli"));
  assert.deepEqual([lock.kind, member?.name, found], ["uv", "depot-cli", directory]);
});

/** Sets variables for one test. */
function setEnvironment(t: TestContext, values: Readonly<Record<string, string | undefined>>): void {
  const names = [
    "TARE_PYPI_INDEX",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "PIP_CONFIG_FILE",
  ];
  for (const name of names) {
    const before = process.env[name];
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
    const value = values[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

test("indexes: Tare's own, else pip's or uv's with the lock's, else the public one", (t) => {
  const lock = ["https://pypi.org/simple", "https://lock.example/simple/"];
  setEnvironment(t, { PIP_CONFIG_FILE: "/dev/null" });
  assert.deepEqual(readIndexSettings([], lock), {
    urls: ["https://pypi.org/simple", "https://lock.example/simple"],
    isNamed: false,
  });
  setEnvironment(t, {
    PIP_CONFIG_FILE: "/dev/null",
    PIP_INDEX_URL: "https://pip.example/simple/",
    PIP_EXTRA_INDEX_URL: "https://a.example https://b.example",
  });
  assert.deepEqual(readIndexSettings([], lock), {
    urls: [
      "https://pip.example/simple",
      "https://a.example",
      "https://b.example",
      "https://lock.example/simple",
    ],
    isNamed: true,
  });
  const config = join(
    project(t, { "pip.conf": "[global]\nindex-url = https://conf.example/simple\n" }),
    "pip.conf",
  );
  setEnvironment(t, { PIP_CONFIG_FILE: config });
  assert.equal(readIndexSettings([], []).urls[0], "https://conf.example/simple");
  setEnvironment(t, { PIP_CONFIG_FILE: config, TARE_PYPI_INDEX: "https://one.example, https://two.example" });
  assert.deepEqual(readIndexSettings([], lock), {
    urls: ["https://one.example", "https://two.example"],
    isNamed: true,
  });
  assert.deepEqual(readIndexSettings(["https://option.example"], lock).urls, ["https://option.example"]);
});
