// The conformance suite of the OCI distribution specification: fetched and built by Go, once, outside of the checkout.

import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { liveArchiveProblem } from "../cli.ts";
import { start } from "../processes.ts";
import { hasTool } from "../tools.ts";

const MODULE = "github.com/opencontainers/distribution-spec/conformance";
/** The newest version that Go's public proxy gives out; it is older than the referrers API. */
const VERSION = "v0.0.0-20230516164017-7fcdf80f3c8b";
const BUILD_TIMEOUT_MS = 300_000;

export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What the suite printed, without colours. */
  readonly output: string;
}

/** The suite's program, or why it cannot be had here. */
export async function buildSuite(): Promise<{ readonly program: string } | { readonly problem: string }> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tare-tests");
  const program = join(cache, `oci-conformance-${VERSION}`);
  if (existsSync(program)) return { program };
  if (!hasTool("go")) return { problem: "go is not installed" };
  const offline = liveArchiveProblem();
  if (offline !== undefined) return { problem: offline };
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "build-"));
  try {
    return (await buildIn(folder, program)) ? { program } : { problem: `${MODULE} cannot be had or built` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Built from a copy of the module, so that the versions of its own go.sum are the ones used. */
async function buildIn(folder: string, program: string): Promise<boolean> {
  const env = { ...process.env, GO111MODULE: "on" };
  const downloaded = await start("go", ["mod", "download", "-json", `${MODULE}@${VERSION}`], {
    cwd: folder,
    env,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  if (downloaded.status !== 0) return false;
  const source = join(folder, "source");
  cpSync((JSON.parse(downloaded.stdout) as { Dir: string }).Dir, source, { recursive: true });
  await start("chmod", ["-R", "u+w", source], {});
  const built = await start("go", ["test", "-c", "-o", join(folder, "suite"), "."], {
    cwd: source,
    env,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  if (built.status !== 0) return false;
  renameSync(join(folder, "suite"), program);
  return true;
}

/** Runs every workflow of the suite; its reports go to `folder`. */
export async function runSuite(
  program: string,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<SuiteResult> {
  const { stdout, stderr } = await start(program, ["-ginkgo.noColor"], {
    cwd: folder,
    env: {
      OCI_NAMESPACE: "tare/conformance",
      OCI_CROSSMOUNT_NAMESPACE: "tare/other",
      OCI_TEST_PULL: "1",
      OCI_TEST_PUSH: "1",
      OCI_TEST_CONTENT_DISCOVERY: "1",
      OCI_TEST_CONTENT_MANAGEMENT: "1",
      ...settings,
    },
    timeoutMs: 120_000,
  });
  const output = stdout + stderr;
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(output)?.[1] ?? Number.NaN);
  return { passed: count("Passed"), failed: count("Failed"), skipped: count("Skipped"), output };
}
