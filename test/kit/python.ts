// Python, pip and a package index for tests that compare with them.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { readIndexSettings } from "../../src/sources/pypi/index-settings.ts";
import { PackageIndex } from "../../src/sources/pypi/package-index.ts";
import { temporaryDirectory, testContext } from "./context.ts";
import { run, skipWithout } from "./tools.ts";

/** What pip compares with; the launchers that it writes are of its version. */
export const PIP = "pip==26.3";

/** Skips the test and returns true when no package index answers. */
export async function skipWithoutIndex(t: TestContext): Promise<boolean> {
  const signal = AbortSignal.timeout(15_000);
  try {
    await new PackageIndex(readIndexSettings([], [])).list("iniconfig", testContext(t, { signal }));
    return false;
  } catch {
    t.skip("no Python package index can be reached");
    return true;
  }
}

/** Makes a virtual environment with pip in it; undefined when the test was skipped. */
export function makePip(t: TestContext): string | undefined {
  if (skipWithout(t, "python3")) return undefined;
  const environment = join(temporaryDirectory(t), "pip");
  if (spawnSync("python3", ["-m", "venv", environment]).status !== 0) {
    t.skip("python3 has no venv");
    return undefined;
  }
  const pip = join(environment, "bin/pip");
  run(pip, ["install", "--quiet", "--disable-pip-version-check", PIP]);
  return pip;
}
