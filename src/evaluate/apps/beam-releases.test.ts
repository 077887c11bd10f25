import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import { findNode } from "../../model/mentions.ts";
import { OptionError } from "../../model/options.ts";
import { AppError } from "./errors.ts";
import { type MixReleaseOptions, mixRelease } from "./mix-release.ts";
import { type Rebar3ReleaseOptions, rebar3Release } from "./rebar3-release.ts";

type Files = Readonly<Record<string, string>>;

function project(t: TestContext, files: Files): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

const [INNER, OUTER] = ["1".repeat(64), "2".repeat(64)] as const;
const RELX = '{relx, [{release, {greeter, "0.1.0"}, [greeter]}, {release, {worker, "1"}, [greeter]}]}.\n';

const mix = (t: TestContext, files: Files, options: Partial<MixReleaseOptions> = {}) =>
  mixRelease({ src: project(t, { "mix.exs": "", ...files }), release: "greeter", ...options });
const rebar3 = (t: TestContext, files: Files, options: Partial<Rebar3ReleaseOptions> = {}) =>
  rebar3Release({ src: project(t, { "rebar.config": RELX, ...files }), ...options });

function scriptOf(release: { readonly node: string }): string {
  const node = findNode(release);
  assert.ok(node?.kind === "derivation");
  return node.env["buildCommand"]!;
}

test("a release says how it starts", (t) => {
  const app = mix(t, {});
  assert.deepEqual(app.entrypoint, [`${app}/bin/greeter`, "start"]);
  assert.deepEqual(app.env, { LANG: "C.UTF-8" });
  const direct = app.override({ start: "direct" });
  assert.deepEqual(direct.entrypoint.slice(0, 2), [`${direct}/bin/greeter`, "-args_file"]);
  assert.equal(direct.env["BINDIR"], `${direct}/erts/bin`);
  assert.throws(
    () => app.override({ start: "script" }),
    (error) => error instanceof OptionError && error.code === "OVERRIDE_WITHOUT_EFFECT",
  );
  const erlang = rebar3(t, {});
  assert.deepEqual(erlang.entrypoint.slice(0, 2), [`${erlang}/bin/greeter`, "-args_file"]);
  const script = rebar3(t, {}, { start: "script", release: "worker" });
  assert.deepEqual(script.entrypoint, [`${script}/bin/worker`, "foreground"]);
});

test("what is made beside the project's own files is no part of it", (t) => {
  const files = { "mix.exs": "", "lib/a.ex": "y", "mix.lock": "%{}" };
  const beside = { "deps/a/x": "", "_build/prod/x": "", "image.ts": "1", "tare.lock": "" };
  const node = findNode(mix(t, { ...files, ...beside }));
  assert.ok(node?.kind === "derivation");
  const source = node.inputs.map((input) => findNode(input)!).find(({ kind }) => kind === "source");
  assert.ok(source?.kind === "source");
  assert.deepEqual(source.include, ["lib", "lib/a.ex", "mix.exs", "mix.lock"]);
});

test("packages come by the checksums of the lock, from directories and mirrors in order", (t) => {
  const lock = `%{"jason": {:hex, :jason, "1.4.1", "${INNER}", [:mix], [], "hexpm", "${OUTER}"}}`;
  const tarballs = temporaryDirectory(t);
  const app = mix(t, { "mix.lock": lock }, { hex: [tarballs, "https://hex.example.org/"] });
  const node = findNode(app);
  assert.ok(node?.kind === "derivation");
  const fetched = node.inputs.map((input) => findNode(input)!).find(({ name }) => name === "jason-1.4.1.tar");
  assert.ok(fetched?.kind === "derivation");
  assert.equal(fetched.fixedOutput?.hash, `sha256:${OUTER}`);
  const urls = fetched.env["urls"]!.split(" ");
  assert.equal(urls[0], `file://${tarballs}/jason-1.4.1.tar`);
  assert.ok(urls.includes("https://hex.example.org/tarballs/jason-1.4.1.tar"));
  assert.equal(urls.at(-1), "https://repo.hex.pm/tarballs/jason-1.4.1.tar");
  assert.match(scriptOf(app), new RegExp(`unpack_package \\S+ ${INNER} 'deps/jason'`));
});

test("rebar3 is there when a package of mix.lock needs it", (t) => {
  const lock = `%{"ranch": {:hex, :ranch, "2.1.0", "${INNER}", [:make, :rebar3], [], "hexpm", "${OUTER}"}}`;
  const names = (release: { readonly node: string }) => {
    const node = findNode(release);
    return node?.kind === "derivation" ? node.requests.map(({ name }) => name) : [];
  };
  assert.ok(names(mix(t, { "mix.lock": lock })).includes("rebar3"));
  assert.ok(!names(mix(t, {})).includes("rebar3"));
});

const DEPS = '{deps, [{ranch, "2.1.0"}, jsx]}.\n';
const pinned = (...names: string[]) =>
  `{"1.2.0",[${names.map((name) => `{<<"${name}">>,{pkg,<<"${name}">>,<<"2.1.0">>},0}`).join(",")}]}.
[{pkg_hash,[${names.map((name) => `{<<"${name}">>,<<"${INNER}">>}`).join(",")}]},
 {pkg_hash_ext,[${names.map((name) => `{<<"${name}">>,<<"${OUTER}">>}`).join(",")}]}].`;
const hexEntry = (rest: string) => ({
  "mix.lock": `%{"a": {:hex, :a, "1.0.0", "${INNER}", [:mix], []${rest}}}`,
});

const CASES: readonly {
  readonly summary: string;
  readonly make: (t: TestContext) => unknown;
  readonly code: AppError["code"];
  readonly message: RegExp;
  readonly hint: RegExp;
}[] = [
  {
    summary: "a directory without mix.exs",
    make: (t) => mixRelease({ src: project(t, {}), release: "greeter" }),
    code: "PROJECT_MISSING",
    message: /^Cannot make a release of \S+: it has no mix\.exs/,
    hint: /directory of the Mix project/,
  },
  {
    summary: "a directory without rebar.config",
    make: (t) => rebar3Release({ src: project(t, {}) }),
    code: "PROJECT_MISSING",
    message: /it has no rebar\.config/,
    hint: /directory of the rebar3 project/,
  },
  {
    summary: "a release that rebar.config does not have",
    make: (t) => rebar3(t, {}, { release: "greeterr" }),
    code: "RELEASE_UNKNOWN",
    message: /Cannot make the release greeterr of \S+: relx in rebar\.config has greeter, worker/,
    hint: /greeter/,
  },
  {
    summary: "a project without releases",
    make: (t) => rebar3(t, { "rebar.config": "{deps, []}." }),
    code: "RELEASE_UNKNOWN",
    message: /Cannot make a release of \S+: relx in rebar\.config has none/,
    hint: /Add \{relx,/,
  },
  {
    summary: "dependencies and no rebar.lock",
    make: (t) => rebar3(t, { "rebar.config": RELX + DEPS }),
    code: "LOCK_OUT_OF_DATE",
    message: /Cannot use rebar\.lock: there is none, which rebar\.config asks for/,
    hint: /rebar3 lock/,
  },
  {
    summary: "a dependency that rebar.lock does not have",
    make: (t) => rebar3(t, { "rebar.config": RELX + DEPS, "rebar.lock": pinned("ranch") }),
    code: "LOCK_OUT_OF_DATE",
    message: /Cannot use rebar\.lock: it does not pin jsx/,
    hint: /rebar3 lock/,
  },
  {
    summary: "another version in rebar.lock",
    make: (t) =>
      rebar3(t, { "rebar.config": `${RELX}{deps, [{jsx, "3.0.0"}]}.`, "rebar.lock": pinned("jsx") }),
    code: "LOCK_OUT_OF_DATE",
    message: /it pins jsx 2\.1\.0, rebar\.config asks for 3\.0\.0/,
    hint: /rebar3 lock/,
  },
  {
    summary: "a mix.lock of an old Hex, without checksums of tarballs",
    make: (t) => mix(t, hexEntry(', "hexpm"')),
    code: "CHECKSUM_MISSING",
    message: /Cannot fetch a 1\.0\.0 of mix\.lock: the lock has no checksum of its tarball/,
    hint: /Delete mix\.lock and run mix deps\.get/,
  },
  {
    summary: "a rebar.lock without checksums",
    make: (t) => rebar3(t, { "rebar.lock": '{"1.1.0",[{<<"a">>,{pkg,<<"a">>,<<"1.0.0">>},0}]}.' }),
    code: "CHECKSUM_MISSING",
    message: /of rebar\.lock/,
    hint: /rebar3 lock/,
  },
  {
    summary: "a dependency from git",
    make: (t) => mix(t, { "mix.lock": '%{"a": {:git, "https://example.org/a.git", "0123", []}}' }),
    code: "DEPENDENCY_UNSUPPORTED",
    message: /Cannot fetch a of mix\.lock: it comes from git/,
    hint: /depend on its path/,
  },
  {
    summary: "a repository that needs a login",
    make: (t) => mix(t, hexEntry(`, "hexpm:acme", "${OUTER}"`)),
    code: "DEPENDENCY_UNSUPPORTED",
    message: /it is in the repository hexpm:acme, whose tarballs need a login/,
    hint: /hex: "\.\/tarballs"/,
  },
];

for (const { summary, make, code, message, hint } of CASES) {
  test(`${summary}: ${code}`, (t) => {
    assert.throws(
      () => make(t),
      (error) => {
        assert.ok(error instanceof AppError, String(error));
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

test("options are checked", (t) => {
  const src = project(t, { "mix.exs": "" });
  const wrong: readonly [unknown, RegExp][] = [
    [{ src, release: "Greeter; rm" }, /Cannot use "Greeter; rm" as mixRelease\(\)'s "release"/],
    [{ src }, /Cannot use undefined as mixRelease\(\)'s "release"/],
    [{ src, release: "greeter", start: "fast" }, /"script" or "direct" was expected/],
    [{ src, release: "greeter", keep: ["Debug"] }, /\["Dbgi"\] was expected/],
    [{ src, release: "greeter", hex: "./nowhere" }, /there is no such directory/],
    [{ src, release: "greeter", realese: 1 }, /there is no such option/],
  ];
  for (const [options, message] of wrong) {
    const lock = `%{"a": {:hex, :a, "1.0.0", "${INNER}", [:mix], [], "hexpm", "${OUTER}"}}`;
    writeFileSync(join(src, "mix.lock"), lock);
    assert.throws(
      () => mixRelease(options as MixReleaseOptions),
      (error) => error instanceof OptionError && message.test(error.message),
    );
  }
});
