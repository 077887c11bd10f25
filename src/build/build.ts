// One derivation → its outputs, valid in the store: built by a builtin or in the sandbox, canonicalised, fixed up, scanned
// for references, checked against what the derivation allows, and registered all at once.

import { systemOf } from "../model/derivation.ts";
import { InternalError } from "../model/errors.ts";
import type { PathInfo } from "../model/path-info.ts";
import type { StorePath } from "../model/store-path.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { machineArchitecture } from "../platform/machine.ts";
import { ProcessLock } from "../platform/process-lock.ts";
import { checkReferences, listCandidates } from "./allowed-references.ts";
import { compareOutputs } from "./compare.ts";
import { isFixedOutput } from "./environment.ts";
import { BuildError } from "./errors.ts";
import { keepOutputs } from "./failed.ts";
import { checkFixedOutput } from "./fixed-output.ts";
import { applyFixups } from "./fixups.ts";
import type { BuildContext, BuildJob, BuildOptions, Builtin } from "./job.ts";
import { buildSandboxed } from "./sandboxed.ts";

const BUILTINS = new URL("./builtins/", import.meta.url);
const BUILTIN_PREFIX = "builtin:";

/**
 * Builds a derivation; its inputs are valid. When another process builds it already, that is waited for.
 *
 * @throws {BuildError}; {SandboxError} where there is no sandbox; the signal's reason.
 */
export async function buildDerivation(
  job: BuildJob,
  options: BuildOptions,
  context: BuildContext,
): Promise<void> {
  const { store, signal, progress } = context;
  const paths = outputPaths(job);
  using _lock = await ProcessLock.wait(store.lockFile(job.drvPath), signal, () =>
    progress.note(`waiting for another process that builds ${job.name}`),
  );
  const areValid = () => [...paths.values()].every((path) => store.isValid(path));
  if (!areValid()) await buildOnce(job, paths, options, context, "register");
  // What is built in one way alone, or has a hash that was said before, needs no second try.
  if (options.check && !isFixedOutput(job) && !isBuiltin(job)) {
    await buildOnce(job, paths, options, context, "compare");
  }
}

async function buildOnce(
  job: BuildJob,
  paths: ReadonlyMap<string, StorePath>,
  options: BuildOptions,
  context: BuildContext,
  then: "register" | "compare",
): Promise<void> {
  const { store } = context;
  const staged = new Map([...paths].map(([name, path]) => [name, store.stage({ path })]));
  try {
    await makeOutputs(job, staged, options, context);
    for (const place of staged.values()) store.canonicalise(place);
    await applyFixups(job, staged, context);
    const infos = await describeOutputs(job, staged, context);
    if (then === "compare") compareOutputs(job, infos, staged, store, options.keepFailed);
    else store.register(infos.map(({ name, info }) => ({ info, staged: staged.get(name)! })));
  } catch (error) {
    throw options.keepFailed ? keepOutputs(job, staged, context, error) : error;
  } finally {
    for (const place of staged.values()) store.discard(place);
  }
}

function isBuiltin({ derivation }: BuildJob): boolean {
  return derivation.builder.startsWith(BUILTIN_PREFIX);
}

function outputPaths({ derivation, name }: BuildJob): Map<string, StorePath> {
  return new Map(
    [...derivation.outputs].map(([output, description]) => {
      if ("path" in description) return [output, description.path];
      throw new InternalError(`where output ${output} of ${name} goes is known only afterwards`);
    }),
  );
}

async function makeOutputs(
  job: BuildJob,
  staged: ReadonlyMap<string, string>,
  options: BuildOptions,
  context: BuildContext,
): Promise<void> {
  const { builder, system } = job.derivation;
  if (isBuiltin(job)) {
    await (await loadBuiltin(builder.slice(BUILTIN_PREFIX.length), job)).build(job, staged, context);
    return;
  }
  const own = systemOf(machineArchitecture());
  if (system !== own) {
    throw new BuildError(
      "BUILD_PLATFORM",
      `Cannot build ${job.name}: it is for ${system}, this machine is ${own}`,
      {
        hint: "Build it on such a machine, and share it through a binary cache: tare store push",
      },
    );
  }
  await buildSandboxed(job, staged, options, context);
}

async function loadBuiltin(name: string, job: BuildJob): Promise<Builtin> {
  const names = moduleNames(BUILTINS);
  if (names.includes(name)) return (await importModule<{ builtin: Builtin }>(BUILTINS, name)).builtin;
  throw new BuildError(
    "BUILTIN_INVALID",
    `Cannot build ${job.name}: there is no builder ${BUILTIN_PREFIX}${name}, only ${names.join(", ")}`,
  );
}

/** An output with all that the store will know of it. */
export interface DescribedOutput {
  readonly name: string;
  readonly info: PathInfo;
}

async function describeOutputs(
  job: BuildJob,
  staged: ReadonlyMap<string, string>,
  { store, signal }: BuildContext,
): Promise<DescribedOutput[]> {
  const paths = outputPaths(job);
  const candidates = listCandidates(job, paths.values());
  const described: DescribedOutput[] = [];
  for (const [name, place] of staged) {
    const path = paths.get(name)!;
    const facts = await store.scan(place, candidates, signal);
    const output = job.derivation.outputs.get(name)!;
    const ca =
      output.kind === "fixed" ? await checkFixedOutput(job, output, place, facts.narHash, signal) : undefined;
    const info: PathInfo = { path, ...facts, deriver: job.drvPath, signatures: [], ca, ultimate: true };
    described.push({ name, info });
  }
  await checkReferences(job, described, staged, signal);
  return described;
}
