// Elixir and Erlang releases: examples that answer over their sockets, TLS, packages of hex.pm, sizes, bad input.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { removeTree } from "../../src/platform/directories.ts";
import {
  copyExample,
  liveArchiveProblem,
  missingProgram,
  ROOT,
  startTare,
  tare,
  tareJson,
} from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { type MadePackage, makeHexPackage } from "../kit/make-hex.ts";

interface Built {
  readonly digest: string;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

const MIB = 2 ** 20;
const RUN = ["run", "--runtime", "namespaces"];

function skip(t: TestContext): boolean {
  const problem = liveArchiveProblem() ?? missingProgram("unshare", "mount");
  if (problem !== undefined) t.skip(problem);
  return problem !== undefined;
}

/** A store for one test. */
function ownStore(t: Parameters<typeof temporaryDirectory>[0]): { readonly TARE_STORE: string } {
  const store = join(temporaryDirectory(t), "store");
  t.after(() => void removeTree(store));
  return { TARE_STORE: store };
}

/** The store of all other tests. */
const env = ownStore({ after: (action) => after(action as () => void) });

function project(t: TestContext, files: Readonly<Record<string, string | Buffer>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until somebody answers. */
async function ask(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (attempt === 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Changes an image.ts. */
function edit(cwd: string, from: string | RegExp, to: string): void {
  const file = join(cwd, "image.ts");
  const text = readFileSync(file, "utf8");
  assert.ok(text.search(from) >= 0);
  writeFileSync(file, text.replace(from, to));
}

/** Bytes of all layers of an image with a compression. */
function layersSize(cwd: string, env: Record<string, string>, compression: string): number {
  edit(cwd, /(?:compression: \{.*\}, )?config/, `compression: ${compression}, config`);
  const { layers } = tareJson<Built>(["build"], { cwd, env });
  return layers.reduce((sum, { size }) => sum + size, 0);
}

const DIRECT = 'release: "greeter", start: "direct"';
const DIRECT_CONFIG = 'config: { Entrypoint: app.entrypoint, Env: app.env, User: "65534:65534" }';

/** What an image may weigh, in MiB: by gzip 9 and by zstd 19. */
const VARIANTS = [
  { name: "elixir-release", what: "its stock start script", direct: false, gzip: 9, zstd: 7 },
  { name: "elixir-release", what: "erlexec alone", direct: true, gzip: 7.5, zstd: 6 },
  { name: "erlang-release", what: "erlexec alone", direct: false, gzip: 6.5, zstd: 5.5 },
] as const;

for (const { name, what, direct, gzip, zstd } of VARIANTS) {
  test(`the example ${name}, started by ${what}, answers and weighs at most ${gzip} MiB`, async (t) => {
    if (skip(t)) return;
    const cwd = copyExample(t, name);
    if (direct) {
      edit(cwd, 'release: "greeter"', DIRECT);
      edit(cwd, /config: \{.*\}/, DIRECT_CONFIG);
    }
    tareJson<Built>(["build"], { cwd, env });
    const port = await freePort();
    startTare(t, [...RUN, "-e", `PORT=${port}`, "."], { cwd, env });
    assert.equal(await ask(`http://127.0.0.1:${port}/joe`), "hello, joe\n");
    const sizes = [
      layersSize(cwd, env, '{ name: "gzip", level: 9 }'),
      layersSize(cwd, env, '{ name: "zstd", level: 19 }'),
    ];
    t.diagnostic(`gzip 9: ${(sizes[0]! / MIB).toFixed(2)} MiB, zstd 19: ${(sizes[1]! / MIB).toFixed(2)} MiB`);
    assert.ok(sizes[0]! <= gzip * MIB && sizes[1]! <= zstd * MIB, `${sizes} bytes`);
  });
}

test("twice the same digest; a changed file changes one layer", (t) => {
  if (skip(t)) return;
  for (const [name, file] of [
    ["elixir-release", "lib/greeter/response.ex"],
    ["erlang-release", "src/greeter_listener.erl"],
  ] as const) {
    const cwd = copyExample(t, name);
    const first = tareJson<Built>(["build"], { cwd, env });
    const other = copyExample(t, name);
    cpSync(join(cwd, "tare.lock"), join(other, "tare.lock"));
    const second = tareJson<Built>(["build"], {
      cwd: other,
      env: { ...ownStore(t), TZ: "Asia/Tokyo", LANG: "tr_TR.UTF-8" },
    });
    assert.equal(second.digest, first.digest, name);
    const source = join(cwd, file);
    writeFileSync(source, readFileSync(source, "utf8").replace("hello, ", "good day, "));
    const third = tareJson<Built>(["build"], { cwd, env });
    const known = new Set(first.layers.map(({ digest }) => digest));
    assert.equal(third.layers.filter(({ digest }) => !known.has(digest)).length, 1, name);
  }
});

test("a release with ssl, crypto and inets speaks TLS, and weighs at most 13 MiB", async (t) => {
  if (skip(t)) return;
  const cwd = project(t, {
    "image.ts": `import { buildLayeredImage, mixRelease } from "tare";
const app = mixRelease({ src: "./project", release: "tls_echo" });
export default buildLayeredImage({ name: "tls", config: { Entrypoint: app.entrypoint, Env: app.env } });
`,
  });
  cpSync(join(ROOT, "test/fixtures/elixir-tls"), join(cwd, "project"), { recursive: true });
  const size = layersSize(cwd, env, '{ name: "gzip", level: 9 }');
  t.diagnostic(`gzip 9: ${(size / MIB).toFixed(2)} MiB`);
  assert.ok(size <= 13 * MIB, `${size} bytes`);
  const child = startTare(t, [...RUN, "-e", `PORT=${await freePort()}`, "."], { cwd, env });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
  const isThere = () => said.includes("verified: over tlsv1.3");
  for (let i = 0; i < 300 && !isThere(); i++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(isThere(), said);
});

// ─── Packages of hex.pm ─────────────────────────────────────────────────────────────────────────────────────────────

const POLITE = makeHexPackage("polite", "1.2.0", {
  "rebar.config": "{deps, []}.\n",
  "src/polite.app.src":
    '{application, polite, [{description, ""}, {vsn, "1.2.0"}, {registered, []}, {applications, [kernel, stdlib]}]}.\n',
  "src/polite.erl": '-module(polite).\n-export([please/1]).\nplease(What) -> <<What/binary, ", please">>.\n',
});
const GREETING = makeHexPackage("greeting", "0.3.1", {
  "mix.exs": `defmodule Greeting.MixProject do
  use Mix.Project
  def project, do: [app: :greeting, version: "0.3.1", deps: [{:polite, "~> 1.2"}]]
end
`,
  "lib/greeting.ex": 'defmodule Greeting do\n  def text, do: :polite.please("enter")\nend\n',
});

const mixEntry = (name: string, version: string, { inner, outer }: MadePackage, manager: string, deps = "") =>
  `"${name}": {:hex, :${name}, "${version}", "${inner}", [:${manager}], [${deps}], "hexpm", "${outer}"}`;
const POLITE_ENTRY = mixEntry("polite", "1.2.0", POLITE, "rebar3");
const GREETING_ENTRY = mixEntry(
  "greeting",
  "0.3.1",
  GREETING,
  "mix",
  '{:polite, "~> 1.2", [hex: :polite, repo: "hexpm", optional: false]}',
);

const image = (
  call: string,
  entrypoint: string,
) => `import { buildLayeredImage, mixRelease, rebar3Release } from "tare";
const app = ${call};
export default buildLayeredImage({ name: "app", config: { Entrypoint: ${entrypoint}, Env: app.env } });
`;

const MIX_PROJECT = {
  "image.ts": image(
    'mixRelease({ src: ".", release: "hall", hex: "./tarballs" })',
    '[app.entrypoint[0], "eval"]',
  ),
  "mix.exs": `defmodule Hall.MixProject do
  use Mix.Project
  def project, do: [app: :hall, version: "1.0.0", deps: [{:greeting, "~> 0.3"}]]
  def application, do: [extra_applications: [:logger]]
end
`,
  "mix.lock": `%{\n  ${GREETING_ENTRY},\n  ${POLITE_ENTRY},\n}\n`,
  "lib/hall.ex": "defmodule Hall do\n  def enter, do: IO.puts(Greeting.text())\nend\n",
  [`tarballs/${POLITE.file}`]: POLITE.bytes,
  [`tarballs/${GREETING.file}`]: GREETING.bytes,
};

test("mix.lock's packages, of Mix and of rebar3, come from a directory without any network", (t) => {
  if (skip(t)) return;
  const cwd = project(t, MIX_PROJECT);
  const result = tare([...RUN, ".", "--", "Hall.enter()"], { cwd, env });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /^enter, please$/m);
});

const REBAR_PROJECT = {
  "image.ts": image('rebar3Release({ src: ".", hex: "./tarballs" })', "app.entrypoint"),
  "rebar.config": '{deps, [{polite, "1.2.0"}]}.\n{relx, [{release, {hall, "1.0.0"}, [hall]}]}.\n',
  "rebar.lock": `{"1.2.0",[{<<"polite">>,{pkg,<<"polite">>,<<"1.2.0">>},0}]}.
[{pkg_hash,[{<<"polite">>, <<"${POLITE.inner.toUpperCase()}">>}]},
 {pkg_hash_ext,[{<<"polite">>, <<"${POLITE.outer.toUpperCase()}">>}]}].\n`,
  "src/hall.app.src":
    '{application, hall, [{description, ""}, {vsn, "1.0.0"}, {registered, []}, {mod, {hall, []}}, {applications, [kernel, stdlib, polite]}]}.\n',
  "src/hall.erl": `-module(hall).
-behaviour(application).
-export([start/2, stop/1]).
start(_, _) -> io:format("~s~n", [polite:please(<<"enter">>)]), init:stop(), {ok, self()}.
stop(_) -> ok.
`,
  [`tarballs/${POLITE.file}`]: POLITE.bytes,
};

test("rebar.lock's packages come from a directory without any network", (t) => {
  if (skip(t)) return;
  const cwd = project(t, REBAR_PROJECT);
  const result = tare([...RUN, "."], { cwd, env });
  assert.match(result.stdout, /^enter, please$/m, result.stderr);
});

test("debug chunks stay by name, and all of them when asked to", (t) => {
  if (skip(t)) return;
  const chunks = (options: string): string => {
    const cwd = project(t, {
      ...MIX_PROJECT,
      "image.ts": MIX_PROJECT["image.ts"].replace('release: "hall"', `release: "hall", ${options}`),
    });
    const expression =
      ':code.which(Hall) |> :beam_lib.all_chunks() |> elem(2) |> Enum.map(&elem(&1, 0)) |> Enum.join(" ") |> IO.puts()';
    const result = tare([...RUN, ".", "--", expression], { cwd, env });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout;
  };
  const kept = chunks('keep: ["Dbgi"]');
  assert.match(kept, /Dbgi/);
  assert.doesNotMatch(kept, /Docs/);
  assert.match(chunks("strip: false"), /Docs/);
});

const BAD: readonly {
  readonly summary: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly code: string;
  readonly message: RegExp;
}[] = [
  {
    summary: "a mix.lock that lacks what mix.exs asks for",
    files: { ...MIX_PROJECT, "mix.lock": `%{${POLITE_ENTRY}}` },
    code: "BUILD_FAILED",
    message: /mix\.lock does not pin greeting, which the project or a dependency asks for: run mix deps\.get/,
  },
  {
    summary: "a mix.lock with an older version than mix.exs asks for",
    files: { ...MIX_PROJECT, "mix.exs": MIX_PROJECT["mix.exs"].replace("~> 0.3", "~> 0.4") },
    code: "BUILD_FAILED",
    message: /the dependency does not match the requirement "~> 0\.4", got "0\.3\.1"/,
  },
  {
    summary: "a tarball with another hash",
    files: { ...MIX_PROJECT, "mix.lock": MIX_PROJECT["mix.lock"].replace(POLITE.outer, "f".repeat(64)) },
    code: "HASH_MISMATCH",
    message: /polite-1\.2\.0\.tar/,
  },
  {
    summary: "contents with another checksum",
    files: { ...MIX_PROJECT, "mix.lock": MIX_PROJECT["mix.lock"].replace(POLITE.inner, GREETING.inner) },
    code: "BUILD_FAILED",
    message: /The contents of \S*polite-1\.2\.0\.tar do not have the checksum that the lock says/,
  },
  {
    summary: "an Elixir source that does not compile",
    files: { ...MIX_PROJECT, "lib/hall.ex": "defmodule Hall do\n  def enter, do: unknown()\nend\n" },
    code: "BUILD_FAILED",
    message: /lib\/hall\.ex:2: undefined function unknown\/0/,
  },
  {
    summary: "a release that mix.exs does not have",
    files: {
      ...MIX_PROJECT,
      "image.ts": MIX_PROJECT["image.ts"].replace('release: "hall"', 'release: "lobby"'),
    },
    code: "BUILD_FAILED",
    message: /mix\.exs has no release lobby; it has hall/,
  },
  {
    summary: "an Erlang source that does not compile",
    files: { ...REBAR_PROJECT, "src/hall.erl": "-module(hall).\n-export([start/2]).\n" },
    code: "BUILD_FAILED",
    message: /function start\/2 undefined/,
  },
];

for (const { summary, files, code, message } of BAD) {
  test(`${summary}: ${code}`, (t) => {
    if (skip(t)) return;
    const result = tare(["build"], {
      cwd: project(t, files),
      env: { ...env, HEX_MIRROR: "http://127.0.0.1:9" },
    });
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, message);
    assert.match(result.stderr, /^hint: /m);
    assert.ok(result.stderr.includes(`[${code}]`), result.stderr);
  });
}

test("a release whose nodes shall find each other keeps the port mapper, and has no cookie", (t) => {
  if (skip(t)) return;
  const cwd = project(t, {
    ...MIX_PROJECT,
    "image.ts": image('mixRelease({ src: ".", release: "hall", hex: "./tarballs" })', "app.entrypoint"),
    "rel/env.sh.eex": "export RELEASE_DISTRIBUTION=sname\n",
    "lib/hall.ex": `defmodule Hall do
  use Application
  def start(_, _) do
    IO.puts("#{Node.alive?()} #{String.length(to_string(Node.get_cookie()))}")
    System.stop()
    Supervisor.start_link([], strategy: :one_for_one)
  end
end
`,
  });
  const mixFile = join(cwd, "mix.exs");
  const text = readFileSync(mixFile, "utf8");
  writeFileSync(mixFile, text.replace("extra_applications", "mod: {Hall, []}, extra_applications"));
  const result = tare([...RUN, "."], { cwd, env });
  assert.match(result.stdout, /^true 48$/m, result.stderr);
});
