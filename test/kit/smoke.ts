// Runs a smoke test of test/fixtures/smoke on an image, through the command line of this checkout.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "./context.ts";
import { BUSYBOX } from "./tiny-image.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures/smoke/", import.meta.url));
const TARE = fileURLToPath(new URL("../../node_modules/.bin/tare", import.meta.url));

/** Milliseconds that a case may take. */
const TIMEOUT_MS = 120_000;

export interface SmokeCase {
  readonly name: string;
  readonly packages: readonly string[];
  /** For `sh`. */
  readonly script: string;
  readonly uid: number;
  /** What the output must have; alternatives are separated by `|`. */
  readonly expect: string;
}

/** What the rules were measured with, and two lists of packages that were in none before. */
export type SmokeFile = "cases.json" | "more-cases.json" | "fresh-cases.json";

/** The cases of a file. */
export function smokeCases(file: SmokeFile = "cases.json"): readonly SmokeCase[] {
  return (JSON.parse(readFileSync(join(FIXTURES, file), "utf8")) as { cases: SmokeCase[] }).cases;
}

/** The text of an image.ts with packages of bookworm. */
export function smokeImageFile(
  packages: readonly string[],
  closure: "inferred" | "declared" = "inferred",
): string {
  const contents = packages.map((name) => `packages[${JSON.stringify(name)}]`).join(", ");
  return `import { buildLayeredImage, debian } from "tare";
const { packages } = debian("bookworm", { architecture: "amd64" });
export default buildLayeredImage({ name: "smoke", closure: "${closure}", contents: [${contents}] });
`;
}

/** A case by its name. */
export function smokeCase(name: string): SmokeCase {
  const found = smokeCases().find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no smoke test "${name}"`);
  return found;
}

/** Why smoke tests cannot run on this machine, or false. */
export function smokeSkip(): string | false {
  if (process.platform !== "linux") return "this is not Linux";
  return !existsSync(BUSYBOX) && "busybox-static is not installed";
}

/** Makes the directory that scripts find at /.t. */
export function makeHarness(t: Pick<TestContext, "after">): string {
  const harness = temporaryDirectory(t);
  chmodSync(harness, 0o755);
  cpSync(join(FIXTURES, "harness"), harness, { recursive: true });
  copyFileSync(BUSYBOX, join(harness, "busybox"));
  // Without a compiler only the cases that use udpq fail.
  spawnSync("cc", ["-O1", "-static", "-o", join(harness, "udpq"), join(harness, "udpq.c")]);
  // Without a Java compiler only the case of Java fails.
  spawnSync("javac", ["--release", "17", "-d", join(harness, "t"), join(harness, "H.java")]);
  copyOpenssl(join(harness, "ssl"));
  return harness;
}

/** The machine's own openssl with its libraries, as curltls.sh starts it. */
function copyOpenssl(directory: string): void {
  const openssl = "/usr/bin/openssl";
  const { stdout, status } = spawnSync("ldd", [openssl], { encoding: "utf8" });
  if (status !== 0) return;
  mkdirSync(directory);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]!);
  for (const path of [openssl, ...libraries]) copyFileSync(path, join(directory, basename(path)));
  for (const path of libraries) chmodSync(join(directory, basename(path)), 0o755);
}

export interface SmokeResult {
  /** Whether the output has what the case expects. */
  readonly ok: boolean;
  /** Standard output and error. */
  readonly output: string;
}

/**
 * Runs a case with `tare run`.
 *
 * @param layout The directory of an OCI layout.
 * @param harness What {@link makeHarness} made.
 * @param environment Variables for Tare itself.
 */
export async function runSmokeCase(
  { script, uid, expect }: SmokeCase,
  layout: string,
  harness: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<SmokeResult> {
  const start = (mounts: readonly string[], command: readonly string[]) => {
    const args = [
      ...[
        "run",
        "--runtime",
        "namespaces",
        "-v",
        `${harness}:/.t:ro`,
        "-u",
        String(uid),
        "-w",
        "/tmp",
        ...mounts,
      ],
      ...["-e", "B=/.t/busybox", "-e", "J=/.t", "-e", "HOME=/tmp", "-e", "LANG=C.UTF-8"],
      // Servers of several tests would want the same ports; without ip(8) nothing brings up a network of one's own.
      ...(spawnSync("ip", ["-V"]).status === 0 ? ["--network", "none"] : []),
      ...["--entrypoint", "/.t/busybox", `oci:${layout}`, "--", ...command],
    ];
    return spawn(TARE, args, { stdio: ["ignore", "pipe", "pipe"], env: environment, timeout: TIMEOUT_MS });
  };
  // The scripts know a user `app`, whom programs look up by number or name, beside those of the image.
  const mounts: string[] = [];
  for (const [name, line] of Object.entries(APP)) {
    const own = await collect(start([], ["cat", `/etc/${name}`]), ["stdout"]);
    const file = join(mkdtempSync(join(harness, "accounts-")), name);
    writeFileSync(file, `${own}${line}\n`);
    mounts.push("-v", `${file}:/etc/${name}:ro`);
  }
  const output = await collect(start(mounts, ["sh", "-c", script]), ["stdout", "stderr"]);
  return { ok: expect.split("|").some((text) => output.includes(text)), output };
}

const APP = { passwd: "app:x:1000:1000::/tmp:/bin/sh", group: "app:x:1000:" };

async function collect(child: ChildProcess, streams: readonly ("stdout" | "stderr")[]): Promise<string> {
  let output = "";
  for (const stream of streams) {
    child[stream]!.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  child.stderr!.resume();
  await once(child, "close");
  return output;
}
