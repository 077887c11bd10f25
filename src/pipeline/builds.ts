// The builds of an image: its graph is instantiated with the lock's pins, and what is wanted of it made valid in the
// store. The part of the way through that only images with derivations or source trees go.

import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { BuildJob, BuildOptions } from "../build/job.ts";
import { computeContentAddressedPath } from "../formats/nix/store-path.ts";
import { compareStrings } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { Closure } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import {
  type BuildGraph,
  type ImportNode,
  mapTexts,
  type NodeId,
  type OutputReference,
} from "../model/derivation.ts";
import { InternalError } from "../model/errors.ts";
import type { ExplicitLayer, ImageCommands, ImageSpec, LayerMember, Request } from "../model/image-spec.ts";
import { findRequestedName, type Lock, type LockSection, type Pin, sectionKey } from "../model/lock.ts";
import { SILENT_PROGRESS } from "../model/progress.ts";
import type { StoreObject } from "../model/store-object.ts";
import { asStorePath, type StorePath } from "../model/store-path.ts";
import { readBuildInfo } from "../platform/build-info.ts";
import { processorCount } from "../platform/machine.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import type { BuildPlan, PlannedDerivation } from "../realise/instantiate.ts";
import type { CommandTools } from "../rootfs/customise.ts";
import type { Substituter } from "../sources/nix/substitute.ts";
import { loadSource } from "./sources.ts";

/** What a build of an image's graph needs beside the image. */
export interface BuildsContext extends Context {
  readonly lock: Lock;
  readonly store: LocalStore;
  readonly build: BuildOptions;
}

/** A store path of an image, with the packages that it may refer to. */
export interface BuiltObject {
  /** Its tree is as in the store: paths are relative to the store path. */
  readonly object: StoreObject;
  readonly uses: readonly Request[];
}

/** What the builds of an image gave. */
export interface Builds {
  /** The image with store paths where its configuration and contents had placeholders. */
  readonly spec: ImageSpec;
  /** The closures of all outputs of the image. */
  readonly objects: readonly BuiltObject[];
  /** The packages that some of them may refer to. */
  readonly evidence: readonly Request[];
}

/** Opens the store of this user; what is used of it is kept until this process ends. */
export async function openStore(): Promise<LocalStore> {
  return (await import("../platform/store/shared-store.ts")).sharedStore();
}

/** How builds are done unless the command line says otherwise. */
export const DEFAULT_BUILD: BuildOptions = {
  keepFailed: false,
  timeout: undefined,
  maxSilentTime: undefined,
  check: false,
  cores: processorCount(),
};

/** Builds what an image needs, and describes it as store objects. */
export async function realiseBuilds(spec: ImageSpec, lock: Lock, context: Context): Promise<Builds> {
  const store = await openStore();
  const own: BuildsContext = { ...context, lock, store, build: { ...DEFAULT_BUILD, ...context.builds } };
  const plan = await instantiateImage(spec, { copy: true }, own);
  const mentioned = spec.commands?.inputs ?? [];
  await realiseOutputs({ outputs: [...spec.outputs, ...mentioned] }, plan, own);
  const { createResolver, outputPath } = await import("../realise/instantiate.ts");
  const paths = spec.outputs.map((output) => outputPath(plan, output));
  const closure = store.closure(paths).map(({ path }) => path);
  const uses = listUses(spec.graph, plan);
  const edited = listEdited(spec.graph, plan);
  const objects = (await store.objects(closure, context)).map((object) => ({
    object: { ...object, stable: !edited.has(object.id) },
    used: uses.get(object.id as StorePath) ?? [],
  }));
  const resolve = createResolver(plan, [...spec.outputs, ...mentioned]);
  const described = spec.shellOf === undefined ? spec : await describeShell(spec, resolve, plan, own);
  return {
    spec: {
      ...described,
      config: mapTexts(described.config, resolve),
      outputs: spec.outputs.map((output, i) => ({ ...output, node: paths[i]! })),
      ...(spec.layers !== undefined && {
        layers: mapMembers(spec.layers, (member) =>
          "node" in member ? { ...member, node: outputPath(plan, member) } : member,
        ),
      }),
      ...(spec.commands !== undefined && {
        commands: {
          ...mapTexts(spec.commands, resolve),
          inputs: mentioned.map((input) => ({ ...input, node: outputPath(plan, input) })),
        },
      }),
    },
    objects: objects.map(({ object, used }) => ({
      object,
      uses: spec.shellOf === undefined ? used.filter((request) => !isEssential(request, lock)) : [],
    })),
    evidence: spec.shellOf === undefined ? objects.flatMap(({ used }) => used) : [],
  };
}

/** Changes all that layers name. */
function mapMembers(
  layers: readonly ExplicitLayer[],
  change: (member: LayerMember) => LayerMember,
): ExplicitLayer[] {
  return layers.map(({ members, ignore, perms }) => ({
    members: members.map(change),
    ignore: ignore.map(change),
    perms: perms.map(({ path, ...rest }) => ({ ...rest, ...(path !== undefined && { path: change(path) }) })),
  }));
}

/** Gives a shell image the variables and files of its derivation's builder. */
async function describeShell(
  spec: ImageSpec,
  resolve: (text: string) => string,
  plan: BuildPlan,
  context: BuildsContext,
): Promise<ImageSpec> {
  const { describeShellImage } = await import("./shell-image.ts");
  const { name, drvPath, derivation, inputs } = plan.derivations.get(spec.shellOf!)!;
  const job = { name, drvPath, derivation, inputs: context.store.closure(inputs), root: undefined };
  return describeShellImage({ ...spec, declared: mapTexts(spec.declared, resolve) }, job);
}

/** What the commands of an image use: a root file system of their own, and the store paths that they mention. */
export async function prepareTools(
  { requests, inputs }: ImageCommands,
  lock: Lock,
  context: Context,
): Promise<CommandTools> {
  const store = await openStore();
  const own: BuildsContext = { ...context, lock, store, build: DEFAULT_BUILD };
  const root = await prepareRoot(requests, lock, own);
  if (root === undefined) throw new InternalError("commands have no packages");
  const mentioned = store.closure(inputs.map(({ node }) => node as StorePath));
  return {
    root,
    key: basename(root),
    storePaths: mentioned.map(({ path }) => ({ path, physical: store.physicalPath(path) })),
  };
}

/** The derivations of an image, without building any. */
export async function planBuilds(spec: ImageSpec, lock: Lock, context: Context): Promise<BuildPlan> {
  const own: BuildsContext = { ...context, lock, store: await openStore(), build: DEFAULT_BUILD };
  return instantiateImage(spec, { copy: false }, own);
}

/** The packages that outputs may refer to: those that a derivation was built with, and those that an import names. */
function listUses(graph: BuildGraph, plan: BuildPlan): Map<StorePath, readonly Request[]> {
  const uses = new Map<StorePath, readonly Request[]>();
  const add = (path: StorePath, requests: readonly Request[]): void => {
    const packages = requests.filter(({ source }) => source !== "nix");
    uses.set(path, [...(uses.get(path) ?? []), ...packages]);
  };
  for (const { outputs, node } of plan.derivations.values()) {
    for (const path of outputs.values()) add(path as StorePath, node.requests);
  }
  for (const [id, path] of plan.sources) {
    const node = graph[id];
    if (node?.kind === "import") add(path, node.requests ?? []);
  }
  return uses;
}

/** What changes as its owner works: source trees, what is built from them, and texts of image.ts. */
function listEdited(graph: BuildGraph, plan: BuildPlan): Set<string> {
  const edited = new Set<string>();
  for (const [id, path] of plan.sources) if (graph[id]?.kind === "source") edited.add(path);
  for (const { node, inputs, outputs } of plan.derivations.values()) {
    if (node.builder !== "builtin:tree" && !inputs.some((input) => edited.has(input))) continue;
    for (const path of outputs.values()) edited.add(path);
  }
  return edited;
}

/** Every build has Essential packages, and may refer to them, file by file, without having asked for them. */
function isEssential(request: Request, lock: Lock): boolean {
  const section = lock.sections.find((candidate) => sectionKey(candidate) === sectionKey(request));
  const name = findRequestedName(section, request.name);
  return name !== undefined && section?.packages[name]?.essential === true;
}

/** Instantiates the graph of an image; sources are hashed, and copied into the store where `copy` says so. */
export async function instantiateImage(
  { graph }: Pick<ImageSpec, "graph">,
  { copy }: { readonly copy: boolean },
  context: BuildsContext,
): Promise<BuildPlan> {
  const { instantiateGraph } = await import("../realise/instantiate.ts");
  const { store, signal, lock } = context;
  return instantiateGraph(graph, {
    sourcePath(node) {
      if (node.kind === "import") return importTree(node, store, context);
      const options = { include: node.include, signal };
      return copy
        ? store.addSource(node.name, node.path, options)
        : store.computeSource(node.name, node.path, options);
    },
    packagePaths: (requests) => listPackagePaths(requests, lock),
  });
}

/** Lets a source make a tree; it is made again only when what it is made of has changed, or when the store lost it. */
async function importTree(node: ImportNode, store: LocalStore, context: Context): Promise<StorePath> {
  const source = await loadSource(node.source);
  const identity = await identifyImport(node, context);
  const key = createHash("sha256")
    .update(formatCanonicalJson([readBuildInfo().id, node, identity]))
    .digest("hex");
  const record = context.cache.path("builds", `${key}.import`);
  const known = asStorePath(String(readRecord(record)));
  if (known !== undefined && store.isValid(known)) return known;
  if (source.importTree === undefined) throw new InternalError(`${node.source} cannot import trees`);
  const tree = await source.importTree(node.path, node.options, context);
  const path = await store.addTree(node.name, tree);
  writeRecord(record, path);
  return path;
}

/** What of this machine an import depends on, as text. */
export async function identifyImport(
  { source: name, path, options }: ImportNode,
  context: Context,
): Promise<string> {
  const source = await loadSource(name);
  if (source.identifyImport === undefined) throw new InternalError(`${name} cannot import trees`);
  return source.identifyImport(path, options, context);
}

/** Makes the outputs of an image valid in the store. */
export async function realiseOutputs(
  { outputs }: { readonly outputs: readonly OutputReference[] },
  plan: BuildPlan,
  context: BuildsContext,
): Promise<void> {
  const [{ realise }, { buildDerivation }] = await Promise.all([
    import("../realise/realise.ts"),
    import("../build/build.ts"),
  ]);
  const { store } = context;
  const checked = context.build.check ? listChecked(plan) : [];
  const report = context.builds?.onRealised ?? (() => {});
  let substituter: Promise<Substituter | undefined> | undefined;
  await realise(
    plan,
    [...outputs, ...checked.map(({ id, derivation }) => firstOutput(id, derivation))],
    {
      isValid: (path) => store.isValid(path),
      substitute: async (paths) => {
        substituter ??= openSubstituter(context);
        for (const path of (await (await substituter)?.substitute(paths)) ?? []) report(path, "substituted");
      },
      build: async (derivation) => {
        await buildDerivation(await prepareJob(derivation, context), context.build, context);
        for (const path of derivation.outputs.values()) report(path as StorePath, "built");
      },
    },
    {
      jobs: context.jobs,
      signal: context.signal,
      check: new Set(checked.map(({ derivation }) => derivation)),
    },
  );
}

/** All that a derivation is built with; its inputs are valid. */
export async function prepareJob(
  { node, name, drvPath, derivation, inputs }: PlannedDerivation,
  context: BuildsContext,
): Promise<BuildJob> {
  const requests = node.builder.startsWith("builtin:") ? [] : node.requests;
  const root = await prepareRoot(requests, context.lock, context);
  const nixPaths = await realiseStorePaths(requests, context.lock, context);
  return { name, drvPath, derivation, inputs: context.store.closure([...inputs, ...nixPaths]), root };
}

/** The binary caches that outputs are looked for in, where the user names some; what they lack is built. */
async function openSubstituter(context: BuildsContext): Promise<Substituter | undefined> {
  const { configuredSubstituters, Substituter } = await import("../sources/nix/substitute.ts");
  const { substituters, trustedPublicKeys } = context.builds ?? {};
  const configured = configuredSubstituters(substituters, trustedPublicKeys);
  return configured.urls.length === 0 ? undefined : new Substituter(configured, context.store, context);
}

/** What a second build may make differently: all that programs build. */
function listChecked(plan: BuildPlan) {
  return [...plan.derivations].flatMap(([id, derivation]) =>
    derivation.node.builder.startsWith("builtin:") || derivation.node.fixedOutput !== undefined
      ? []
      : [{ id, derivation }],
  );
}

function firstOutput(node: NodeId, { node: { outputs } }: PlannedDerivation): OutputReference {
  return { kind: "output", node, output: outputs[0]! };
}

/** Requests of one section of the lock, with the names of their pins. */
interface PinnedRequests {
  readonly section: LockSection;
  readonly names: readonly string[];
  readonly mirrors: readonly string[];
}

function findPins(requests: readonly Request[], lock: Lock): PinnedRequests[] {
  return [...Map.groupBy(requests, sectionKey)].map(([key, group]) => {
    const section = lock.sections.find((candidate) => sectionKey(candidate) === key);
    const names = group.map(({ name }) => {
      const pin = findRequestedName(section, name);
      if (pin === undefined) throw new InternalError(`the lock does not pin ${name}`);
      return pin;
    });
    return { section: section!, names, mirrors: [...new Set(group.flatMap(({ mirrors }) => mirrors))] };
  });
}

/** Some pins, all that they declare to need, and what they may use without declaring it. */
function listWithEssential({ section, names }: PinnedRequests): string[] {
  const reached = new Set<string>();
  const essential = Object.values(section.packages).filter((pin) => pin.essential === true);
  const pending = [...names, ...essential.map(({ name }) => name)];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    pending.push(...(section.packages[name]?.dependencies ?? []));
  }
  return [...reached].sort(compareStrings);
}

/** What builds with packages depend on: the artifact of each as a fixed output, or the store path that a pin is. */
function listPackagePaths(requests: readonly Request[], lock: Lock): StorePath[] {
  return findPins(requests, lock).flatMap((pinned) =>
    pinned.section.source === "nix"
      ? pinned.names.map((name) => asStorePath(name) ?? raiseNoStorePath(name))
      : listWithEssential(pinned).map((name) => artifactPath(pinned.section.packages[name]!)),
  );
}

function raiseNoStorePath(name: string): never {
  throw new InternalError(`${name} is pinned in a Nix section and is no store path`);
}

/** The store path that the file of a pin would have, as `fetchurl` names what it fetches. */
function artifactPath({ path, sha256: hash }: Pin): StorePath {
  const name = path
    .slice(path.lastIndexOf("/") + 1)
    .replaceAll(/[^0-9a-zA-Z+._?=-]+/g, "-")
    .replace(/^\.+/, "");
  return computeContentAddressedPath(name, {
    method: "flat",
    hash: { algorithm: "sha256", bytes: Buffer.from(hash, "hex") },
  });
}

/** Makes the root file system of a build's packages, once for each set of them; undefined when it has none. */
export async function prepareRoot(
  requests: readonly Request[],
  lock: Lock,
  context: BuildsContext,
): Promise<string | undefined> {
  const pinned = findPins(requests, lock).filter(({ section }) => section.source !== "nix");
  if (pinned.length === 0) return undefined;
  const artifacts = pinned.map((group) =>
    listWithEssential(group).map((name) => group.section.packages[name]!.sha256),
  );
  const key = createHash("sha256")
    .update(formatCanonicalJson([readBuildInfo().id, artifacts]))
    .digest("hex");
  const { prepareBuildRoot } = await import("../build/root.ts");
  return prepareBuildRoot(key, () => composeRoot(pinned, context), context);
}

async function composeRoot(pinned: readonly PinnedRequests[], context: BuildsContext) {
  const { composeRootFileSystem } = await import("../rootfs/compose.ts");
  const objects: StoreObject[] = [];
  for (const { section, names, mirrors } of pinned) {
    const all = listWithEssential({ section, names, mirrors });
    objects.push(...(await (await loadSource(section.source)).realise(section, all, mirrors, context)));
  }
  // Builds get the packages whole, with what images leave out: headers, documentation, static libraries.
  const closure: Closure = {
    roots: objects.map(({ id }) => id),
    units: objects.map((object) => ({ object, entries: object.tree.entries })),
    edges: [],
    pruned: [],
  };
  const architecture = pinned[0]!.section.scope.architecture;
  const quiet = { ...context, progress: SILENT_PROGRESS };
  const root = await composeRootFileSystem(
    closure,
    { architecture, user: undefined, release: undefined },
    quiet,
  );
  return [...root.directories.values(), ...root.units.flatMap(({ entries }) => entries), ...root.additions];
}

async function realiseStorePaths(
  requests: readonly Request[],
  lock: Lock,
  context: BuildsContext,
): Promise<StorePath[]> {
  const paths: StorePath[] = [];
  for (const { section, names, mirrors } of findPins(requests, lock)) {
    if (section.source !== "nix") continue;
    await (await loadSource(section.source)).provideStorePaths?.(section, names, mirrors, context);
    paths.push(...names.map((name) => asStorePath(name) ?? raiseNoStorePath(name)));
  }
  return paths;
}
