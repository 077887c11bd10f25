// The command line as people and scripts use it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, TARE, tare } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeArchive } from "../kit/debian-archive.ts";
import { IMAGE, imageWith, makeProject, PACKAGES } from "../kit/project.ts";

const COMMANDS = readdirSync(join(ROOT, "src/cli/commands")).map((file) => file.replace(/\.ts$/, ""));

test("the help lists every command, and each command's help has an example and --json", () => {
  const { stdout, status } = tare(["--help"]);
  assert.equal(status, 0);
  for (const command of COMMANDS) {
    assert.match(stdout, new RegExp(`^  ${command} `, "m"));
    const help = tare([command, "--help"]).stdout;
    assert.match(help, /Examples?:\n {2}\$ tare /);
    assert.match(help, /--json/);
    assert.match(help, /--offline/);
  }
  assert.equal(tare(["help", "build"]).stdout, tare(["build", "--help"]).stdout);
});

test("tare alone explains itself and fails; --version is the package's", () => {
  const alone = tare([]);
  assert.equal(alone.status, 2);
  assert.match(alone.stderr, /Usage: tare/);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  assert.equal(tare(["--version"]).stdout, `${version}\n`);
});

test("the launcher works from any directory and through a link", (t) => {
  const directory = temporaryDirectory(t);
  symlinkSync(TARE, join(directory, "t"));
  const { stdout, status } = spawnSync(join(directory, "t"), ["--version"], {
    cwd: directory,
    encoding: "utf8",
  });
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("an old Node is told in one line", (t) => {
  const old = "/usr/bin/node";
  const version = existsSync(old)
    ? spawnSync(old, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout.trim()
    : "";
  if (version === "" || Number(version.split(".")[0]) >= 24) return t.skip("this machine has no older Node");
  const { stderr, status } = spawnSync(old, [join(ROOT, "bin/tare.js"), "--version"], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.equal(stderr, `error: tare needs Node 24.15 or newer (not 25), this is Node ${version}\n`);
});

test("without a terminal progress is plain lines on stderr; results alone are on stdout", async (t) => {
  const project = await makeProject(t);
  const { stdout, stderr } = project.tare(["build"]);
  assert.match(
    stdout,
    /^greeter:latest\n {2}\d+ layers?, .* uncompressed\)\n {2}sha256:[0-9a-f]{64}\n {2}oci:\/.*\n$/,
  );
  assert.doesNotMatch(stderr, /\x1b\[\d*[AJ]/);
  for (const stage of ["resolving", "fetching", "packing", "writing"])
    assert.match(stderr, new RegExp(`✓ ${stage} +\\S`));
  assert.equal(project.tare(["build", "--quiet", "-o", "oci:quiet"]).stderr, "");
  assert.doesNotThrow(() => JSON.parse(project.tare(["build", "--json"]).stdout));
});

test("a plan says what is in the image and why, and packs nothing", async (t) => {
  const project = await makeProject(t);
  const { stdout, status } = project.tare(["plan", "--json"]);
  assert.equal(status, 0);
  const plan = JSON.parse(stdout) as {
    packages: { label: string; root: boolean; references: { to: string }[] }[];
    pruned: { name: string; files: number }[];
    rootFileSystem: { fix: string; action: string; path?: string }[];
  };
  assert.deepEqual(
    plan.packages.map(({ label }) => label),
    ["base-links 1.0-1", "libgreet1 1.2-1", "greet-data 1.0-1", "greeter 1:2.0-3"],
  );
  assert.deepEqual(
    plan.packages.filter(({ root }) => root).map(({ label }) => label),
    ["greeter 1:2.0-3"],
  );
  assert.deepEqual(plan.pruned.map(({ name }) => name).sort(), [
    "documentation",
    "manual pages",
    "translations",
  ]);
  const done = plan.rootFileSystem.map(({ action, path }) => `${action} ${path ?? ""}`);
  assert.ok(done.includes("user "), JSON.stringify(plan.rootFileSystem));
  assert.ok(done.includes("link /usr/bin/hello"), done.join("\n"));
  assert.match(project.tare(["plan"]).stdout, /Layers \(bySizeAndChange\)\n/);
  assert.deepEqual(readdirSync(join(project.cacheHome, "tare/blobs")), []);
});

test("update prints what changed, package by package; lock keeps what is pinned", async (t) => {
  const project = await makeProject(t);
  assert.match(project.tare(["lock"]).stdout, /tare\.lock: 4 packages pinned\n$/);
  const packages = PACKAGES.packages!.map((deb) =>
    deb.name === "libgreet1" ? { ...deb, version: "1.3-1" } : deb,
  );
  await makeArchive(project.archive.directory, { ...PACKAGES, packages });
  const before = readFileSync(join(project.directory, "tare.lock"), "utf8");
  assert.match(project.tare(["lock"]).stdout, /pins all that is asked for/);
  assert.equal(readFileSync(join(project.directory, "tare.lock"), "utf8"), before);
  const updated = project.tare(["update"], { env: { TARE_DEBIAN_KEYRING: project.archive.keyring } });
  assert.match(updated.stdout, /^↑ {2}libgreet1 {2}1\.2-1 → 1\.3-1\n.*tare\.lock: 1 change, 4 packages\n$/);
  writeFileSync(
    join(project.directory, "image.ts"),
    imageWith('[packages.greeter, packages["greet-data-big"]]'),
  );
  assert.match(project.tare(["lock"]).stdout, /\+ {2}greet-data-big {2}1\.0-1\n/);
  assert.match(project.tare(["update"]).stdout, /all as before/);
});

test("a docker archive on stdout is the archive alone", async (t) => {
  const project = await makeProject(t);
  const file = join(project.directory, "image.tar");
  assert.equal(project.tare(["build", "-o", `docker-archive:${file}`]).status, 0);
  const shell = spawnSync("sh", ["-c", `"${TARE}" build -o - | cmp - "${file}"`], {
    cwd: project.directory,
    env: { ...process.env, ...project.environment },
    encoding: "utf8",
  });
  assert.equal(shell.status, 0, shell.stderr);
  // A reader that goes away early is no fault of Tare's to report at length.
  const cut = spawnSync("sh", ["-c", `"${TARE}" build -o - | head -c 10 | wc -c`], {
    cwd: project.directory,
    env: { ...process.env, ...project.environment },
    encoding: "utf8",
  });
  assert.equal(cut.stdout.trim(), "10");
  assert.doesNotMatch(cut.stderr, /INTERNAL|at .*\.js/);
});

test("verify tells a damaged image by what is wrong with it", async (t) => {
  const project = await makeProject(t);
  assert.equal(project.tare(["build"]).status, 0);
  assert.equal(project.tare(["verify", "greeter.oci"]).status, 0);
  const blobs = join(project.directory, "greeter.oci/blobs/sha256");
  const largest = readdirSync(blobs)
    .map((name) => ({ name, bytes: readFileSync(join(blobs, name)) }))
    .sort((a, b) => b.bytes.length - a.bytes.length)
    .find(({ bytes }) => bytes[0] !== 0x7b)!;
  largest.bytes[largest.bytes.length - 1]! ^= 1;
  writeFileSync(join(blobs, largest.name), largest.bytes);
  const { stdout, status } = project.tare(["verify", "greeter.oci"]);
  assert.equal(status, 1);
  assert.match(stdout, /LAYER_DIGEST/);
});

test("image.ts needs no tare installed beside it, and may lie in a package of CommonJS", async (t) => {
  const project = await makeProject(t);
  const inner = join(project.directory, "inner");
  mkdirSync(inner);
  writeFileSync(join(inner, "package.json"), '{ "type": "commonjs" }');
  writeFileSync(join(inner, "other-name.ts"), IMAGE);
  const { stdout, status, stderr } = project.tare(["build", "inner/other-name.ts"]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /greeter:latest/);
  assert.ok(existsSync(join(inner, "tare.lock")));
});
