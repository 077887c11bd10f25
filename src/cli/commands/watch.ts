// tare watch: builds an image again whenever something changes that it is made from, and brings it where it is wanted.

import { isAbsolute, relative } from "node:path";
import type { Command } from "commander";
import type { Context } from "../../model/context.ts";
import { fingerprint } from "../../pipeline/build-inputs.ts";
import { listRoundModules } from "../../pipeline/evaluate.ts";
import { listWatched } from "../../pipeline/inputs.ts";
import { pushTarget } from "../../pipeline/registries.ts";
import { loadTarget, runTarget } from "../../pipeline/targets.ts";
import {
  type BuildOptions,
  buildAndDeliver,
  buildAndDeliverIndex,
  type Evaluated,
  evaluateFor,
} from "../../pipeline.ts";
import { monotonicMs } from "../../platform/clock.ts";
import { fileIdentity, pathKind } from "../../platform/files.ts";
import { type WatchedPaths, Watcher } from "../../platform/watch.ts";
import type { CommonOptions, Host } from "../host.ts";
import {
  addCompressionOption,
  addExamples,
  addFrozenOption,
  type Compression,
  withCompression,
} from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import { report } from "../report.ts";
import { countLayers, createdFromEnvironment } from "../results.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "build again whenever something changes";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {
  readonly output?: string;
  readonly push?: string;
  readonly load?: boolean;
  readonly run?: boolean;
  readonly frozen: boolean;
  readonly compression?: Compression;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .option("-o, --output <target>", "write it there each time, as tare build does (default: oci:NAME.oci)")
    .option("--push <reference>", "push it each time: HOST/NAME:TAG")
    .option("--load", "load it into podman or docker each time")
    .option("--run", "start it each time, and stop what was started before");
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addCompressionOption(command);
  addExamples(
    command,
    ["tare watch --push localhost:5000/api:dev", "push every change of ./image.ts and its files"],
    ["tare watch ./api --run", "keep a program running as it is written"],
  );
  command.action(async (path: string, options: Options) => {
    const asked = (["output", "push", "load", "run"] as const).filter((name) => options[name] !== undefined);
    if (asked.length > 1) {
      const names = asked.map((name) => `--${name}`).join(" and ");
      command.error(`error: ${names} cannot be used together`, { exitCode: 2 });
    }
    await using watch = new Watch(path, options, host);
    await watch.go();
  });
}

/** What a round came to. */
interface Outcome {
  /** For people: what was brought where. */
  readonly what: string;
  readonly data: object;
}

/** Brings an image where it is wanted. */
type Delivery = (evaluated: Evaluated, build: BuildOptions, context: Context) => Promise<Outcome>;

class Watch implements AsyncDisposable {
  readonly #path: string;
  readonly #options: Options;
  readonly #host: Host;
  readonly #context: Context;
  readonly #runner: Runner;
  readonly #deliver: Delivery;
  #round = 0;
  #watched: WatchedPaths = { files: [], directories: [] };
  #modules: readonly string[] = [];
  /** Of what was delivered last; undefined after an error. */
  #fingerprint: string | undefined;

  constructor(path: string, options: Options, host: Host) {
    this.#path = path;
    this.#options = options;
    this.#host = host;
    this.#context = host.context({ ...options, quiet: true });
    this.#runner = new Runner(host, options);
    this.#deliver = chooseDelivery(options, this.#runner);
  }

  /** Goes on until the user ends it. */
  async go(): Promise<void> {
    const { signal } = this.#context;
    let changed: readonly string[] = [];
    while (!signal.aborted) {
      const before = identify(this.#modules);
      const evaluated = await this.#evaluate();
      using watcher = new Watcher(this.#watched);
      if (evaluated !== undefined) {
        await this.#build(evaluated, changed);
        watcher.settle(evaluated.lockFile);
      }
      if (signal.aborted) return;
      // What was saved while it was read is not missed.
      changed = differing(before, identify(this.#modules));
      if (changed.length > 0) continue;
      changed = await watcher.changed(signal).catch(() => []);
    }
  }

  async #evaluate(): Promise<Evaluated | undefined> {
    const round = this.#round++;
    const { compression, platform } = this.#options;
    try {
      const evaluated = await evaluateFor(this.#path, {
        round,
        platform,
        adjust: (spec) => withCompression(spec, compression),
      });
      this.#watched = await listWatched(evaluated);
      this.#modules = evaluated.modules;
      return evaluated;
    } catch (error) {
      if (round === 0) this.#modules = await listRoundModules(this.#path, round);
      else this.#modules = [...new Set([...this.#modules, ...(await this.#modulesOf(round))])];
      this.#watched = { ...this.#watched, files: [...this.#watched.files, ...this.#modules] };
      this.#fail(error);
      return undefined;
    }
  }

  /** None when the image file is gone for now. */
  async #modulesOf(round: number): Promise<readonly string[]> {
    return listRoundModules(this.#path, round).catch(() => []);
  }

  async #build(evaluated: Evaluated, changed: readonly string[]): Promise<void> {
    const start = monotonicMs();
    try {
      const now = await fingerprint(evaluated, this.#context);
      if (now === this.#fingerprint) return;
      const { frozen } = this.#options;
      const build = {
        frozen,
        createdSeconds: createdFromEnvironment(),
        registry: registryAccess(this.#options),
      };
      const { what, data } = await this.#deliver(evaluated, build, this.#context);
      // The lock may have been made only now.
      this.#fingerprint = await fingerprint(evaluated, this.#context);
      const seconds = (monotonicMs() - start) / 1000;
      const cause = describeChanges(changed);
      if (this.#options.json) process.stdout.write(`${JSON.stringify({ changed, seconds, ...data })}\n`);
      else process.stdout.write(`${cause}: ${what} (${seconds.toFixed(2)} s)\n`);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Tells an error, and goes on: it may be corrected by the next change. */
  #fail(error: unknown): void {
    this.#fingerprint = undefined;
    if (this.#context.signal.aborted) return;
    this.#host.endProgress();
    report(error, this.#options.json === true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.stop();
  }
}

/** What files are by their identities on the disk. */
function identify(paths: readonly string[]): ReadonlyMap<string, string | undefined> {
  return new Map(paths.map((path) => [path, fileIdentity(path)]));
}

/** Paths that are in both and are not the same. */
function differing(
  before: ReadonlyMap<string, string | undefined>,
  after: ReadonlyMap<string, string | undefined>,
): string[] {
  return [...before.keys()].filter((path) => after.has(path) && after.get(path) !== before.get(path));
}

const MOST_NAMED = 2;

function describeChanges(paths: readonly string[]): string {
  if (paths.length === 0) return "began";
  // Editors write files of their own beside what is saved, and take them away.
  const present = paths.filter((path) => pathKind(path) !== undefined);
  const told = present.length > 0 ? present : paths;
  const names = told.slice(0, MOST_NAMED).map((path) => {
    const short = relative(process.cwd(), path);
    return short.startsWith("..") || isAbsolute(short) ? path : short;
  });
  const more = told.length - names.length;
  return more > 0 ? `${names.join(", ")} and ${more} more` : names.join(", ");
}

function chooseDelivery(options: Options, runner: Runner): Delivery {
  const { push, load, run, output } = options;
  if (push !== undefined) return (...round) => pushRound(push, options, ...round);
  if (load === true) return loadRound;
  if (run === true) return (evaluated, build, context) => runner.restart(evaluated, build, context);
  return (...round) => buildRound(output, ...round);
}

async function pushRound(
  reference: string,
  options: Options,
  evaluated: Evaluated,
  build: BuildOptions,
  context: Context,
): Promise<Outcome> {
  const { images, pushed } = await pushTarget(
    evaluated,
    reference,
    { ...build, registry: registryAccess(options) },
    context,
  );
  const { bytesSent, unchanged } = pushed;
  const moved = unchanged ? "unchanged" : `${formatBytes(bytesSent)} sent`;
  return { what: `${pushed.reference}, ${countLayers(images)}, ${moved}`, data: pushed };
}

async function loadRound(evaluated: Evaluated, build: BuildOptions, context: Context): Promise<Outcome> {
  const { image, names, loaded } = await loadTarget(evaluated, build, context);
  const { engine, bytesMoved } = loaded;
  const what = `${names.join(", ")} in ${engine}, ${count(image.layers.length, "layer")}, ${formatBytes(bytesMoved)} moved`;
  return { what, data: { names, digest: image.digest, ...loaded } };
}

async function buildRound(
  given: string | undefined,
  evaluated: Evaluated,
  build: BuildOptions,
  context: Context,
): Promise<Outcome> {
  const { spec, specs } = evaluated;
  const output = given ?? spec.output ?? `oci:${spec.name.split("/").at(-1)}.oci`;
  const settings = { ...build, output };
  const one = specs.length === 1 ? await buildAndDeliver(evaluated, settings, context) : undefined;
  const all = one ?? (await buildAndDeliverIndex(evaluated, settings, context));
  const images = "built" in all ? all.built.map(({ image }) => image) : [all.image];
  const { delivered, unchanged } = all;
  const moved = unchanged ? "unchanged" : `${formatBytes(delivered.bytesWritten)} written`;
  return { what: `${delivered.output}, ${countLayers(images)}, ${moved}`, data: delivered };
}

/** Keeps one program running: the newest. */
class Runner {
  readonly #host: Host;
  readonly #options: Options;
  #running: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(host: Host, options: Options) {
    this.#host = host;
    this.#options = options;
  }

  async restart(evaluated: Evaluated, build: BuildOptions, context: Context): Promise<Outcome> {
    await this.stop();
    const abort = new AbortController();
    const started = Promise.withResolvers<void>();
    const signal = AbortSignal.any([context.signal, abort.signal]);
    let hasStarted = false;
    const onStart = () => {
      hasStarted = true;
      started.resolve();
    };
    const end = (error: unknown) => {
      if (!hasStarted) started.reject(error);
      else if (!signal.aborted) report(error, this.#options.json === true);
    };
    const ended = runTarget(
      evaluated,
      { ...build, run: { stdin: "ignore" }, beforeStart: onStart },
      { ...context, signal },
    ).then(({ exitCode }) => {
      if (!signal.aborted) this.#tell(`the program ended with status ${exitCode}; waiting for a change`);
    }, end);
    this.#running = { abort, ended };
    await started.promise;
    return { what: `${evaluated.spec.name} started`, data: { started: evaluated.spec.name } };
  }

  #tell(text: string): void {
    this.#host.endProgress();
    process.stderr.write(`${text}\n`);
  }

  /** Stops what runs, and waits until it has ended. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.abort.abort(new Error("the image has changed"));
    await running?.ended;
  }
}
