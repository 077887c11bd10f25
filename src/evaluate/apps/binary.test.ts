import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../../../test/kit/context.ts";
import type { DerivationNode } from "../../model/derivation.ts";
import { collectGraph, findNode } from "../../model/mentions.ts";
import type { Output } from "../derivation.ts";
import { type GoBinaryOptions, goBinary } from "./go-binary.ts";
import { type RustBinaryOptions, rustBinary } from "./rust-binary.ts";

function makeProject(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

function packagesOf(output: Output): string[] {
  return (findNode(output) as DerivationNode).requests.map(({ name }) => name).sort();
}

function find(output: Output, name: string) {
  return Object.values(collectGraph([output])).find((node) => node.name === name);
}

const GO = { "go.mod": "module example.com/shop/v2\nrequire a.b/c v1.0.0\n", "main.go": "package main\n" };
const RUST = { "Cargo.toml": '[package]\nname = "shop"\nversion = "1.0.0"\n', "src/main.rs": "fn main() {}" };

test("a Go program is compiled in a build of its own, and named as go build names it", (t) => {
  const app = goBinary({ src: makeProject(t, GO), ldflags: "-X main.version=1", tags: ["a", "b"] });
  assert.equal(app.name, "shop");
  assert.equal(app.program, `${app}/bin/shop`);
  assert.deepEqual(packagesOf(app), ["bash", "ca-certificates", "tzdata"]);
  const build = find(app, "shop-build") as DerivationNode;
  assert.deepEqual(build.requests.map(({ name }) => name).sort(), ["bash", "golang-go"]);
  assert.equal(build.env["CGO_ENABLED"], "0");
  assert.equal(build.env["tags"], "a,b");
  assert.equal(build.requests[0]!.scope["suite"], "trixie");
  assert.equal(find(app, "go-modules")?.kind, "import");
});

test("Go's standard library is compiled once for all programs that are compiled alike", (t) => {
  const library = (options: Omit<GoBinaryOptions, "src">) => {
    const app = goBinary({ src: makeProject(t, GO), ...options });
    return JSON.stringify(find(app, "go-standard-library"));
  };
  const one = library({});
  assert.equal(library({ name: "till", tags: ["a"], ldflags: "-X main.version=2" }), one);
  assert.notEqual(library({ cgo: true }), one);
  assert.notEqual(library({ env: { GOAMD64: "v3" } }), one);
});

test("a Go program with C is one build, whose packages it may use", (t) => {
  const app = goBinary({ src: makeProject(t, GO), cgo: true });
  assert.deepEqual(packagesOf(app), ["bash", "ca-certificates", "gcc", "golang-go", "libc6-dev", "tzdata"]);
});

test("modules in vendor/, and those that need no other, import nothing", (t) => {
  const vendored = goBinary({ src: makeProject(t, { ...GO, "vendor/modules.txt": "" }) });
  assert.equal(find(vendored, "go-modules"), undefined);
  assert.equal((find(vendored, "shop-build") as DerivationNode).env["mode"], "vendor");
  const alone = goBinary({ src: makeProject(t, { ...GO, "go.mod": "module example.com/shop\n" }) });
  assert.equal(find(alone, "go-modules"), undefined);
});

test("a Rust program is static unless that is not wanted", (t) => {
  const src = makeProject(t, RUST);
  const app = rustBinary({ src, features: ["a", "b"], defaultFeatures: false, architecture: "arm64" });
  assert.equal(app.program, `${app}/bin/shop`);
  assert.deepEqual(packagesOf(app), ["bash", "ca-certificates", "tzdata"]);
  const build = find(app, "shop-build") as DerivationNode;
  assert.equal(build.env["selection"], "--bin shop --features a,b --no-default-features");
  assert.equal(build.env["target"], "aarch64-unknown-linux-gnu");
  assert.equal(find(app, "crates")?.kind, "import");
  assert.ok(packagesOf(rustBinary({ src, static: false })).includes("rustc"));
});

test("a Rust program is found as Cargo finds it", (t) => {
  const program = (files: Readonly<Record<string, string>>) =>
    rustBinary({ src: makeProject(t, files) }).name;
  assert.equal(
    program({ ...RUST, "Cargo.toml": '[package]\nname = "a"\ndefault-run = "b"\n', "src/bin/b.rs": "" }),
    "b",
  );
  assert.equal(program({ "Cargo.toml": '[package]\nname = "a"\n', "src/bin/tool/main.rs": "" }), "tool");
  assert.equal(
    program({ "Cargo.toml": '[package]\nname = "a"\n[[bin]]\nname = "c"\n', "src/lib.rs": "" }),
    "c",
  );
});

for (const { summary, files, options = {}, code, hint } of [
  { summary: "no go.mod", files: {}, code: "PROJECT_MISSING" },
  {
    summary: "two programs",
    files: { ...GO, "cmd/x/main.go": "package main // x\n" },
    code: "PROGRAM_AMBIGUOUS",
    hint: /package: "\."/,
  },
  {
    summary: "no program",
    files: { "go.mod": "module a\n", "a.go": "package a\n", "a_test.go": "package main\n" },
    code: "PROGRAM_AMBIGUOUS",
  },
  { summary: "a package elsewhere", files: GO, options: { package: "../x" }, code: "BAD_OPTION" },
  { summary: "a go.mod that is none", files: { ...GO, "go.mod": "" }, code: "GO_MOD_INVALID" },
  { summary: "a misspelt option", files: GO, options: { Cgo: true }, code: "UNKNOWN_OPTION" },
] as readonly {
  summary: string;
  files: Record<string, string>;
  options?: object;
  code: string;
  hint?: RegExp;
}[]) {
  test(`goBinary() refuses ${summary} with ${code}`, (t) => {
    const src = makeProject(t, files);
    assert.throws(() => goBinary({ src, ...options } as GoBinaryOptions), { code, ...(hint && { hint }) });
  });
}

for (const { summary, files, options = {}, code } of [
  { summary: "no Cargo.toml", files: {}, code: "PROJECT_MISSING" },
  { summary: "two programs", files: { ...RUST, "src/bin/b.rs": "" }, code: "PROGRAM_AMBIGUOUS" },
  { summary: "no program", files: { "Cargo.toml": RUST["Cargo.toml"] }, code: "PROGRAM_AMBIGUOUS" },
  {
    summary: "a workspace",
    files: { "Cargo.toml": '[workspace]\nmembers = ["a"]\n' },
    code: "PROGRAM_AMBIGUOUS",
  },
  { summary: "a name with a path", files: RUST, options: { bin: "../x" }, code: "BAD_OPTION" },
  { summary: "a feature of the shell", files: RUST, options: { features: ["a;b"] }, code: "BAD_OPTION" },
] as readonly { summary: string; files: Record<string, string>; options?: object; code: string }[]) {
  test(`rustBinary() refuses ${summary} with ${code}`, (t) => {
    const src = makeProject(t, files);
    assert.throws(() => rustBinary({ src, ...options } as RustBinaryOptions), { code });
  });
}

test("an override that changes nothing says so", (t) => {
  const app = goBinary({ src: makeProject(t, GO) });
  assert.throws(() => app.override({ cgo: false }), { code: "OVERRIDE_WITHOUT_EFFECT" });
  assert.equal(app.override({ name: "till" }).program.endsWith("/bin/till"), true);
});
