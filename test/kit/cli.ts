// Runs the CLI as users do: the launcher in node_modules/.bin, in a process of its own.

import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryDirectory } from "./context.ts";

export const ROOT = join(import.meta.dirname, "../..");
export const TARE = join(ROOT, "node_modules/.bin/tare");

/** A cache that all live tests share, so that each package is fetched once. */
export const SHARED_CACHE = join(ROOT, "node_modules/.cache/tare-tests");

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Added to an environment of PATH, HOME and the shared cache. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Words put before the command, such as `setpriv …`. */
  readonly prefix?: readonly string[];
  readonly input?: string;
  readonly timeoutMs?: number;
}

function environment(options: CliOptions): NodeJS.ProcessEnv {
  mkdirSync(SHARED_CACHE, { recursive: true });
  return {
    PATH: process.env["PATH"],
    HOME: process.env["HOME"],
    XDG_CACHE_HOME: SHARED_CACHE,
    ...options.env,
  };
}

/** Runs `tare` to its end. */
export function tare(args: readonly string[], options: CliOptions = {}): CliResult {
  const [command = TARE, ...rest] = [...(options.prefix ?? []), TARE, ...args];
  const { status, stdout, stderr } = spawnSync(command, rest, {
    cwd: options.cwd,
    env: environment(options),
    encoding: "utf8",
    input: options.input ?? "",
    timeout: options.timeoutMs ?? 300_000,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr };
}

/** Starts `tare` and leaves it running; it is killed when the test ends. */
export function startTare(t: TestContext, args: readonly string[], options: CliOptions = {}) {
  const child = spawn(TARE, args, {
    cwd: options.cwd,
    env: environment(options),
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** Runs `tare --json …` and parses what it prints; a failure is an assertion with what it said. */
export function tareJson<T>(args: readonly string[], options: CliOptions = {}): T {
  const result = tare([...args, "--json"], options);
  if (result.status !== 0)
    throw new Error(`tare ${args.join(" ")} ended with ${result.status}:\n${result.stderr}`);
  return JSON.parse(result.stdout) as T;
}

/** A copy of an example in a directory of its own. */
export function copyExample(t: TestContext, name: string): string {
  const directory = join(temporaryDirectory(t), name);
  cpSync(join(ROOT, "examples", name), directory, { recursive: true });
  return directory;
}

/** Why tests of the real archive cannot run here, or undefined. */
export function liveArchiveProblem(): string | undefined {
  return process.env["TARE_TEST_OFFLINE"] === "1" ? "TARE_TEST_OFFLINE is set" : undefined;
}

/** Why a program cannot be used, or undefined. */
export function missingProgram(...names: readonly string[]): string | undefined {
  const path = `${process.env["PATH"]}:/usr/sbin:/sbin`.split(":");
  const missing = names.filter((name) => !path.some((directory) => existsSync(join(directory, name))));
  return missing.length === 0 ? undefined : `${missing.join(", ")} is not installed`;
}
