// Builds of tests: derivations made with the functions of the API, built into a store of the test's own by a static
// busybox, which is a source tree like any other.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BuildOptions } from "../../src/build/job.ts";
import {
  type Derivation,
  type DerivationOptions,
  derivation,
  type Output,
} from "../../src/evaluate/derivation.ts";
import { path } from "../../src/evaluate/source-path.ts";
import type { BuildGraph } from "../../src/model/derivation.ts";
import type { PlacedOutput } from "../../src/model/image-spec.ts";
import { collectGraph } from "../../src/model/mentions.ts";
import type { StorePath } from "../../src/model/store-path.ts";
import { type BuildsContext, instantiateImage, realiseOutputs } from "../../src/pipeline/builds.ts";
import { Cache } from "../../src/platform/cache.ts";
import { removeTree } from "../../src/platform/directories.ts";
import { LocalStore } from "../../src/platform/store/local-store.ts";
import { type BuildPlan, outputPath } from "../../src/realise/instantiate.ts";
import { temporaryDirectory, testContext } from "./context.ts";
import type { Persona } from "./personas.ts";
import type { BuildProcessJob, BuildProcessReport } from "./run-build.ts";
import { BUSYBOX } from "./tiny-image.ts";

/** Commands of busybox that scripts of tests use. */
const APPLETS = [
  ..."sh cat chmod cp cut date dd echo env false grep hostname id kill ln ls mkdir mkfifo mknod mv nc ping".split(
    " ",
  ),
  ..."printf mount ps pwd readlink rm sed seq setsid sleep sort stat sync tail test touch tr true umount uname unshare wc wget".split(
    " ",
  ),
];

/** A source tree with busybox in `bin`, as a build sees it at its store path. */
export function busyboxSource(t: TestContext): Output {
  const parent = temporaryDirectory(t);
  chmodSync(parent, 0o755);
  const directory = join(parent, "busybox");
  mkdirSync(join(directory, "bin"), { recursive: true });
  copyFileSync(BUSYBOX, join(directory, "bin/busybox"));
  chmodSync(join(directory, "bin/busybox"), 0o755);
  for (const applet of APPLETS) symlinkSync("busybox", join(directory, "bin", applet));
  return path(pathToFileURL(directory));
}

/** A derivation that a script of busybox makes. */
export function shell(
  busybox: Output,
  name: string,
  script: string,
  options: Partial<DerivationOptions> = {},
): Derivation {
  return derivation({
    name,
    builder: `${busybox}/bin/sh`,
    args: ["-e", "-c", script],
    ...options,
    env: { PATH: `${busybox}/bin`, ...options.env },
  });
}

/** The graph of some outputs, and they as an image has them. */
export function describeOutputs(outputs: readonly Output[]): {
  readonly graph: BuildGraph;
  readonly outputs: readonly PlacedOutput[];
} {
  const placed = outputs.map(
    ({ node, output }): PlacedOutput => ({ kind: "output", node, output, placement: "store" }),
  );
  return { graph: collectGraph(placed), outputs: placed };
}

/** Settings of builds as they are when nothing is said. */
export const PLAIN_BUILD: BuildOptions = {
  keepFailed: false,
  timeout: undefined,
  maxSilentTime: undefined,
  check: false,
  cores: 2,
};

/** A store of a test and what builds into it. */
export class TestBuilds {
  readonly store: LocalStore;
  readonly context: BuildsContext & ReturnType<typeof testContext>;

  constructor(
    t: TestContext,
    settings: Partial<BuildOptions> = {},
    root = join(temporaryDirectory(t), "store"),
    cache?: string,
  ) {
    this.store = new LocalStore(root);
    t.after(() => {
      this.store[Symbol.dispose]();
      removeTree(root);
    });
    this.context = {
      ...testContext(t, cache === undefined ? {} : { cache: new Cache(cache) }),
      lock: { version: 1, sections: [] },
      store: this.store,
      build: { ...PLAIN_BUILD, ...settings },
    };
  }

  /** The derivations and sources that outputs need; sources are copied into the store. */
  async plan(...outputs: readonly Output[]): Promise<BuildPlan> {
    return instantiateImage(describeOutputs(outputs), { copy: true }, this.context);
  }

  /** Makes outputs valid; their store paths. */
  async build(...outputs: readonly Output[]): Promise<StorePath[]> {
    const plan = await this.plan(...outputs);
    await realiseOutputs(describeOutputs(outputs), plan, this.context);
    return outputs.map((output) => outputPath(plan, output));
  }

  /** Where an output really is, after it was built. */
  async place(output: Output): Promise<string> {
    const [storePath] = await this.build(output);
    return this.store.physicalPath(storePath!);
  }

  /** The text of an output that is a file. */
  async text(output: Output): Promise<string> {
    return readFileSync(await this.place(output), "utf8");
  }
}

/** For assert.rejects: an error with a code whose message matches, told as all errors are. */
export function buildError(code: string, message: RegExp): (error: unknown) => true {
  return (error) => {
    const { code: found, message: said } = error as { code?: string; message: string };
    if (found !== code || !message.test(said) || !/^Cannot \w.*[^.]$/s.test(said)) {
      throw new Error(`${code} ${message} was wanted, ${found} ${JSON.stringify(said)} came`, {
        cause: error,
      });
    }
    return true;
  };
}

const PROGRAM = fileURLToPath(new URL("./run-build.ts", import.meta.url));

/** Builds of a process of its own, as one persona or as this user. */
export class BuildProcesses {
  /** Absolute path, as those that follow. */
  readonly directory: string;
  readonly cache: string;
  readonly store: string;
  readonly #persona: Persona | undefined;
  #count = 0;

  constructor(t: TestContext, persona?: Persona) {
    this.#persona = persona;
    this.directory = temporaryDirectory(t);
    t.after(() => removeTree(this.directory));
    chmodSync(this.directory, 0o755);
    this.cache = join(this.directory, "cache");
    this.store = join(this.directory, "store");
    for (const path of [this.cache, this.store]) this.#own(path);
  }

  #own(path: string): void {
    mkdirSync(path);
    if (this.#persona !== undefined && process.getuid?.() === 0)
      chownSync(path, this.#persona.uid, this.#persona.uid);
  }

  /** Starts to build, which has `begun` when all code is loaded; `kill` ends the process as nothing else does. */
  start(
    outputs: readonly Output[],
    settings: Partial<BuildOptions> = {},
    jobs = 2,
  ): {
    readonly begun: Promise<unknown>;
    readonly kill: () => void;
    readonly finished: Promise<BuildProcessReport | undefined>;
  } {
    const folder = join(this.directory, `job-${this.#count++}`);
    this.#own(folder);
    const report = join(folder, "report.json");
    const job: BuildProcessJob = {
      ...describeOutputs(outputs),
      cache: this.cache,
      store: this.store,
      report,
      settings: { ...PLAIN_BUILD, ...settings },
      jobs,
    };
    writeFileSync(join(folder, "job.json"), JSON.stringify(job));
    const [command, ...args] = [
      ...(this.#persona?.prefix ?? []),
      realpathSync(process.execPath),
      PROGRAM,
      join(folder, "job.json"),
    ];
    const child = spawn(command!, args, {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: "/",
      env: { PATH: process.env["PATH"], HOME: this.directory },
    });
    const begun = once(child.stdout!, "data");
    const finished = once(child, "close").then(() =>
      existsSync(report) ? (JSON.parse(readFileSync(report, "utf8")) as BuildProcessReport) : undefined,
    );
    return { begun, kill: () => void child.kill("SIGKILL"), finished };
  }

  /** Builds; fails when the process does. */
  async build(outputs: readonly Output[], settings: Partial<BuildOptions> = {}): Promise<BuildProcessReport> {
    const report = await this.start(outputs, settings).finished;
    if (report === undefined) throw new Error("the process that builds has failed");
    return report;
  }
}
