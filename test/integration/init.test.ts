// `tare init`: what it recognises, what it writes, and that what it writes is an image.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { copyExample, tare } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeElf } from "../kit/make-elf.ts";
import { ownStore, skipWithoutArchive } from "../kit/services.ts";

type Files = Readonly<Record<string, string | Buffer>>;

function makeDirectory(t: TestContext, files: Files): string {
  const directory = join(temporaryDirectory(t), "shop");
  mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
    if (Buffer.isBuffer(content)) chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

const PACKAGE = JSON.stringify({
  name: "@acme/web",
  scripts: { start: "node server.js" },
  dependencies: { a: "1" },
});
const DOCKERFILE =
  'FROM x AS build\nUSER 1\nEXPOSE 1\nFROM y\nEXPOSE 8080 53/udp\nUSER 1000:1000\nCMD ["gunicorn", "app:app"]\n';
const MIX =
  'defmodule M do\n  def project, do: [app: :my_shop, version: "1.0.0", releases: [till: []]]\nend\n';

for (const { summary, files, says, writes } of [
  {
    summary: "a Node project, with what its Dockerfile says",
    files: { "package.json": PACKAGE, "package-lock.json": "{}", "server.js": "", Dockerfile: DOCKERFILE },
    says: /a Node project with package-lock\.json/,
    writes: [
      'name: "web"',
      'nodeApp({ src: path(".") })',
      "Entrypoint: app.entrypoint",
      'ExposedPorts: ["8080/tcp", "53/udp"]',
      'User: "1000:1000"',
    ],
  },
  {
    summary: "workspaces of npm",
    files: {
      "package.json": '{"workspaces":["apps/*"]}',
      "package-lock.json": "{}",
      "apps/api/package.json": '{"name":"api","main":"index.js"}',
      "apps/api/index.js": "",
      "apps/site/package.json": '{"name":"site","scripts":{"start":"node s.js"}}',
      "apps/site/s.js": "",
    },
    says: /starts the workspace apps\/api\n.*other workspaces that start something: apps\/site/,
    writes: ['entry: "apps/api/index.js"'],
  },
  {
    summary: "a Python project",
    files: {
      "uv.lock": "version = 1\n",
      "pyproject.toml": '[project]\nname = "till"\nversion = "1"\n',
      "app.py": "",
      Dockerfile: DOCKERFILE,
    },
    says: /a Python project with uv\.lock/,
    writes: ['pythonApp({ src: path(".") })', `\`\${app}/bin/gunicorn\`, "app:app"`, 'name: "till"'],
  },
  {
    summary: "an Elixir project",
    files: { "mix.exs": MIX },
    says: /an Elixir project with the release till/,
    writes: ['mixRelease({ src: path("."), release: "till" })', 'name: "my-shop"'],
  },
  {
    summary: "an Erlang project",
    files: { "rebar.config": '{relx, [{release, {till, "1.0.0"}, [till]}]}.\n' },
    says: /an Erlang project with the release till/,
    writes: ['rebar3Release({ src: path(".") })'],
  },
  {
    summary: "a Go module with several programs",
    files: {
      "go.mod": "module example.com/shop\n",
      "cmd/api/a.go": "package main\n",
      "cmd/job/j.go": "package main\n",
    },
    says: /the program \.\/cmd\/api\n.*other programs: \.\/cmd\/job/,
    writes: ['goBinary({ src: path("."), package: "./cmd/api" })', "Entrypoint: [app.program]"],
  },
  {
    summary: "a workspace of Cargo",
    files: {
      "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
      "Cargo.lock": "version = 4\n",
      "crates/api/Cargo.toml": '[package]\nname = "api"\n',
      "crates/api/src/main.rs": "",
    },
    says: /a Cargo project with the program api/,
    writes: ['rustBinary({ src: path("."), package: "api", bin: "api" })'],
  },
  {
    summary: "a program",
    files: { server: makeElf({ type: "executable" }), "notes.txt": "" },
    says: /the program server/,
    writes: ['file("./server", "/usr/bin/server")', 'Entrypoint: ["/usr/bin/server"]'],
  },
  {
    summary: "static files",
    files: { "public/index.html": "hi" },
    says: /static files in public\/, for nginx/,
    writes: ['place("/var/www/html", path("./public"))', "nginx-light"],
  },
  {
    summary: "what else there is",
    files: {
      "go.mod": "module m\n",
      "main.go": "package main\n",
      "web/package.json": '{"main":"x.js"}',
      "web/x.js": "",
      "web/public/index.html": "",
    },
    says: /there is also a Node project with package\.json and no dependencies in web\n\n/,
    writes: ["goBinary"],
  },
] as readonly { summary: string; files: Files; says: RegExp; writes: readonly string[] }[]) {
  test(`tare init recognises ${summary}`, (t) => {
    const directory = makeDirectory(t, files);
    const result = tare(["init"], { cwd: directory });
    assert.equal(result.status, 0, result.stderr);
    assert.match(result.stdout, says);
    const text = readFileSync(join(directory, "image.ts"), "utf8");
    for (const part of writes) assert.ok(text.includes(part), text);
    assert.ok(text.trimEnd().split("\n").length <= 12, text);
  });
}

test("what tare init writes is an image that can be built", (t) => {
  if (skipWithoutArchive(t)) return;
  const example = copyExample(t, "erlang-release");
  rmSync(join(example, "image.ts"));
  for (const directory of [
    makeDirectory(t, { server: makeElf({ type: "executable" }) }),
    makeDirectory(t, { "public/index.html": "hi" }),
    makeDirectory(t, { "requirements.txt": "", "main.py": "print('hi')\n" }),
    example,
  ]) {
    const said = tare(["init"], { cwd: directory });
    assert.equal(said.status, 0, said.stderr);
    const built = tare(["build"], { cwd: directory, env: ownStore(t) });
    assert.equal(built.status, 0, said.stdout + built.stderr);
  }
});

test("an image file that is there stays, unless it is said otherwise", (t) => {
  const directory = makeDirectory(t, { "public/index.html": "", "image.ts": "mine" });
  const refused = tare(["init"], { cwd: directory });
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /image\.ts: it is there already .*IMAGE_FILE_EXISTS[\s\S]*--force/);
  assert.equal(readFileSync(join(directory, "image.ts"), "utf8"), "mine");
  assert.equal(tare(["init", "--force"], { cwd: directory }).status, 0);
  assert.match(readFileSync(join(directory, "image.ts"), "utf8"), /nginx/);
});

test("the one project below a directory is meant; of several one must be said", (t) => {
  const directory = makeDirectory(t, { "site/public/index.html": "", "README.md": "" });
  const { recognised, file } = JSON.parse(tare(["init", "--json"], { cwd: directory }).stdout) as Record<
    string,
    string
  >;
  assert.match(recognised!, /static files/);
  assert.equal(file, join(directory, "site/image.ts"));
  const several = makeDirectory(t, {
    "a/go.mod": "module a\n",
    "a/main.go": "package main\n",
    "b/index.html": "",
  });
  const result = tare(["init"], { cwd: several });
  assert.match(
    result.stderr,
    /a Go module with the program a in a; static files .* in b .*PROJECT_AMBIGUOUS[\s\S]*tare init a/,
  );
  assert.equal(tare(["init", "a"], { cwd: several }).status, 0);
});

for (const { summary, files, code, says } of [
  {
    summary: "nothing that is known",
    files: { "notes.txt": "" },
    code: "PROJECT_NOT_RECOGNISED",
    says: /package\.json, uv\.lock[\s\S]*buildLayeredImage/,
  },
  {
    summary: "a lock that is missing",
    files: { "package.json": PACKAGE, "yarn.lock": "" },
    code: "PROJECT_NOT_READY",
    says: /yarn\.lock[\s\S]*npm install --package-lock-only/,
  },
  {
    summary: "requirements without hashes",
    files: { "requirements.txt": "flask==3.0.0\n", "app.py": "" },
    code: "PROJECT_NOT_READY",
    says: /no hashes[\s\S]*uv lock/,
  },
  {
    summary: "nothing to start",
    files: { "package.json": "{}" },
    code: "PROJECT_NOT_READY",
    says: /start script/,
  },
  {
    summary: "a Go module without go.sum",
    files: { "go.mod": "module m\nrequire a.b/c v1.0.0\n", "main.go": "package main\n" },
    code: "PROJECT_NOT_READY",
    says: /go mod tidy/,
  },
] as readonly { summary: string; files: Files; code: string; says: RegExp }[]) {
  test(`tare init refuses ${summary} with ${code}`, (t) => {
    const result = tare(["init"], { cwd: makeDirectory(t, files) });
    assert.equal(result.status, 1);
    assert.ok(result.stderr.includes(`[${code}]`), result.stderr);
    assert.match(result.stderr, says);
  });
}
