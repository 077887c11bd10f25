// An image → a program that runs, by the first runtime that can: podman, docker, or Linux namespaces.

import { resolve } from "node:path";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import { didYouMean } from "../model/suggest.ts";
import { importModules } from "../platform/discover.ts";
import { hasNetwork } from "../platform/linux.ts";
import { isInteractive } from "../platform/processes.ts";
import { RunError } from "./errors.ts";
import { parseImageConfiguration, planProgram } from "./image-configuration.ts";
import type { RunOptions, RunRequest, Runtime } from "./options.ts";
import { parsePublish } from "./publish.ts";

const RUNTIMES = new URL("./runtimes/", import.meta.url);

/** A runtime by the name of its file. */
export interface NamedRuntime {
  readonly name: string;
  readonly runtime: Runtime;
}

export interface RunResult {
  /** The program's own; 128 + N when signal N ended it, 126 when it cannot be executed, 127 when it is not there. */
  readonly exitCode: number;
  /** The name of the runtime that started it. */
  readonly runtime: string;
}

/**
 * Runs the program of an image to its end. Nothing of it is left on this machine, except that an engine keeps the
 * image in its own store.
 *
 * Signals that this process gets meanwhile are passed on to the program.
 *
 * @throws {RunError} When the program was not started. With `auto`, a runtime that fails for reasons of its own is
 *   noted, and the next one is tried.
 */
export async function runImage(image: Image, options: RunOptions, context: Context): Promise<RunResult> {
  const request = planRun(image, options, context);
  const modules = await importModules<{ readonly runtime: Runtime }>(RUNTIMES);
  const known = modules.map(({ name, module }) => ({ name, runtime: module.runtime }));
  const candidates = selectRuntimes(known, options.runtime ?? "auto");
  let failure: RunError | undefined;
  for (const [index, { name, runtime }] of candidates.entries()) {
    try {
      return { exitCode: await runtime.start(request, context), runtime: name };
    } catch (error) {
      if (!(error instanceof RunError) || error.code !== "RUNTIME_FAILED") throw error;
      failure = error;
      const next = candidates[index + 1];
      if (next !== undefined) context.progress.note(`${error.message}; trying ${next.name}`);
    }
  }
  throw failure!;
}

function planRun(image: Image, options: RunOptions, context: Context): RunRequest {
  const configuration = parseImageConfiguration(image.config);
  const publish = options.publish ?? [];
  for (const port of publish) parsePublish(port);
  const isPublished = publish.length === 0 || hasNetwork();
  if (!isPublished)
    context.progress.note(`this machine has no network: ${publish.join(", ")} is not published`);
  return {
    image,
    configuration,
    program: planProgram(configuration, options),
    options,
    mounts: (options.mounts ?? []).map((mount) => ({ ...mount, source: resolve(mount.source) })),
    publish: isPublished ? publish : [],
    tty:
      options.tty ?? ([options.stdin, options.stdout, options.stderr].every(isInherited) && isInteractive()),
  };
}

function isInherited(end: unknown): boolean {
  return end === undefined || end === "inherit";
}

/**
 * The runtimes to try, in this order; at least one.
 *
 * @param wanted `auto`, or a name.
 * @throws {RunError} `UNKNOWN_RUNTIME`, or `NO_RUNTIME` when this machine can have none of them.
 */
export function selectRuntimes(known: readonly NamedRuntime[], wanted: string): readonly NamedRuntime[] {
  const asked = wanted === "auto" ? known : known.filter(({ name }) => name === wanted);
  if (asked.length === 0) {
    const names = ["auto", ...known.map(({ name }) => name)];
    throw new RunError(
      "UNKNOWN_RUNTIME",
      `Cannot run the image with "${wanted}": the runtimes are ${names.join(", ")}`,
      {
        hint: didYouMean(wanted, names),
      },
    );
  }
  const absences = asked.map(({ runtime }) => runtime.absence());
  const usable = asked.filter((_, index) => absences[index] === undefined);
  if (usable.length > 0) return usable.sort((a, b) => a.runtime.order - b.runtime.order);
  const reasons = asked.map(({ name }, index) => `${name}: ${absences[index]}`);
  throw new RunError("NO_RUNTIME", `Cannot run the image on this machine: ${reasons.join("; ")}`, {
    hint: "Install podman or docker",
  });
}
