// node_modules trees made from real lock files, against those that npm and pnpm make of the same: paths, bytes, modes
// and links. Scripts are not run by either, and the files in which npm and pnpm keep their own state are left out.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { decodeByteString } from "../../src/model/bytes.ts";
import type { Tree } from "../../src/model/tree.ts";
import { machineArchitecture } from "../../src/platform/machine.ts";
import { installNodeModules } from "../../src/sources/npm/install.ts";
import { readNodeProject } from "../../src/sources/npm/project.ts";
import { temporaryDirectory, testContext } from "../kit/context.ts";
import { skipWithout } from "../kit/tools.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/npm");
const STATE =
  /(?:^|\/)(?:\.package-lock\.json|\.modules\.yaml|\.pnpm-workspace-state[^/]*|\.pnpm\/lock\.yaml)$/;

function runTool(command: string, args: readonly string[], cwd: string) {
  // npm and pnpm make files by the umask.
  const script = 'umask 022; exec "$0" "$@"';
  const env = { ...process.env, CI: "true" };
  return spawnSync("sh", ["-c", script, command, ...args], { cwd, env, encoding: "utf8", timeout: 120_000 });
}

function skipWithoutRegistry(t: TestContext): boolean {
  if (skipWithout(t, "npm")) return true;
  const { status } = runTool("npm", ["view", "ms@2.0.0", "version", "--fetch-retries=0"], FIXTURES);
  if (status !== 0) t.skip("no npm registry can be reached");
  return status !== 0;
}

/** What a directory has below its node_modules directories, as lines. */
function dumpDirectory(root: string, path = ""): string[] {
  return readdirSync(join(root, path)).flatMap((name) => {
    const inside = path === "" ? name : `${path}/${name}`;
    const stats = lstatSync(join(root, inside));
    if (stats.isDirectory()) return dumpDirectory(root, inside);
    if (!/(?:^|\/)node_modules\//.test(inside) || STATE.test(inside)) return [];
    if (stats.isSymbolicLink()) return [`${inside} -> ${readlinkSync(join(root, inside))}`];
    const sha256 = createHash("sha256")
      .update(readFileSync(join(root, inside)))
      .digest("hex");
    return [`${inside} ${(stats.mode & 0o7777).toString(8)} ${sha256}`];
  });
}

function dumpTree({ entries }: Tree): string[] {
  return entries.flatMap((entry) => {
    const path = decodeByteString(entry.path);
    if (entry.type === "directory") return [];
    if (entry.type === "symlink") return [`${path} -> ${decodeByteString(entry.target)}`];
    return [`${path} ${entry.mode.toString(8)} ${entry.content.sha256}`];
  });
}

async function compare(
  t: TestContext,
  name: string,
  command: string,
  args: readonly string[],
): Promise<string[]> {
  const directory = join(temporaryDirectory(t), name);
  cpSync(join(FIXTURES, name), directory, { recursive: true });
  const { status, stdout, stderr } = runTool(command, args, directory);
  assert.equal(status, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  const options = { architecture: machineArchitecture(), nodeVersion: process.versions.node };
  const { tree } = await installNodeModules(readNodeProject(join(FIXTURES, name)), options, testContext(t));
  const lines = dumpTree(tree).sort();
  assert.deepEqual(lines, dumpDirectory(directory).sort());
  return lines;
}

const NPM = ["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"];

for (const [name, least] of [
  ["service", 600],
  ["workspace", 100],
] as const) {
  test(`${name}: as npm ci installs it`, async (t) => {
    if (skipWithoutRegistry(t)) return;
    const lines = await compare(t, name, "npm", NPM);
    assert.ok(lines.length > least, `${lines.length} entries`);
    assert.ok(lines.some((line) => line.includes("/.bin/")));
  });
}

test("pnpm: as pnpm 10 installs it", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const tools = temporaryDirectory(t);
  const got = runTool(
    "npm",
    ["install", "--prefix", tools, "pnpm@10.34.9", "--no-audit", "--no-fund"],
    tools,
  );
  const pnpm = join(tools, "node_modules/.bin/pnpm");
  if (got.status !== 0 || !existsSync(pnpm)) return t.skip("the registry does not have pnpm 10.34.9");
  const options = [
    "--frozen-lockfile",
    "--prod",
    "--ignore-scripts",
    "--config.prefer-symlinked-executables=true",
  ];
  const lines = await compare(t, "pnpm", pnpm, ["install", ...options, "--store-dir", join(tools, "store")]);
  assert.ok(lines.length > 200, `${lines.length} entries`);
});

test("a musl or a foreign package is in neither tree, and the native one is", async (t) => {
  if (skipWithoutRegistry(t)) return;
  const project = readNodeProject(join(FIXTURES, "service"));
  for (const [architecture, cpu] of [
    ["amd64", "x64"],
    ["arm64", "arm64"],
  ] as const) {
    const { packages } = await installNodeModules(project, { architecture }, testContext(t));
    const native = packages.filter(({ name }) => name.startsWith("@node-rs/crc32-")).map(({ name }) => name);
    assert.deepEqual(native, [`@node-rs/crc32-linux-${cpu}-gnu`]);
  }
});
