// Real packages from the live archive: built by the CLI, verified, and started with the functional test of each.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, type TestContext, test } from "node:test";
import { liveArchiveProblem, SHARED_CACHE, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeHarness, runSmokeCase, smokeCase, smokeSkip } from "../kit/smoke.ts";

const CASES = ["redis-server", "nginx-light", "python3", "curl", "bash"];

let problem: string | undefined;

before(() => {
  problem = smokeSkip() || liveArchiveProblem();
});

function imageFile(name: string, packages: readonly string[]): string {
  const contents = packages.map((item) => `packages[${JSON.stringify(item)}]`).join(", ");
  return [
    'import { buildLayeredImage, debian } from "tare";',
    'const { packages } = debian("bookworm", { architecture: "amd64" });',
    `export default buildLayeredImage({ name: "smoke/${name}", contents: [${contents}] });`,
    "",
  ].join("\n");
}

async function smoke(t: TestContext, name: string): Promise<void> {
  if (problem !== undefined) return t.skip(problem);
  if (process.arch !== "x64") return t.skip("the image is for amd64");
  const directory = temporaryDirectory(t);
  const testCase = smokeCase(name);
  writeFileSync(join(directory, "image.ts"), imageFile(name, testCase.packages));
  const built = tareJson<{ digest: string; size: number }>(["build", "-o", "oci:out"], { cwd: directory });
  assert.match(built.digest, /^sha256:[0-9a-f]{64}$/);
  const verified = tareJson<{ problems: unknown[] }>(["verify", "oci:out"], { cwd: directory });
  assert.deepEqual(verified.problems, []);
  const environment = { ...process.env, XDG_CACHE_HOME: SHARED_CACHE };
  const { ok, output } = await runSmokeCase(testCase, join(directory, "out"), makeHarness(t), environment);
  assert.ok(ok, `${name} did not print "${testCase.expect}" but:\n${output}`);
}

for (const name of CASES) test(`${name} from the live archive does its work`, (t) => smoke(t, name));
