// Programs that a compiler makes: the examples over their sockets, and what is refused.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listProxies } from "../../src/sources/go/proxies.ts";
import { copyExample, tare, tareJson } from "../kit/cli.ts";
import { makeElf } from "../kit/make-elf.ts";
import {
  type BuiltImage,
  checkService,
  makeDirectory,
  ownStore,
  skipWithoutArchive,
  skipWithoutUrl,
} from "../kit/services.ts";

const CRATE = "https://static.crates.io/crates/itoa/itoa-1.0.11.crate";
const MODULE = `${listProxies()[0]}/github.com/google/uuid/@v/v1.6.0.mod`;

test("a dynamic C program has its libraries, and nothing that it was compiled with", async (t) => {
  if (skipWithoutArchive(t)) return;
  const { layers } = await checkService(t, "c-dynamic", {
    question: "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    answer: /^zlib 1\.\S+: 41 bytes become \d\d\n$/,
    changed: "src/server.c",
    line: "\nint unused = 1;\n",
  });
  assert.ok(layers.reduce((total, { size }) => total + size, 0) < 2_000_000);
});

test("a static Go program has the time zones and certificates that it names", async (t) => {
  if (await skipWithoutUrl(t, "Go module proxy", MODULE)) return;
  await checkService(t, "go-static", {
    question: "/?zone=Asia/Kathmandu",
    answer: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:45 [0-9a-f-]{36}\n$/,
    changed: "main.go",
    line: "\nvar Unused = 1\n\nfunc init() { Unused++ }\n",
  });
});

test("a static Rust program is an image of one file", async (t) => {
  if (await skipWithoutUrl(t, "registry of crates", CRATE)) return;
  const { layers } = await checkService(t, "rust-static", {
    question: "/path",
    answer: /^request \d+ for \/path\n$/,
    changed: "src/main.rs",
    line: "\n#[used]\nstatic UNUSED: u32 = 7;\n",
  });
  assert.equal(layers.length, 1);
});

test("a static program of this machine gets what it names", (t) => {
  if (skipWithoutArchive(t)) return;
  const cwd = makeDirectory(t, {
    server: makeElf({ type: "executable", strings: ["left/etc/ssl/certs/ca-certificates.crtright"] }),
    "image.ts": `import { buildLayeredImage, file } from "tare";
export default buildLayeredImage({ name: "x", contents: [file("./server", "/server", { mode: 0o755 })], config: { Entrypoint: ["/server"] } });
`,
  });
  const { packages } = JSON.parse(readLockText(cwd)) as { packages: string[] };
  assert.ok(packages.includes("ca-certificates"));
  assert.ok(!packages.includes("tzdata"));

  function readLockText(directory: string): string {
    tareJson<BuiltImage>(["build"], { cwd: directory, env: ownStore(t) });
    const { sections } = JSON.parse(readFileSync(join(directory, "tare.lock"), "utf8")) as {
      sections: { requests: Record<string, string> }[];
    };
    return JSON.stringify({ packages: sections.flatMap(({ requests }) => Object.keys(requests)) });
  }
});

test("a module that go.sum does not agree with, and a program that does not compile, are refused", async (t) => {
  if (await skipWithoutUrl(t, "Go module proxy", MODULE)) return;
  const cwd = copyExample(t, "go-static");
  const env = ownStore(t);
  const sums = join(cwd, "go.sum");
  const right = readFileSync(sums, "utf8");
  writeFileSync(sums, right.replace(/h1:NI/, "h1:NN"));
  const wrong = tare(["build"], { cwd, env });
  assert.match(wrong.stderr, /uuid v1\.6\.0: its hash is h1:NIva.*go\.sum says h1:NNva.*\[GO_SUM_MISMATCH\]/);
  writeFileSync(sums, right);
  writeFileSync(join(cwd, "main.go"), "package main\n\nfunc main() { missing() }\n");
  const broken = tare(["build"], { cwd, env });
  assert.match(broken.stderr, /Cannot build go-static-build[\s\S]*\[BUILD_FAILED\][\s\S]*undefined: missing/);
});
