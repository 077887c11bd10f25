// Other people's tools, for conformance tests; a test without its tool is skipped by name.

import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";

/** Whether a program is installed. */
export function hasTool(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`], { stdio: "ignore" }).status === 0;
}

/** Skips the test and returns true when a program is missing. */
export function skipWithout(t: TestContext, ...names: string[]): boolean {
  const missing = names.find((name) => !hasTool(name));
  if (missing !== undefined) t.skip(`${missing} is not installed`);
  return missing !== undefined;
}

/** Runs a program to its end; what it wrote to standard output. Fails with what it said otherwise. */
export function run(command: string, args: readonly string[], input?: Uint8Array): string {
  const result = spawnSync(command, args, { input, maxBuffer: 1 << 28, encoding: "latin1" });
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: ${result.error?.message ?? result.stderr}`);
  }
  return result.stdout;
}
