// Real packages from the live archive: built by the CLI, verified, and started with the functional test of each.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { liveArchiveProblem, SHARED_CACHE, tareJson } from "../kit/cli.ts";
import { temporaryDirectory } from "../kit/context.ts";
import { makeHarness, runSmokeCase, smokeCase, smokeImageFile, smokeSkip } from "../kit/smoke.ts";

/** Languages and ways to name things that differ: modules, plugins, scripts, configuration, data, daemons. */
const CASES = [
  "bash",
  "curl",
  "redis-server",
  "nginx-light",
  "lighttpd",
  "git",
  "gunicorn",
  "python3",
  "ruby",
  "php-cli",
  "nodejs",
  "erlang-base",
  "lua5.4",
  "guile-3.0",
  "imagemagick",
];

async function smoke(t: TestContext, name: string, harness: string): Promise<void> {
  const directory = temporaryDirectory(t);
  const testCase = smokeCase(name);
  writeFileSync(join(directory, "image.ts"), smokeImageFile(testCase.packages));
  const built = tareJson<{ digest: string; size: number }>(["build", "-o", "oci:out"], { cwd: directory });
  assert.match(built.digest, /^sha256:[0-9a-f]{64}$/);
  const verified = tareJson<{ problems: unknown[] }>(["verify", "oci:out"], { cwd: directory });
  assert.deepEqual(verified.problems, []);
  const environment = { ...process.env, XDG_CACHE_HOME: SHARED_CACHE };
  const { ok, output } = await runSmokeCase(testCase, join(directory, "out"), harness, environment);
  assert.ok(ok, `${name} did not print "${testCase.expect}" but:\n${output}`);
}

test("packages from the live archive do their work", async (t) => {
  const problem = smokeSkip() || liveArchiveProblem();
  if (problem !== undefined) return t.skip(problem);
  if (process.arch !== "x64") return t.skip("the image is for amd64");
  const harness = makeHarness(t);
  for (const name of CASES) await t.test(name, (inner) => smoke(inner, name, harness));
});
