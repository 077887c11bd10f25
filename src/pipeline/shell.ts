// A derivation of an image → where it is built, or where it is developed: with the groups of dependencies that images
// leave out, and the project's own files where they lie.

import { dirname } from "node:path";
import type { BuilderEnvironment } from "../build/environment.ts";
import type { BuildJob } from "../build/job.ts";
import { decodeByteString } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import {
  type BuildGraph,
  type BuildNode,
  type DerivationNode,
  formatPlaceholder,
  type NodeId,
  type OutputReference,
  replacePlaceholders,
} from "../model/derivation.ts";
import { TareError } from "../model/errors.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { Lock } from "../model/lock.ts";
import { didYouMean } from "../model/suggest.ts";
import { environmentVariable } from "../platform/environment.ts";
import { realPath } from "../platform/linux.ts";
import { machineArchitecture } from "../platform/machine.ts";
import type { BuildPlan, PlannedDerivation } from "../realise/instantiate.ts";
import {
  type BuildsContext,
  DEFAULT_BUILD,
  instantiateImage,
  openStore,
  prepareJob,
  prepareRoot,
  realiseOutputs,
} from "./builds.ts";
import { loadSource } from "./sources.ts";

export type ShellErrorCode =
  /** No derivation of the image, or several that could be meant. */
  | "SHELL_DERIVATION"
  /** The derivation is for another kind of machine. */
  | "SHELL_PLATFORM"
  /** There is no shell where the derivation is built. */
  | "SHELL_MISSING";

/** Thrown where no shell can be opened. */
export class ShellError extends TareError<ShellErrorCode> {}

/** Which derivation, and how much of what images leave out. */
export interface ShellSelection {
  /** Name of the derivation; undefined: the only one of the image's own. */
  readonly derivation?: string | undefined;
  /** Groups of dependencies; undefined: those that the language's tools take by default. */
  readonly groups?: readonly string[] | undefined;
}

/** Where a derivation is built or developed, with all of it in the store. */
export interface ShellPlace {
  readonly name: string;
  readonly job: BuildJob;
  readonly environment: BuilderEnvironment;
  /** Absolute paths of source trees that are used where they are on this machine. */
  readonly sources: readonly string[];
}

/**
 * Prepares what a shell of a derivation sees. A derivation that a program builds has the environment of its builder; one
 * that Tare makes itself has its own programs in PATH, or what its variable `develop` says.
 *
 * @param lock Pins all requests of the image.
 * @throws {ShellError}; what fetching and building throw.
 */
export async function prepareShell(
  spec: ImageSpec,
  lock: Lock,
  selection: ShellSelection,
  context: Context,
): Promise<ShellPlace> {
  const id = findDerivation(spec, selection.derivation);
  const node = spec.graph[id] as DerivationNode;
  const graph = await forDevelopment(spec.graph, selection.groups);
  const own: BuildsContext = {
    ...context,
    lock,
    store: await openStore(),
    build: { ...DEFAULT_BUILD, ...context.builds },
  };
  const plan = await instantiateImage({ graph }, { copy: true }, own);
  const derivation = plan.derivations.get(id)!;
  return node.builder.startsWith("builtin:")
    ? prepareDevelopment(id, node, graph, plan, derivation, own)
    : prepareBuild(node, plan, derivation, own);
}

function findDerivation(
  { name: image, architecture, outputs, graph, shellOf }: ImageSpec,
  wanted: string | undefined,
): NodeId {
  if (architecture !== machineArchitecture()) {
    throw new ShellError(
      "SHELL_PLATFORM",
      `Cannot open a shell of ${image}: it is for ${architecture}, this machine is ${machineArchitecture()}`,
    );
  }
  if (wanted === undefined && shellOf !== undefined) return shellOf;
  const all = Object.entries(graph).flatMap(([id, node]) =>
    node.kind === "derivation" ? [{ id, node }] : [],
  );
  const ofImage = all.filter(({ id }) => outputs.some(({ node }) => node === id));
  const ids = new Set(
    wanted === undefined
      ? ofImage.filter(({ node }) => node.builder !== "builtin:tree").map(({ id }) => id)
      : all.filter(({ node }) => node.name === wanted).map(({ id }) => id),
  );
  if (ids.size === 1) return [...ids][0]!;
  const names = [...new Set(all.map(({ node }) => node.name))].sort();
  const problem =
    wanted !== undefined
      ? `${ids.size === 0 ? "it has no derivation" : "it has several derivations"} "${wanted}"`
      : ids.size === 0
        ? "nothing of it is built"
        : `it has several derivations, ${ofImage.map(({ node }) => node.name).join(", ")}`;
  throw new ShellError("SHELL_DERIVATION", `Cannot open a shell of ${image}: ${problem}`, {
    hint:
      (wanted === undefined ? undefined : didYouMean(wanted, names)) ??
      (names.length === 0
        ? "Put a derivation into the image: runCommand(), pythonApp()"
        : `Name one with --derivation: ${names.join(", ")}`),
  });
}

/** The same graph with the imports that development wants. */
async function forDevelopment(graph: BuildGraph, groups: readonly string[] | undefined): Promise<BuildGraph> {
  const nodes = Object.entries(graph).map(async ([id, node]): Promise<[NodeId, BuildNode]> => {
    if (node.kind !== "import") return [id, node];
    const source = await loadSource(node.source);
    const options = source.developImport?.(node.options, groups);
    return [id, options === undefined ? node : { ...node, options }];
  });
  return Object.fromEntries(await Promise.all(nodes));
}

async function prepareBuild(
  { name, inputs }: DerivationNode,
  plan: BuildPlan,
  derivation: PlannedDerivation,
  context: BuildsContext,
): Promise<ShellPlace> {
  await realiseOutputs({ outputs: inputs }, plan, context);
  const job = await prepareJob(derivation, context);
  const { describeEnvironment } = await import("../build/environment.ts");
  return { name, job, environment: describeEnvironment(job, context.build.cores), sources: [] };
}

async function prepareDevelopment(
  id: NodeId,
  node: DerivationNode,
  graph: BuildGraph,
  plan: BuildPlan,
  derivation: PlannedDerivation,
  context: BuildsContext,
): Promise<ShellPlace> {
  const { outputPath } = await import("../realise/instantiate.ts");
  const text = node.env["develop"];
  const own: OutputReference[] = node.outputs.map((output) => ({ kind: "output", node: id, output }));
  const mentioned =
    text === undefined ? own : node.inputs.filter((input) => text.includes(formatPlaceholder(input)));
  const built = mentioned.filter((output) => graph[output.node]?.kind !== "source");
  await realiseOutputs({ outputs: built }, plan, context);
  const sources = mentioned.flatMap((output) => {
    const source = graph[output.node];
    return source?.kind === "source" ? [[formatPlaceholder(output), source.path] as const] : [];
  });
  const paths = new Map<string, string>([
    ...built.map((output) => [formatPlaceholder(output), outputPath(plan, output)] as const),
    ...sources,
  ]);
  const PATH = [...own.map((output) => `${outputPath(plan, output)}/bin`), DEBIAN_PATH].join(":");
  const variables: Record<string, string> =
    text === undefined
      ? { PATH }
      : (JSON.parse(replacePlaceholders(text, (placeholder) => paths.get(placeholder))) as Record<
          string,
          string
        >);
  const inputs = context.store.closure(built.map((output) => outputPath(plan, output)));
  const root = await prepareRoot(node.requests, context.lock, context);
  const { name, drvPath } = derivation;
  return {
    name: node.name,
    job: { name, drvPath, derivation: derivation.derivation, inputs, root },
    environment: { variables: { HOME: "/build", LC_ALL: "C.UTF-8", ...variables }, files: new Map() },
    sources: sources.map(([, path]) => path),
  };
}

const DEBIAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** In the build directory: what a shell reads first. */
const START_FILE = ".shell-start";

/** What runs in a shell. */
export interface ShellRun {
  /** Absolute path; it is there, and may be written to. */
  readonly directory: string;
  /** Empty: an interactive shell. */
  readonly command: readonly string[];
  readonly tty: boolean;
}

/**
 * Opens a shell, or runs a command, in a place of {@link prepareShell}.
 *
 * @returns Its exit code.
 */
export async function enterShell(place: ShellPlace, run: ShellRun, context: Context): Promise<number> {
  const { name, job, environment } = place;
  if (job.root === undefined && run.command.length === 0) {
    throw new ShellError(
      "SHELL_MISSING",
      `Cannot open a shell of ${name}: it is built without any packages`,
      {
        hint: "Name a program of its inputs: tare shell -- PROGRAM",
      },
    );
  }
  const [{ enterBuildShell }, { BUILD_DIRECTORY }] = await Promise.all([
    import("../build/shell.ts"),
    import("../build/environment.ts"),
  ]);
  const store = await openStore();
  const term = environmentVariable("TERM");
  const variables = {
    ...environment.variables,
    PWD: run.directory,
    ...(term !== undefined && { TERM: term }),
    ...(run.command.length === 0 && { PS1: `[${name}] \\w \\$ ` }),
  };
  const start = describeStart(place);
  const files = new Map(environment.files);
  if (start !== undefined) files.set(START_FILE, Buffer.from(start));
  const shown = [run.directory, ...place.sources].flatMap((path) => realPath(path) ?? []);
  return enterBuildShell(
    {
      job,
      environment: { files, variables },
      argv: shellCommand(run, start === undefined ? undefined : `${BUILD_DIRECTORY}/${START_FILE}`),
      directories: withoutNested(shown),
      workingDirectory: realPath(run.directory) ?? run.directory,
      tty: run.tty,
    },
    { ...context, store },
  );
}

/** What the shell of a builder reads first: a function that builds, and the derivation's `shellHook`, as nix-shell has it. */
function describeStart({ job, environment }: ShellPlace): string | undefined {
  const { builder, args } = job.derivation;
  if (job.root === undefined || builder.startsWith("builtin:")) return undefined;
  const words = [builder, ...args].map((word) => quote(decodeByteString(word)));
  return `unset BASH_ENV
buildDerivation() {
  ( cd "$NIX_BUILD_TOP" && exec ${words.join(" ")} )
}
${environment.variables["shellHook"] ?? ""}
`;
}

/** @param start Absolute path of what is read first; undefined where there is nothing. */
function shellCommand({ command, tty }: ShellRun, start: string | undefined): readonly string[] {
  const bash = ["/bin/bash", "--noprofile"];
  if (start === undefined) return command.length === 0 ? [...bash, "--norc"] : command;
  if (command.length > 0) return [...bash, "-c", `. ${start}; "$@"`, "bash", ...command];
  // What bash reads first when its commands come from elsewhere than a terminal is said by BASH_ENV.
  return tty ? [...bash, "--rcfile", start] : ["/usr/bin/env", `BASH_ENV=${start}`, ...bash];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Of directories within each other only the outer ones. */
function withoutNested(paths: readonly string[]): string[] {
  const all = new Set(paths);
  const isNested = (path: string): boolean => {
    for (let parent = dirname(path); ; parent = dirname(parent)) {
      if (all.has(parent) && parent !== path) return true;
      if (parent === "/") return false;
    }
  };
  return [...all].filter((path) => !isNested(path));
}
