// The users as whom tests run Tare: root, and an ordinary one.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Image } from "../../src/model/image.ts";
import type { RunOptions } from "../../src/run/options.ts";
import type { RunImageJob, RunImageReport } from "./run-image.ts";

const PROGRAM = fileURLToPath(new URL("./run-image.ts", import.meta.url));
const ORDINARY = 1000;

export interface Persona {
  readonly name: "root" | "an ordinary user";
  readonly uid: number;
  /** What comes before the command. */
  readonly prefix: readonly string[];
  /** Why this machine cannot play it. */
  readonly skip: string | false;
}

const isRoot = process.getuid?.() === 0;

/** Both personas, with why one cannot be. */
export function personas(): readonly Persona[] {
  const drop = ["setpriv", `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, "--clear-groups"];
  return [
    { name: "root", uid: 0, prefix: [], skip: !isRoot && "this user is not root" },
    isRoot
      ? { name: "an ordinary user", uid: ORDINARY, prefix: drop, skip: whyNot(drop) }
      : { name: "an ordinary user", uid: process.getuid?.() ?? 0, prefix: [], skip: whyNot([]) },
  ];
}

function whyNot(prefix: readonly string[]): string | false {
  const can = (...command: string[]) => {
    const [file, ...args] = [...prefix, ...command];
    return spawnSync(file!, args).status === 0;
  };
  if (!can("test", "-r", PROGRAM) || !can("test", "-x", realpathSync(process.execPath))) {
    return "an ordinary user cannot read this checkout";
  }
  return (
    !can("unshare", "--user", "--map-root-user", "--mount", "true") &&
    "this kernel lets no ordinary user make user namespaces"
  );
}

export interface Finished extends RunImageReport {
  readonly stdout: string;
  readonly stderr: string;
  /** The exit status of Tare's own process; undefined when it was killed. */
  readonly status: number | undefined;
}

/** A place where one persona runs images. */
export class Stage {
  readonly persona: Persona;
  /** A directory of the persona's own. */
  readonly directory: string;
  readonly cache: string;

  constructor(t: TestContext, persona: Persona) {
    this.persona = persona;
    this.directory = mkdtempSync(join(tmpdir(), "tare-run-"));
    t.after(() => rmSync(this.directory, { recursive: true, force: true }));
    chmodSync(this.directory, 0o755);
    this.cache = this.makeDirectory("cache");
  }

  /** A directory that the persona owns. */
  makeDirectory(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path);
    if (isRoot) chownSync(path, this.persona.uid, this.persona.uid);
    return path;
  }

  /** Starts Tare on an image, as the persona. */
  start(
    image: Image,
    options: RunOptions,
    extra: {
      readonly abortAfterMs?: number;
      readonly stdio?: readonly unknown[];
      readonly wrap?: readonly string[];
    } = {},
  ): { readonly child: ChildProcess; readonly finished: Promise<Finished> } {
    const folder = mkdtempSync(join(this.makeRoom(), "job-"));
    if (isRoot) chownSync(folder, this.persona.uid, this.persona.uid);
    const [jobFile, report] = [join(folder, "job.json"), join(folder, "report.json")];
    const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    const job: RunImageJob = {
      image: { ...image, config: encode(image.config), manifest: encode(image.manifest) },
      options: { runtime: "namespaces", ...options },
      cache: this.cache,
      report,
      ...(extra.abortAfterMs === undefined ? {} : { abortAfterMs: extra.abortAfterMs }),
    };
    writeFileSync(jobFile, JSON.stringify(job));
    const command = [
      ...this.persona.prefix,
      ...(extra.wrap ?? []),
      realpathSync(process.execPath),
      PROGRAM,
      jobFile,
    ];
    const child = spawn(command[0]!, command.slice(1), {
      stdio: (extra.stdio ?? ["pipe", "pipe", "pipe"]) as "pipe"[],
      cwd: "/",
      env: { ...process.env, HOME: this.directory, XDG_CACHE_HOME: this.cache, TMPDIR: "/tmp" },
    });
    return { child, finished: finish(child, report) };
  }

  /** Runs an image to its end. */
  async run(
    image: Image,
    options: RunOptions,
    input = "",
    extra: Parameters<Stage["start"]>[2] = {},
  ): Promise<Finished> {
    const { child, finished } = this.start(image, options, extra);
    child.stdin?.end(input);
    return finished;
  }

  /** Runs a script with the image's `sh`. */
  script(image: Image, script: string, options: RunOptions = {}, input = ""): Promise<Finished> {
    return this.run(image, { command: ["sh", "-c", script], ...options }, input);
  }

  private makeRoom(): string {
    const room = join(this.directory, "jobs");
    if (!existsSync(room)) this.makeDirectory("jobs");
    return room;
  }
}

async function finish(child: ChildProcess, report: string): Promise<Finished> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin?.on("error", () => {});
  const [code] = (await once(child, "close")) as [number | null];
  const written = existsSync(report)
    ? (JSON.parse(readFileSync(report, "utf8")) as RunImageReport)
    : { notes: [] };
  return { ...written, stdout, stderr, status: code ?? undefined };
}

/** Waits until something is so; fails after 10 seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 200) throw new Error("it did not come true in 10 seconds");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
