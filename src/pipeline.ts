// The one way through: image.ts → lock → store objects → closure → root file system → layer plan → blobs → delivery.
// The only file that knows the order of the stages; each stage is a folder that knows none of the others.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve as resolvePath } from "node:path";
import type { InferenceInput } from "./closure/infer.ts";
import type { PackageSizes } from "./closure/package-sizes.ts";
import type { Explanation, TracedClosure } from "./closure/why.ts";
import type { Delivered } from "./deliver/exporter.ts";
import type { Pushed } from "./deliver/push.ts";
import type { RootView } from "./inspect/root-view.ts";
import type { VerifiedImage } from "./inspect/verify-image.ts";
import type { RootProblem } from "./inspect/verify-root/problem.ts";
import type { AskArchive } from "./inspect/verify-root/providers.ts";
import type { RootSubject } from "./inspect/verify-root/subject.ts";
import type { PlanComparison } from "./layers/compare.ts";
import { type BytePath, compareStrings } from "./model/bytes.ts";
import { formatCanonicalJson } from "./model/canonical-json.ts";
import type { Closure } from "./model/closure.ts";
import type { Content } from "./model/content.ts";
import type { Context } from "./model/context.ts";
import { InternalError, TareError } from "./model/errors.ts";
import type { Image, Layer } from "./model/image.ts";
import type { Architecture, ArchiveReference, ImageSpec, Request } from "./model/image-spec.ts";
import {
  type DescribedLayer,
  type LayerContents,
  type LayerPlan,
  type PlanUnit,
  ROOTFS_UNIT_ID,
} from "./model/layer-plan.ts";
import { findRequestedName, type Lock, type LockChange, type LockSection, sectionKey } from "./model/lock.ts";
import { SILENT_PROGRESS } from "./model/progress.ts";
import type { RootFileSystem } from "./model/root-file-system.ts";
import type { StoreObject } from "./model/store-object.ts";
import type { TreeEntry } from "./model/tree.ts";
import type { LayerSink } from "./pack/pack-layers.ts";
import type { OpenBase } from "./pipeline/base.ts";
import type { Builds } from "./pipeline/builds.ts";
import type { ResolvedLayer } from "./pipeline/explicit-layers.ts";
import type { PlanGrounds, ReusedPlan } from "./pipeline/plan-record.ts";
import { loadSource } from "./pipeline/sources.ts";
import { readBuildInfo } from "./platform/build-info.ts";
import { ContentError } from "./platform/content.ts";
import { fileSize, writeFileAtomically } from "./platform/disk.ts";
import { fileIdentity, pathKind, readStart } from "./platform/files.ts";
import type { RegistryOptions } from "./platform/registry/client.ts";
import type { WatchedPaths } from "./platform/watch.ts";
import type { RootFileSystemOptions } from "./rootfs/fix.ts";
import type { EngineName, LoadedImage } from "./run/load.ts";
import type { RunOptions } from "./run/options.ts";
import type { LocalObject } from "./sources/path/local-files.ts";

/** The seconds since the epoch that files in layers bear, and images unless they say otherwise. */
const DEFAULT_TIMESTAMP = 1;

// ─── evaluate ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Evaluated {
  /** Absolute path of the image file. */
  readonly file: string;
  /** Absolute path of the lock beside it, which may not exist yet. */
  readonly lockFile: string;
  readonly spec: ImageSpec;
  /** One for each architecture that the image is for; `spec` is among them. */
  readonly specs: readonly ImageSpec[];
  /** The files whose text was evaluated; known only where a round was asked for. */
  readonly modules: readonly string[];
}

/** The platform of an image, of several. */
export interface PlatformChoice {
  readonly architecture: string;
  readonly variant?: string | undefined;
}

export interface EvaluationOptions {
  /** Which of the images is meant. Default: that for this machine, else the first. */
  readonly platform?: PlatformChoice | undefined;
  /** Evaluated anew in each round, with the user's own modules that the image file imports. */
  readonly round?: number | undefined;
}

/**
 * Evaluates what a path means: an image file (itself, or `image.ts` in the directory), or a program, which makes an
 * image of its own with a lock of its own beside it.
 */
export async function evaluate(path: string, options: EvaluationOptions = {}): Promise<Evaluated> {
  const { platform } = options;
  if (isProgramFile(path)) {
    const { describeProgram } = await import("./evaluate/program-file.ts");
    const file = resolvePath(path);
    const spec = describeProgram(file);
    await refuseOtherPlatform(spec, platform);
    return { file, lockFile: `${file}.tare.lock`, spec, specs: [spec], modules: [] };
  }
  const { findImageFile, evaluateImageFile, listImageModules } = await import("./evaluate/image-file.ts");
  const file = findImageFile(path);
  const round = { round: options.round };
  const asked = { ...round, architecture: platform && toArchitecture(platform) };
  const first = await evaluateImageFile(file, asked);
  await refuseOtherPlatform(first, platform);
  const isKnown = (architecture: Architecture) => architecture === first.architecture;
  const architectures = first.architectures ?? [first.architecture];
  const specs: ImageSpec[] = [];
  for (const architecture of architectures) {
    specs.push(isKnown(architecture) ? first : await evaluateImageFile(file, { ...round, architecture }));
  }
  const modules = [asked, ...architectures.map((architecture) => ({ ...round, architecture }))];
  return {
    file,
    lockFile: join(dirname(file), "tare.lock"),
    spec: specs.find(({ architecture }) => isKnown(architecture)) ?? specs[0]!,
    specs,
    modules: [...new Set([file, ...modules.flatMap(listImageModules)])],
  };
}

/** Undefined for what no image can be made for; that is refused when it is known what the image is for. */
function toArchitecture({ architecture }: PlatformChoice): Architecture | undefined {
  return architecture === "amd64" || architecture === "arm64" ? architecture : undefined;
}

async function refuseOtherPlatform(spec: ImageSpec, platform: PlatformChoice | undefined): Promise<void> {
  if (platform === undefined || spec.architecture === platform.architecture) return;
  const { EvaluateError } = await import("./evaluate/errors.ts");
  throw new EvaluateError(
    "OTHER_PLATFORM",
    `Cannot make ${spec.name} for linux/${platform.architecture}: it is for linux/${(spec.architectures ?? [spec.architecture]).join(" and linux/")}`,
    { hint: 'Leave out the architecture in the image file, or say architectures: ["amd64", "arm64"]' },
  );
}

/** Whether a path is a program, not an image file: by its first bytes. */
function isProgramFile(path: string): boolean {
  if (/\.[cm]?[jt]s$/.test(path) || pathKind(path) !== "file") return false;
  return /^(?:\x7fELF|#!)/.test(readStart(path, 4).toString("latin1"));
}

// ─── resolve ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What an image asks sources for beside what its files need: also what its configuration mentions. */
function listRequests(spec: ImageSpec): readonly Request[] {
  return [...spec.contents, ...spec.mentioned];
}

/** What the builds of an image use. */
function listBuildRequests({ graph, commands }: ImageSpec): readonly Request[] {
  const built = Object.values(graph).flatMap((node) => (node.kind === "source" ? [] : (node.requests ?? [])));
  return [...built, ...(commands?.requests ?? [])];
}

/** An image, the images that it starts from, and those that are delivered with it. */
function withBases(spec: ImageSpec): ImageSpec[] {
  const base = spec.base?.kind === "image" ? withBases(spec.base.spec) : [];
  return [spec, ...base, ...(spec.merged ?? []).flatMap(withBases)];
}

/** What image.ts asks for, and what the local files of the image need. */
async function readRequests(
  spec: ImageSpec,
  context: Context,
): Promise<{ readonly requests: readonly Request[]; readonly files: readonly LocalObject[] }> {
  const requests = listRequests(spec);
  if (spec.files.length === 0) return { requests, files: [] };
  const { readLocalFiles } = await import("./sources/path/local-files.ts");
  const files = await readLocalFiles(spec, context);
  return { requests: [...requests, ...files.flatMap(({ needs }) => needs)], files };
}

/** What is resolved together: the requests of one source and scope. */
interface RequestGroup {
  readonly source: string;
  readonly scope: Request["scope"];
  readonly names: readonly string[];
  readonly mirrors: readonly string[];
}

function groupRequests(requests: readonly Request[]): RequestGroup[] {
  const groups = Map.groupBy(requests, sectionKey);
  return [...groups.values()].map((group) => ({
    source: group[0]!.source,
    scope: group[0]!.scope,
    names: [...new Set(group.map(({ name }) => name))].sort(compareStrings),
    mirrors: [...new Set(group.flatMap(({ mirrors }) => mirrors))],
  }));
}

function sectionOf(lock: Lock | undefined, group: RequestGroup): LockSection | undefined {
  return lock?.sections.find((section) => sectionKey(section) === sectionKey(group));
}

function missingNames(lock: Lock | undefined, group: RequestGroup): string[] {
  const section = sectionOf(lock, group);
  return group.names.filter((name) => findRequestedName(section, name) === undefined);
}

/** What was locked for an architecture that is not asked for this time, but was with --platform. */
function sectionsOfOtherArchitectures(
  lock: Lock | undefined,
  groups: readonly RequestGroup[],
): LockSection[] {
  const withoutArchitecture = ({ source, scope }: Pick<RequestGroup, "source" | "scope">) =>
    formatCanonicalJson({ source, scope: { ...scope, architecture: undefined } });
  const alike = new Set(groups.map(withoutArchitecture));
  return (lock?.sections ?? []).filter(
    (section) =>
      alike.has(withoutArchitecture(section)) &&
      groups.every((group) => sectionKey(group) !== sectionKey(section)),
  );
}

export interface Locked {
  readonly lock: Lock;
  /** What was there before; undefined on first use. */
  readonly previous: Lock | undefined;
  /** Whether the file was written. */
  readonly written: boolean;
}

/**
 * Reads the lock, and makes or completes it as the mode allows.
 *
 * @param mode `frozen`: as it is or not at all. `use`: made or completed when it lacks something. `update`: all is
 *   resolved anew.
 * @param options `allowOlder`: releases may be older than those of the lock.
 * @throws {LockError} `LOCK_MISSING` or `LOCK_INCOMPLETE` when frozen; `LOCK_ROLLBACK` when resolved; `LOCK_INVALID` always.
 */
export async function resolveLock(
  { specs, lockFile }: Evaluated,
  mode: "frozen" | "use" | "update",
  context: Context,
  options: { readonly allowOlder?: boolean } = {},
): Promise<Locked> {
  const { formatLock, LockError, parseLock, refuseRollbacks } = await import("./formats/lock-file.ts");
  context.cache.tidy();
  const text = existsSync(lockFile) ? readFileSync(lockFile, "utf8") : undefined;
  const previous = text === undefined ? undefined : parseLock(text, lockFile);
  const asked = await Promise.all(
    specs
      .flatMap(withBases)
      .map(async (one) => [...(await readRequests(one, context)).requests, ...listBuildRequests(one)]),
  );
  const groups = groupRequests(asked.flat());
  if (groups.length === 0 && previous === undefined) {
    return { lock: { version: 1, sections: [] }, previous, written: false };
  }
  const missing = groups.flatMap((group) => missingNames(previous, group));
  if (mode === "frozen" && previous === undefined) {
    throw new LockError(
      "LOCK_MISSING",
      `Cannot build from ${lockFile}: there is no such file, and --frozen forbids to make it`,
      {
        hint: "Run tare lock, and commit tare.lock",
      },
    );
  }
  if (mode === "frozen" && missing.length > 0) {
    throw new LockError(
      "LOCK_INCOMPLETE",
      `Cannot build from ${lockFile}: it does not pin ${missing.join(", ")}`,
      {
        hint: "Run tare lock, and commit tare.lock",
      },
    );
  }
  if (previous !== undefined && missing.length === 0 && mode !== "update") {
    return { lock: previous, previous, written: false };
  }
  const sections: LockSection[] = [];
  for (const group of groups) {
    const section = sectionOf(previous, group);
    if (section !== undefined && missingNames(previous, group).length === 0 && mode !== "update")
      sections.push(section);
    else
      sections.push(
        await (await loadSource(group.source)).lock(group.scope, group.names, group.mirrors, context),
      );
  }
  if (mode !== "update") sections.push(...sectionsOfOtherArchitectures(previous, groups));
  const lock: Lock = { version: 1, sections };
  if (options.allowOlder !== true) refuseRollbacks(previous, lock, lockFile);
  const next = formatLock(lock);
  const written = next !== text?.replaceAll("\r\n", "\n");
  if (written) writeFileAtomically(lockFile, next);
  return { lock: parseLock(next, lockFile), previous, written };
}

// ─── realise, closure, root file system, plan ───────────────────────────────────────────────────────────────────────

/** Store objects of an image, before it is decided which of their files stay. */
interface Realised {
  /** The image with the paths of what was built in its configuration. */
  readonly spec: ImageSpec;
  readonly objects: readonly StoreObject[];
  /** Ids of what the image asks for. */
  readonly roots: readonly string[];
  /** Ids of the roots and of all that they declare to need; other objects are there because they are Essential. */
  readonly declared: ReadonlySet<string>;
  /** The release that the packages come from. */
  readonly release: { readonly codename: string; readonly version?: string } | undefined;
  readonly base: OpenBase | undefined;
  readonly layers: readonly ResolvedLayer[];
}

async function realiseImage(written: ImageSpec, lock: Lock, context: Context): Promise<Realised> {
  const { reachDeclared } = await import("./closure/declared.ts");
  const builds = await realiseBuilds(written, lock, context);
  const built = builds?.spec ?? written;
  const base = await openBaseOf(built, lock, context);
  const spec = base === undefined ? built : (await import("./pipeline/base.ts")).inheritConfig(built, base);
  const { requests: asked, files } = await readRequests(spec, context);
  const requests = [...asked, ...(builds?.evidence ?? [])];
  const objects: StoreObject[] = [];
  const declared = new Set<string>();
  const answers = new Map<string, StoreObject>();
  let release: Realised["release"];
  for (const group of groupRequests(requests)) {
    const section = sectionOf(lock, group);
    if (section === undefined) throw new InternalError(`the lock has no section for ${sectionKey(group)}`);
    const pinNames = group.names.map((name) => findRequestedName(section, name) ?? raiseUnpinned(name));
    const declarations = (name: string) => ({ references: section.packages[name]?.dependencies ?? [] });
    const essential = Object.values(section.packages).flatMap((pin) =>
      pin.essential === true ? pin.name : [],
    );
    const names = reachDeclared(
      spec.closure === "declared" && spec.shellOf === undefined ? pinNames : [...pinNames, ...essential],
      declarations,
    );
    const realised = await (await loadSource(group.source)).realise(section, names, group.mirrors, context);
    const byName = new Map(names.map((name, i) => [name, realised[i]!]));
    objects.push(...realised);
    for (const name of reachDeclared(pinNames, declarations)) declared.add(byName.get(name)!.id);
    for (const [i, name] of group.names.entries()) {
      answers.set(answerKey({ ...group, name }), byName.get(pinNames[i]!)!);
    }
    const [first] = Object.values(section.releases).filter(({ codename }) => !codename.includes("-"));
    release ??= first && { codename: first.codename, ...(first.version && { version: first.version }) };
  }
  const roots = new Set(listRequests(spec).map((request) => answers.get(answerKey(request))!.id));
  for (const { object, uses } of builds?.objects ?? []) {
    const packages = uses.map((request) => answers.get(answerKey(request))!.id);
    objects.push({
      ...object,
      declaredReferences: [...new Set([...object.declaredReferences, ...packages])],
    });
    declared.add(object.id);
    roots.add(object.id);
  }
  for (const file of files) {
    const providers = file.needs.map((need) => answers.get(answerKey(need))!);
    const object = await linkLocalFile(file, providers);
    objects.push(object);
    declared.add(object.id);
    roots.add(object.id);
  }
  const layers =
    spec.layers === undefined
      ? []
      : (await import("./pipeline/explicit-layers.ts")).resolveLayers(
          spec.layers,
          objects,
          (request) => answers.get(answerKey(request))?.id,
        );
  return {
    spec,
    ...(await linkStoreObjects(spec, objects, roots, context)),
    declared,
    release,
    base,
    layers,
  };
}

/** Opens the image that another starts from, building it first where it is one of Tare's. */
async function openBaseOf(spec: ImageSpec, lock: Lock, context: Context): Promise<OpenBase | undefined> {
  if (spec.base === undefined) return undefined;
  const { openBase } = await import("./pipeline/base.ts");
  return openBase(spec.base, (base) => packImage(base, lock, context), context);
}

/** Builds an image that is only a part of another: no record is kept of it. */
async function packImage(spec: ImageSpec, lock: Lock, context: Context): Promise<Image> {
  const [planned, { packLayers }, { assembleImage }] = await Promise.all([
    planImage(spec, lock, context),
    import("./pack/pack-layers.ts"),
    import("./pack/assemble-image.ts"),
  ]);
  const { compression, compressionLevel: level, createdSeconds = DEFAULT_TIMESTAMP } = spec;
  const packed = await packLayers(
    planned.layers,
    { compression, level, mtimeSeconds: spec.mtimeSeconds ?? DEFAULT_TIMESTAMP },
    context,
  );
  return assembleImage({ ...spec, config: planned.config, createdSeconds }, packed, planned.base);
}

/** Makes what images with derivations need; undefined for all others. */
async function realiseBuilds(spec: ImageSpec, lock: Lock, context: Context): Promise<Builds | undefined> {
  if (Object.keys(spec.graph).length === 0) return undefined;
  return (await import("./pipeline/builds.ts")).realiseBuilds(spec, lock, context);
}

/** Puts the trees of the store where they go in the image, and links to those that are asked for. */
async function linkStoreObjects(
  spec: ImageSpec,
  objects: readonly StoreObject[],
  roots: ReadonlySet<string>,
  context: Context,
): Promise<Pick<Realised, "objects" | "roots">> {
  if (objects.every(({ placement }) => placement.kind === "at-root")) return { objects, roots: [...roots] };
  const { describeStore, placeStoreObjects } = await import("./pipeline/placement.ts");
  const placed = placeStoreObjects(spec, objects, roots);
  if (spec.includeNixDB !== true) return placed;
  const database = await describeStore(spec, placed.objects, context);
  return { objects: [...placed.objects, database], roots: [...placed.roots, database.id] };
}

/** Decides which files stay: by what files name, or by declaration alone. */
async function computeClosure(
  spec: ImageSpec,
  realised: Realised,
  context: Context,
): Promise<{ readonly closure: Closure; readonly grounds: PlanGrounds }> {
  const { computeDeclaredClosure } = await import("./closure/declared.ts");
  const everything = computeDeclaredClosure(realised.objects, realised.roots);
  if (spec.closure === "declared") {
    return { closure: everything, grounds: { contentsRead: new Set(), objects: [], offeredPaths: [] } };
  }
  const { inferClosure } = await import("./closure/infer.ts");
  const prepared = await prepareInference(spec, realised, everything, context);
  return { closure: inferClosure(prepared), grounds: prepared };
}

/** Decides which files stay, and writes down every reference among them. */
async function traceClosure(spec: ImageSpec, realised: Realised, context: Context): Promise<TracedClosure> {
  const { computeDeclaredClosure } = await import("./closure/declared.ts");
  const everything = computeDeclaredClosure(realised.objects, realised.roots);
  if (spec.closure === "declared") return (await import("./closure/why.ts")).traceDeclarations(everything);
  const { traceClosure } = await import("./closure/infer.ts");
  return traceClosure(await prepareInference(spec, realised, everything, context));
}

/** What {@link planImage} infers the closure from, for measurements. */
export async function gatherInference(
  spec: ImageSpec,
  lock: Lock,
  context: Context,
): Promise<InferenceInput> {
  const { computeDeclaredClosure } = await import("./closure/declared.ts");
  const realised = await realiseImage(spec, lock, context);
  const everything = computeDeclaredClosure(realised.objects, realised.roots);
  return prepareInference(realised.spec, realised, everything, context);
}

/** Gathers what inference needs: what files name, and what installing everything would make. */
async function prepareInference(
  spec: ImageSpec,
  realised: Realised,
  everything: Closure,
  context: Context,
): Promise<InferenceInput & PlanGrounds> {
  const [
    { scanObjects },
    { loadTokenKinds },
    { listEntryPoints },
    { composeRootFileSystem },
    { listOfferedPaths },
  ] = await Promise.all([
    import("./closure/facts-cache.ts"),
    import("./closure/kinds.ts"),
    import("./closure/entry-points.ts"),
    import("./rootfs/compose.ts"),
    import("./rootfs/offered-paths.ts"),
  ]);
  const { objects, roots } = realised;
  const facts = await scanObjects(objects, context);
  // What installing everything would make: names of alternatives, links and configuration files lead to their targets.
  const installed = await composeRootFileSystem(
    everything,
    { architecture: spec.architecture, user: spec.config.User, release: realised.release },
    { ...context, progress: SILENT_PROGRESS },
  );
  return {
    objects,
    roots,
    facts,
    kinds: await loadTokenKinds(),
    offeredPaths: listOfferedPaths(installed),
    contentsRead: installed.contentsRead,
    options: {
      keep: spec.keep,
      drop: spec.drop,
      minimal: spec.minimal,
      entryPoints: spec.minimal === undefined ? [] : listEntryPoints(spec.config),
    },
  };
}

/** Everything about an image before its bytes are packed. */
export interface ImagePlan {
  /** With the paths of what was built. */
  readonly config: ImageSpec["config"];
  /** The image that it starts from; its layers are below those of the plan. */
  readonly base: Image | undefined;
  readonly closure: Closure;
  readonly rootFileSystem: RootFileSystem;
  readonly layerPlan: LayerPlan;
  readonly layers: readonly LayerContents[];
  readonly planUnits: readonly PlanUnit[];
  readonly grounds: PlanGrounds;
  /** What verification found that does not keep the image from working. */
  readonly warnings: readonly RootProblem[];
}

/**
 * Plans an image: fetches and unpacks what it needs, decides what goes where, and proves that it is complete.
 *
 * @throws {VerifyRootError} `ROOT_INCOMPLETE` when a program of the image could not start.
 */
export async function planImage(written: ImageSpec, lock: Lock, context: Context): Promise<ImagePlan> {
  const [{ composeRootFileSystem }, { planLayers }, { describePlanUnits }, { composeLayers }] =
    await Promise.all([
      import("./rootfs/compose.ts"),
      import("./layers/plan.ts"),
      import("./layers/plan-units.ts"),
      import("./layers/contents.ts"),
    ]);
  const realised = await realiseImage(written, lock, context);
  const { spec } = realised;
  const { closure, grounds } = await computeClosure(spec, realised, context);
  if (spec.forbid.length > 0) (await import("./closure/forbid.ts")).refuseForbidden(closure, spec.forbid);
  const composed = await composeRootFileSystem(
    closure,
    { ...describeRoot(spec, realised, closure), programCache: context.cache },
    context,
  );
  const changed = await runCommands(spec, composed, lock, context);
  const explicit = await assignLayers(realised.layers, changed, closure);
  const rootFileSystem = explicit.root;
  const { warnings, contentsRead } = await verifyPlan(spec, realised, closure, rootFileSystem, context);
  const units = [
    ...rootFileSystem.units,
    { id: ROOTFS_UNIT_ID, label: "root file system", entries: rootFileSystem.additions },
  ]
    .map((unit) => ({ ...unit, entries: withoutPresent(unit.entries, realised.base) }))
    .filter(({ entries }) => entries.length > 0);
  const planUnits = describePlanUnits(units, closure);
  const layerPlan = await planLayers(planUnits, {
    maxLayers: spec.maxLayers,
    baseLayers: realised.base?.image.layers.length ?? 0,
    planner: spec.planner,
    pipeline: spec.layeringPipeline,
    explicit: explicit.units,
  });
  const layers = composeLayers(layerPlan, units, rootFileSystem.directories);
  const read = [grounds.contentsRead, rootFileSystem.contentsRead, contentsRead];
  return {
    config: spec.config,
    base: realised.base?.image,
    closure,
    rootFileSystem,
    layerPlan,
    layers,
    planUnits,
    grounds: { ...grounds, contentsRead: new Set(read.flatMap((paths) => [...paths])) },
    warnings,
  };
}

/** What is known of the layers of a plan before they are packed. */
export async function describePlannedLayers(
  spec: ImageSpec,
  { layers }: ImagePlan,
  context: Context,
): Promise<DescribedLayer[]> {
  const { describeLayers } = await import("./pack/describe-layers.ts");
  const { compression, compressionLevel: level } = spec;
  return describeLayers(
    layers,
    { compression, level, mtimeSeconds: spec.mtimeSeconds ?? DEFAULT_TIMESTAMP },
    context,
  );
}

/**
 * Compares the layers of an image with those of an earlier state of it.
 *
 * @param against A reference as of {@link openImage}, or the path of a lock file or of a plan as JSON.
 * @throws {LayersError} `NOT_COMPARABLE`.
 */
export async function comparePlan(
  spec: ImageSpec,
  layers: readonly DescribedLayer[],
  against: string,
  context: Context,
): Promise<PlanComparison> {
  const { compareLayers } = await import("./layers/compare.ts");
  return compareLayers(layers, await describeEarlier(spec, against, context));
}

async function describeEarlier(
  spec: ImageSpec,
  against: string,
  context: Context,
): Promise<readonly DescribedLayer[]> {
  if (pathKind(against) !== "file" || !readStart(against, 1).equals(Buffer.from("{"))) {
    const { layers } = await openImage(against, context);
    return layers.map((layer) => ({ ...layer, compressedSize: layer.size }));
  }
  const text = readFileSync(against, "utf8");
  const value = parseJson(text);
  if (typeof value === "object" && value !== null && "sections" in value) {
    const { parseLock } = await import("./formats/lock-file.ts");
    return describePlannedLayers(spec, await planImage(spec, parseLock(text, against), context), context);
  }
  const { parsePlanDocument } = await import("./layers/plan-document.ts");
  return parsePlanDocument(value, against);
}

/** The value of a JSON text; undefined when it is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Says which units are in the layers that image.ts describes, and sets the owners and modes that it gives there. */
async function assignLayers(
  layers: readonly ResolvedLayer[],
  root: RootFileSystem,
  closure: Closure,
): Promise<{ readonly root: RootFileSystem; readonly units: readonly (readonly string[])[] }> {
  if (layers.length === 0) return { root, units: [] };
  const [{ assignUnits }, { describePlanUnits }, { applyPermissions }] = await Promise.all([
    import("./layers/explicit.ts"),
    import("./layers/plan-units.ts"),
    import("./rootfs/permissions.ts"),
  ]);
  const units = assignUnits(describePlanUnits(root.units, closure), layers);
  const rules = layers.flatMap(({ perms }, i) =>
    perms.map(({ path, ...rule }) => ({ ...rule, units: new Set(path === undefined ? units[i] : [path]) })),
  );
  return { root: applyPermissions(root, rules), units };
}

/** Lets the commands of an image change its root file system. */
async function runCommands(
  { commands }: ImageSpec,
  root: RootFileSystem,
  lock: Lock,
  context: Context,
): Promise<RootFileSystem> {
  if (commands === undefined) return root;
  const [{ customiseRoot }, { prepareTools }] = await Promise.all([
    import("./rootfs/customise.ts"),
    import("./pipeline/builds.ts"),
  ]);
  return customiseRoot(root, commands, await prepareTools(commands, lock, context), context);
}

/** Entries that a base image does not have already, just so. */
function withoutPresent(entries: readonly TreeEntry[], base: OpenBase | undefined): readonly TreeEntry[] {
  if (base === undefined) return entries;
  const present = new Map(base.object.tree.entries.map((entry) => [entry.path, entry]));
  return entries.filter((entry) => {
    const other = present.get(entry.path);
    if (other?.type !== entry.type || other.uid !== entry.uid || other.gid !== entry.gid) return true;
    if (entry.type === "symlink") return other.type !== "symlink" || other.target !== entry.target;
    if (other.mode !== entry.mode) return true;
    return entry.type === "file" && other.type === "file" && entry.content.sha256 !== other.content.sha256;
  });
}

function describeRoot(spec: ImageSpec, realised: Realised, closure: Closure): RootFileSystemOptions {
  return {
    architecture: spec.architecture,
    user: spec.config.User,
    release: realised.release,
    base: realised.base?.object,
    declared: spec.declared,
    beside: dropOfRoots(realised, closure),
  };
}

/** Objects that the roots declare and that are not in the image: their scripts may make what the roots use. */
function dropOfRoots({ objects, roots }: Realised, closure: Closure): StoreObject[] {
  const inside = new Set(closure.units.map(({ object }) => object.id));
  const ofRoots = new Set(
    objects.filter(({ id }) => roots.includes(id)).flatMap(({ declaredReferences }) => declaredReferences),
  );
  return objects.filter(({ id }) => ofRoots.has(id) && !inside.has(id));
}

async function verifyPlan(
  spec: ImageSpec,
  { objects }: Realised,
  { droppedScripts }: Closure,
  rootFileSystem: RootFileSystem,
  context: Context,
): Promise<{ readonly warnings: RootProblem[]; readonly contentsRead: ReadonlySet<BytePath> }> {
  const [{ verifyRoot }, { nameProviders }, { refuseErrors }, { viewRootFileSystem }, { createPromises }] =
    await Promise.all([
      import("./inspect/verify-root/verify-root.ts"),
      import("./inspect/verify-root/providers.ts"),
      import("./inspect/verify-root/refuse.ts"),
      import("./inspect/root-view.ts"),
      import("./inspect/verify-root/promises.ts"),
    ]);
  using view = viewRootFileSystem(rootFileSystem);
  const isPromised = createPromises({ objects, units: rootFileSystem.units, droppedScripts });
  const problems = await verifyRoot(
    view,
    { architecture: spec.architecture, config: spec.config },
    { isPromised },
    context,
  );
  const isRefused = problems.some(({ severity }) => severity === "error");
  // The archive is asked only when the build ends with it: what packages suggest lacks in every installation.
  const named = await nameProviders(
    problems,
    objects,
    isRefused ? askArchive(spec.archive, false, context) : undefined,
  );
  refuseErrors(spec.name, named);
  return { warnings: named, contentsRead: view.contentsRead };
}

/** Asks an archive who ships files; that it cannot be asked is no reason to say less than is known. */
function askArchive(archive: ArchiveReference, cachedOnly: boolean, context: Context): AskArchive {
  return async (requests) => {
    const { source, scope, mirrors } = archive;
    try {
      const found = (await loadSource(source)).findProviders?.(scope, requests, mirrors, context, cachedOnly);
      return (await found) ?? new Map();
    } catch (error) {
      if (!(error instanceof TareError)) throw error;
      if (!cachedOnly)
        context.progress.note(`the archive could not be asked for what is missing: ${error.message}`);
      return new Map();
    }
  };
}

function answerKey(request: Pick<Request, "source" | "scope" | "name">): string {
  return `${sectionKey(request)} ${request.name}`;
}

function raiseUnpinned(name: string): never {
  throw new InternalError(`the lock does not pin ${name}`);
}

/** A local file with what it needs; the libraries among it must have the symbol versions that it wants. */
async function linkLocalFile(file: LocalObject, providers: readonly StoreObject[]): Promise<StoreObject> {
  const { checkSymbolVersions } = await import("./sources/path/symbol-versions.ts");
  const { source, scope } = file.archive;
  const newer = await (await loadSource(source)).suggestNewer?.(scope);
  checkSymbolVersions(file, providers, newer);
  return { ...file.object, declaredReferences: [...new Set(providers.map(({ id }) => id))] };
}

// ─── pack ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Built {
  readonly image: Image;
  readonly lock: Locked | undefined;
  /** Undefined when nothing had changed, and nothing was planned anew. */
  readonly plan: ImagePlan | undefined;
  /** True when nothing had changed since an earlier build, whose result this is. */
  readonly unchanged: boolean;
}

export interface BuildOptions {
  readonly frozen: boolean;
  /** Seconds since the epoch that the image bears when image.ts does not say: SOURCE_DATE_EPOCH. */
  readonly createdSeconds?: number | undefined;
  /** Which of several images is meant. */
  readonly platform?: PlatformChoice | undefined;
  /** How registries are spoken to that images come from. */
  readonly registry?: RegistryAccess | undefined;
}

/** Where an image goes while it is built: layers as they are ready. */
interface BuildSink extends LayerSink {
  /** Whether any of these layers is wanted; the cache knows the whole image, but no longer has their blobs. */
  needs(image: Image, gone: readonly Layer[]): Promise<boolean>;
}

/** Builds an image into the cache, or finds there what an earlier build of the same inputs made. */
export async function buildImage(
  evaluated: Evaluated,
  options: BuildOptions,
  context: Context,
  sink?: BuildSink,
): Promise<Built> {
  const spec = evaluated.spec;
  const createdSeconds = spec.createdSeconds ?? options.createdSeconds ?? DEFAULT_TIMESTAMP;
  const { readBuildRecord } = await import("./pack/build-record.ts");
  const files = await hashFiles(spec, context);
  const earlier =
    context.builds?.check === true
      ? undefined
      : readBuildRecord(buildKey(evaluated, createdSeconds, files), spec, context);
  const gone = earlier?.layers.filter(({ blob, size }) => fileSize(blob.file) !== size) ?? [];
  if (earlier !== undefined && (gone.length === 0 || (sink && !(await sink.needs(earlier, gone)))))
    return { image: earlier, lock: undefined, plan: undefined, unchanged: true };
  const reused = await takeOverPlan(evaluated, files, context);
  const repacked = reused && (await packReused(spec, reused, createdSeconds, context, sink));
  if (repacked !== undefined) {
    await recordBuild(evaluated, createdSeconds, files, repacked, context);
    return { image: repacked, lock: undefined, plan: undefined, unchanged: false };
  }
  const locked = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
  const { image, plan } = await recoverDamage(context, async () => {
    const planned = await planImage(spec, locked.lock, context);
    const [{ packLayers }, { assembleImage }] = await Promise.all([
      import("./pack/pack-layers.ts"),
      import("./pack/assemble-image.ts"),
    ]);
    const packed = await packLayers(
      planned.layers,
      {
        compression: spec.compression,
        level: spec.compressionLevel,
        mtimeSeconds: spec.mtimeSeconds ?? DEFAULT_TIMESTAMP,
      },
      context,
      sink,
    );
    for (const layer of planned.base?.layers ?? []) sink?.take(layer);
    return {
      image: assembleImage({ ...spec, config: planned.config, createdSeconds }, packed, planned.base),
      plan: planned,
    };
  });
  await keepStoreObjects(evaluated, plan);
  if (await recordBuild(evaluated, createdSeconds, files, image, context)) {
    await keepPlan(evaluated, files, plan, image, context);
  }
  return { image, lock: locked, plan, unchanged: false };
}

/** Remembers a build, unless a local file that was written to meanwhile may be in the image as before or as after. */
async function recordBuild(
  evaluated: Evaluated,
  createdSeconds: number,
  files: string,
  image: Image,
  context: Context,
): Promise<boolean> {
  if ((await hashFiles(evaluated.spec, context)) !== files) return false;
  const { writeBuildRecord } = await import("./pack/build-record.ts");
  writeBuildRecord(buildKey(evaluated, createdSeconds, files), image, context);
  return true;
}

/** The plan of an earlier build, when nothing has changed that it depends on. */
async function takeOverPlan(
  evaluated: Evaluated,
  files: string,
  context: Context,
): Promise<ReusedPlan | undefined> {
  const { spec } = evaluated;
  if (!mayKeepPlan(spec) || context.builds?.check === true) return undefined;
  const { planKey, reusePlan } = await import("./pipeline/plan-record.ts");
  const key = planKey(spec, readInputs(evaluated), files);
  return key === undefined ? undefined : reusePlan(key, spec, context);
}

/** Keeps a plan for later builds, with which the contents of source trees may differ. */
async function keepPlan(
  evaluated: Evaluated,
  files: string,
  plan: ImagePlan,
  image: Image,
  context: Context,
): Promise<void> {
  const { spec } = evaluated;
  if (!mayKeepPlan(spec)) return;
  const { planKey, recordPlan } = await import("./pipeline/plan-record.ts");
  const key = planKey(spec, readInputs(evaluated), files);
  if (key !== undefined) await recordPlan(key, spec, plan, image, context);
}

/** Whether nothing but the plan reads the source trees of an image. */
function mayKeepPlan({ outputs, base, commands, includeNixDB, layers, shellOf }: ImageSpec): boolean {
  if (base !== undefined || commands !== undefined || includeNixDB === true) return false;
  if (layers !== undefined || shellOf !== undefined) return false;
  return outputs.some(({ placement }) => placement.startsWith("/"));
}

/** Packs what is new in an image whose plan is an earlier one's; undefined when the cache lacks another layer. */
async function packReused(
  spec: ImageSpec,
  { config, layers }: ReusedPlan,
  createdSeconds: number,
  context: Context,
  sink: LayerSink | undefined,
): Promise<Image | undefined> {
  const [{ packLayers }, { assembleImage }] = await Promise.all([
    import("./pack/pack-layers.ts"),
    import("./pack/assemble-image.ts"),
  ]);
  const kept = layers.flatMap((one) => (one.kind === "packed" ? [one.layer] : []));
  const gone = kept.filter(({ blob, size }) => fileSize(blob.file) !== size);
  if (gone.length > 0) {
    if (sink === undefined) return undefined;
    if ((await Promise.all(gone.map((layer) => sink.wants(layer)))).includes(true)) return undefined;
  }
  for (const layer of kept) sink?.take(layer);
  const packed = await packLayers(
    layers.flatMap((one) => (one.kind === "contents" ? [one.contents] : [])),
    {
      compression: spec.compression,
      level: spec.compressionLevel,
      mtimeSeconds: spec.mtimeSeconds ?? DEFAULT_TIMESTAMP,
    },
    context,
    sink,
  );
  const all = layers.map((one) => (one.kind === "packed" ? one.layer : packed.shift()!));
  return assembleImage({ ...spec, config, createdSeconds }, all);
}

/** Keeps what the image has of the store, and lets go what it had before. */
async function keepStoreObjects({ file }: Evaluated, { closure }: ImagePlan): Promise<void> {
  const { keepObjects } = await import("./pipeline/roots.ts");
  await keepObjects(
    file,
    closure.units.map(({ object }) => object),
  );
}

/** Everything that an image depends on; undefined when there is no lock yet, or when Tare runs from its sources. */
function buildKey(evaluated: Evaluated, createdSeconds: number, files: string): string | undefined {
  const inputs = readInputs(evaluated);
  if (inputs === undefined) return undefined;
  const { spec } = evaluated;
  return createHash("sha256")
    .update(formatCanonicalJson({ ...inputs, spec, createdSeconds, files }))
    .digest("hex");
}

/** Which Tare builds, and from which lock. */
function readInputs({ lockFile }: Evaluated): { readonly id: string; readonly lock: string } | undefined {
  const { id } = readBuildInfo();
  if (id === undefined || !existsSync(lockFile)) return undefined;
  return { id, lock: readFileSync(lockFile, "utf8").replaceAll("\r\n", "\n") };
}

/** What the local files and source trees of an image are, as text; empty when there are none. */
async function hashFiles(spec: ImageSpec, context: Context): Promise<string> {
  const [own, ...below] = await Promise.all(withBases(spec).map((one) => hashOwnFiles(one, context)));
  const references = withBases(spec).flatMap(({ base }) =>
    base?.kind === "reference" ? `${base.reference} ${describeReference(base.reference)}` : [],
  );
  return [own, ...below, ...references].join("\n");
}

/** What changes when another image comes to lie where a reference leads. */
function describeReference(reference: string): string {
  const [, path = reference] = /^(?:oci|oci-archive|docker-archive):([^:]+)/.exec(reference) ?? [];
  const index = join(path, "index.json");
  return existsSync(index) ? readFileSync(index, "utf8") : (fileIdentity(path) ?? "");
}

async function hashOwnFiles({ files, graph }: ImageSpec, context: Context): Promise<string> {
  const nodes = Object.entries(graph).flatMap(([id, node]) =>
    node.kind === "derivation" ? [] : { id, node },
  );
  if (files.length === 0 && nodes.length === 0) return "";
  const { describeLocalFile } = await import("./sources/path/local-files.ts");
  const described = await Promise.all(files.map(describeLocalFile));
  const { hashNar } = await import("./platform/store-files.ts");
  const hashed = await Promise.all(
    nodes.map(async ({ id, node }) => {
      if (node.kind === "import") {
        return `${id} ${await (await import("./pipeline/builds.ts")).identifyImport(node, context)}`;
      }
      return `${id} ${(await hashNar(node.path, { include: node.include, signal: context.signal })).narHash}`;
    }),
  );
  return [...described.map(({ sha256, mode }) => `${sha256} ${mode}`), ...hashed].join("\n");
}

/**
 * Runs an action; what it finds damaged in the cache is deleted, so that the next try makes it again. Files of stores are
 * left alone: nothing would make them again.
 */
async function recoverDamage<T>(context: Context, action: () => Promise<T>): Promise<T> {
  const repaired = new Set<string>();
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ContentError) || repaired.has(error.file)) throw error;
      if (!error.file.startsWith(join(context.cache.root, "/"))) throw error;
      repaired.add(error.file);
      context.progress.note(`repairing the cache: ${error.file} is damaged`);
      rmSync(error.file, { force: true });
    }
  }
}

// ─── deliver ────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Delivery extends Built {
  readonly delivered: Delivered;
}

/**
 * Builds an image and delivers it.
 *
 * @param output As on the command line: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `docker://HOST/NAME:TAG`
 *   or `-`; relative paths start at the working directory.
 */
export async function buildAndDeliver(
  evaluated: Evaluated,
  options: BuildOptions & { readonly output: string },
  context: Context,
): Promise<Delivery> {
  if (options.output.startsWith(ROOTFS_OUTPUT)) {
    const built = await buildImage(evaluated, options, context);
    const file = resolvePath(options.output.slice(ROOTFS_OUTPUT.length));
    return { ...built, delivered: await writeRoot(built.image, file, context), unchanged: false };
  }
  const { deliver, deliverSeveral, parseOutput } = await import("./deliver/deliver.ts");
  const output = parseOutput(options.output, process.cwd());
  const { registry = {} } = options;
  return recoverDamage(context, async () => {
    const built = await buildImage(evaluated, options, context);
    const others = [];
    for (const spec of evaluated.spec.merged ?? []) {
      others.push((await buildImage({ ...evaluated, spec }, options, context)).image);
    }
    const delivered =
      others.length === 0
        ? await deliver(built.image, output, context, { registry })
        : await deliverSeveral([built.image, ...others], output, context, { registry });
    return { ...built, delivered, unchanged: built.unchanged && delivered.unchanged };
  });
}

/** The output that is the root file system alone, as one tar. */
const ROOTFS_OUTPUT = "rootfs:";

/** Writes the root file system of an image as one tar. */
async function writeRoot(image: Image, file: string, context: Context): Promise<Delivered> {
  const [{ readBaseTree }, { writeTreeTar }, { deliverFile }] = await Promise.all([
    import("./pipeline/base.ts"),
    import("./pack/export-tree.ts"),
    import("./deliver/file-target.ts"),
  ]);
  const tree = await readBaseTree(image, context);
  return deliverFile("rootfs", file, (output) =>
    writeTreeTar(tree, DEFAULT_TIMESTAMP, output, context.signal),
  );
}

/**
 * Writes the root file system of an image, of an image file or of any tool, as one tar.
 *
 * @param options `output`: a file, or `-`.
 * @returns Bytes written.
 */
export async function exportTarget(
  target: string,
  options: BuildOptions & { readonly output: string },
  context: Context,
): Promise<number> {
  const image = await openTarget(target, options, context);
  if (options.output !== "-") {
    return (await writeRoot(image, resolvePath(options.output), context)).bytesWritten;
  }
  const [{ readBaseTree }, { writeTreeTar }, { StandardOutput }] = await Promise.all([
    import("./pipeline/base.ts"),
    import("./pack/export-tree.ts"),
    import("./platform/output.ts"),
  ]);
  using output = new StandardOutput();
  return writeTreeTar(await readBaseTree(image, context), DEFAULT_TIMESTAMP, output, context.signal);
}

/** An image for several architectures, as one index. */
export interface IndexDelivery {
  /** One for each architecture, in their order. */
  readonly built: readonly Built[];
  readonly index: Content;
  readonly delivered: Delivered;
  readonly unchanged: boolean;
}

/** Builds an image for all its architectures and delivers them as one, as {@link buildAndDeliver} does with one. */
export async function buildAndDeliverIndex(
  evaluated: Evaluated,
  options: BuildOptions & { readonly output: string },
  context: Context,
): Promise<IndexDelivery> {
  const [{ deliverContent, parseOutput }, { assembleIndex }] = await Promise.all([
    import("./deliver/deliver.ts"),
    import("./pack/assemble-index.ts"),
  ]);
  const output = parseOutput(options.output, process.cwd());
  const { registry = {} } = options;
  return recoverDamage(context, async () => {
    const built = await buildImages(evaluated, options, context);
    const index = assembleIndex(built.map(({ image }) => image));
    const delivered = await deliverContent(index, output, context, { registry });
    const unchanged = built.every((one) => one.unchanged) && delivered.unchanged;
    return { built, index, delivered, unchanged };
  });
}

/** Builds an image for each of its architectures, one after the other. */
async function buildImages(
  evaluated: Evaluated,
  options: BuildOptions,
  context: Context,
  sink?: BuildSink,
): Promise<Built[]> {
  const built: Built[] = [];
  for (const spec of evaluated.specs) {
    built.push(await buildImage({ ...evaluated, spec }, options, context, sink));
  }
  return built;
}

// ─── push and copy ──────────────────────────────────────────────────────────────────────────────────────────────────

/** What `pullImage()` takes. */
export interface ImagePin {
  readonly imageName: string;
  readonly imageDigest: string;
  readonly arch: string;
  readonly finalImageName: string;
  readonly finalImageTag: string;
}

/** Looks up the digest that an image of a registry has now, for one platform; only documents are fetched. */
export async function prefetchImage(
  reference: string,
  options: { readonly platform: PlatformChoice | undefined; readonly registry: RegistryAccess },
  context: Context,
): Promise<ImagePin> {
  const { openContent } = await import("./sources/oci/open.ts");
  const full = reference.startsWith("docker://") ? reference : `docker://${reference}`;
  await using opened = await openContent(full, { ...options, all: false }, context);
  const { host, repository, tag } = opened.registry!;
  const image = opened.image!;
  const { architecture } = JSON.parse(Buffer.from(image.config).toString("utf8")) as { architecture: string };
  const imageName = `${host}/${repository}`;
  return {
    imageName,
    imageDigest: image.digest,
    arch: architecture,
    finalImageName: imageName,
    finalImageTag: tag ?? "latest",
  };
}

/** How registries are spoken to. */
export type RegistryAccess = Pick<RegistryOptions, "insecure" | "caFile">;

export interface PushedImage {
  /** One, or those of an index. */
  readonly images: readonly [Image, ...Image[]];
  readonly pushed: Pushed;
}

/**
 * Pushes an image: the one that an image file describes, or one that lies somewhere. Of the former only those layers
 * are packed that the registry lacks, and each goes as soon as it is packed.
 *
 * @param reference `HOST/NAME:TAG`, with or without `docker://`.
 */
export async function pushTarget(
  target: string | Evaluated,
  reference: string,
  options: BuildOptions & AdjustOptions & EvaluationOptions & { readonly registry: RegistryAccess },
  context: Context,
): Promise<PushedImage> {
  const [{ Pusher }, { parseRegistryReference }, { imageContent }] = await Promise.all([
    import("./deliver/push.ts"),
    import("./platform/registry/reference.ts"),
    import("./model/content.ts"),
  ]);
  const place = parseRegistryReference(reference);
  const { registry } = options;
  if (typeof target === "string" && isImageReference(target)) {
    return recoverDamage(context, async () => {
      const { openContent } = await import("./sources/oci/open.ts");
      const { platform } = options;
      await using opened = await openContent(target, { all: false, registry, platform }, context);
      await using pusher = new Pusher(place, { registry, fetch: opened.fetch }, context);
      return { images: [opened.image!], pushed: await pusher.finish(opened.content) };
    });
  }
  const evaluated = typeof target === "string" ? await evaluateFor(target, options) : target;
  return recoverDamage(context, async () => {
    await using pusher = new Pusher(place, { registry }, context);
    const isLacking = async (layers: readonly Layer[]) =>
      (await Promise.all(layers.map(({ digest }) => pusher.wants(digest)))).includes(true);
    const built = await buildImages(evaluated, options, context, {
      needs: async (image, gone) => !(await pusher.isThere(image.digest)) && (await isLacking(gone)),
      wants: ({ digest }) => pusher.wants(digest),
      take: ({ digest, size, blob }) => pusher.take({ digest, size, data: blob }),
    });
    const images = built.map(({ image }) => image) as [Image, ...Image[]];
    const { assembleIndex } = await import("./pack/assemble-index.ts");
    const content = images.length === 1 ? imageContent(images[0]) : assembleIndex(images);
    return { images, pushed: await pusher.finish(content) };
  });
}

/** Evaluates what a command is about: for one platform where one is asked for, with what the command line changes. */
export async function evaluateFor(
  target: string,
  { platform, round, adjust = (spec) => spec }: EvaluationOptions & AdjustOptions,
): Promise<Evaluated> {
  const evaluated = await evaluate(target, { platform, round });
  const spec = adjust(evaluated.spec);
  const specs = evaluated.specs.map((one) => (one === evaluated.spec ? spec : adjust(one)));
  return { ...evaluated, spec, specs: platform === undefined ? specs : [spec] };
}

export interface AdjustOptions {
  /** Changes what the image file says. */
  readonly adjust?: ((spec: ImageSpec) => ImageSpec) | undefined;
}

export interface CopyOptions {
  /** True: an index with all its images, as it is. */
  readonly all: boolean;
  /** The image that is wanted of several; default: that for this machine. */
  readonly platform?: { readonly architecture: string; readonly variant?: string | undefined } | undefined;
  readonly registry: RegistryAccess;
}

export interface CopiedImage {
  readonly content: Content;
  readonly delivered: Delivered;
}

/**
 * Copies an image from anywhere to anywhere; its digest stays wherever the destination keeps manifests.
 *
 * @param source A reference as of {@link openImage}.
 * @param destination An output as of {@link buildAndDeliver}; default: `oci:NAME.oci`.
 */
export async function copyImage(
  source: string,
  destination: string | undefined,
  options: CopyOptions,
  context: Context,
): Promise<CopiedImage> {
  const [{ openContent }, { deliver, deliverContent, parseOutput }, { rememberPlace }, registries] =
    await Promise.all([
      import("./sources/oci/open.ts"),
      import("./deliver/deliver.ts"),
      import("./deliver/known-places.ts"),
      import("./platform/registry/reference.ts"),
    ]);
  const outputOf = (text: string) => parseOutput(text, process.cwd());
  const given = destination === undefined ? undefined : outputOf(destination);
  const target = given?.scheme === "registry" ? registries.parseRegistryReference(given.target) : undefined;
  return recoverDamage(context, async () => {
    // What the environment says is meant for the place that is written to.
    const environmentCredentials =
      target === undefined || source.startsWith(`${registries.REGISTRY_TRANSPORT}${target.host}/`);
    await using opened = await openContent(
      source,
      { ...options, registry: { ...options.registry, environmentCredentials } },
      context,
    );
    const { content, image, registry } = opened;
    const output = given ?? outputOf(`oci:${content.name.split("/").at(-1)}.oci`);
    if (target === undefined) await opened.fetchAll();
    if (registry !== undefined)
      for (const { digest } of content.blobs) rememberPlace(digest, registry, context);
    const deliverOptions = {
      registry: options.registry,
      fetch: opened.fetch,
      mountFrom: registry?.host === target?.host ? registry?.repository : undefined,
    };
    const delivered =
      image === undefined
        ? await deliverContent(content, output, context, deliverOptions)
        : await deliver(image, output, context, deliverOptions);
    return { content, delivered };
  });
}

// ─── images that are there already ──────────────────────────────────────────────────────────────────────────────────

/**
 * Opens an image of any tool: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or a path of this machine, or
 * `docker://HOST/NAME:TAG`, whose layers are then fetched into the cache.
 */
export async function openImage(
  reference: string,
  context: Context,
  options: Pick<BuildOptions, "platform" | "registry"> = {},
): Promise<Image> {
  return (await import("./sources/oci/open.ts")).openImage(reference, context, options);
}

/** An image, what its digests and sizes are in truth, and whether its programs could start. */
export interface VerifiedTarget extends VerifiedImage {
  readonly image: Image;
  /** Of the files in it; none are looked for in an image whose bytes are wrong. */
  readonly rootProblems: readonly RootProblem[];
}

/**
 * Derives every digest and size of an image again from its bytes, and checks that its programs would load; each layer
 * is read once.
 *
 * @param target An image of any tool on this machine, or what {@link evaluate} takes: then the image that is built of it.
 */
export async function verifyTarget(
  target: string,
  options: BuildOptions,
  context: Context,
): Promise<VerifiedTarget> {
  const [{ verifyImage }, { ImageRoot }, { parseSubject }] = await Promise.all([
    import("./inspect/verify-image.ts"),
    import("./inspect/image-root.ts"),
    import("./inspect/verify-root/subject.ts"),
  ]);
  const image = await openTarget(target, options, context);
  using reading = new ImageRoot(context);
  const verified = await verifyImage(image, context, reading);
  if (verified.problems.length > 0) return { ...verified, image, rootProblems: [] };
  using root = reading.finish();
  return {
    ...verified,
    image,
    rootProblems: await verifyForeignRoot(root, parseSubject(image.config), context),
  };
}

/** Checks a root file system of which nothing is known but itself. */
async function verifyForeignRoot(
  root: RootView,
  subject: RootSubject,
  context: Context,
): Promise<RootProblem[]> {
  const [{ verifyRoot }, { nameProviders }, { findDebianRelease }, { defaultArchive }] = await Promise.all([
    import("./inspect/verify-root/verify-root.ts"),
    import("./inspect/verify-root/providers.ts"),
    import("./inspect/debian-release.ts"),
    import("./model/default-archive.ts"),
  ]);
  const problems = await verifyRoot(root, subject, {}, context);
  const { architecture } = subject;
  const suite = findDebianRelease(root);
  if (suite === undefined || (architecture !== "amd64" && architecture !== "arm64")) return problems;
  const archive = defaultArchive(architecture);
  const ofImage = { ...archive, scope: { ...archive.scope, suite } };
  return nameProviders(problems, [], askArchive(ofImage, true, context));
}

/** The image that a target names, or that is built of it. */
async function openTarget(
  target: string | Evaluated,
  options: BuildOptions & AdjustOptions,
  context: Context,
): Promise<Image> {
  if (typeof target !== "string") return (await buildImage(target, options, context)).image;
  return isImageReference(target)
    ? openImage(target, context, options)
    : (await buildImage(await evaluateFor(target, options), options, context)).image;
}

export interface RunTargetOptions extends BuildOptions {
  readonly run: RunOptions;
  /** Called when the image is there, before its program gets the terminal. */
  readonly beforeStart: () => void;
}

/** Starts an image: one that lies somewhere, or the one that an image file describes. */
export async function runTarget(
  target: string | Evaluated,
  options: RunTargetOptions,
  context: Context,
): Promise<{ readonly exitCode: number; readonly runtime: string }> {
  const { runImage } = await import("./run/run.ts");
  const image = await openTarget(target, options, context);
  options.beforeStart();
  return runImage(image, options.run, context);
}

export interface LoadTargetOptions extends BuildOptions, AdjustOptions, EvaluationOptions {
  /** Default: the first that is installed. */
  readonly engine?: EngineName | undefined;
  /** What the engine shall call the image. Default: its own name and tag. */
  readonly names?: readonly string[] | undefined;
}

export interface LoadedTarget {
  readonly image: Image;
  readonly names: readonly string[];
  readonly loaded: LoadedImage;
}

/** Loads an image into podman or docker: one that lies somewhere, or the one that an image file describes. */
export async function loadTarget(
  target: string | Evaluated,
  options: LoadTargetOptions,
  context: Context,
): Promise<LoadedTarget> {
  const { checkEngine, chooseEngine, loadImage } = await import("./run/load.ts");
  const engine = chooseEngine(options.engine);
  await checkEngine(engine, context);
  return recoverDamage(context, async () => {
    const image = await openTarget(target, options, context);
    const names = options.names ?? [`${image.name}:${image.tag}`];
    return { image, names, loaded: await loadImage(image, engine, names, context) };
  });
}

/** Whether a target names an image, not an image file or a program: by its transport, or by what is at the path. */
function isImageReference(target: string): boolean {
  if (/^(?:oci|oci-archive|docker-archive|docker):/.test(target)) return true;
  const kind = pathKind(target);
  return kind === "directory"
    ? existsSync(join(target, "oci-layout"))
    : kind === "file" && !/\.[cm]?[jt]s$/.test(target) && !isProgramFile(target);
}

// ─── watch ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Where to look for changes of an image.
 *
 * @param evaluated In a round, so that the modules are known.
 */
export async function listWatched({ specs, modules, lockFile }: Evaluated): Promise<WatchedPaths> {
  const { listInputs } = await import("./pipeline/inputs.ts");
  const { files, directories } = listInputs(specs);
  return { files: [...files, ...modules, lockFile], directories };
}

/** The user's own files that were evaluated in a round, also in one that ended with an error. */
export async function listRoundModules(path: string, round: number): Promise<readonly string[]> {
  const { findImageFile, listImageModules } = await import("./evaluate/image-file.ts");
  return isProgramFile(path) ? [resolvePath(path)] : [findImageFile(path), ...listImageModules({ round })];
}

/** A text that is the same as long as nothing has changed of what an image is made from. */
export async function fingerprint(evaluated: Evaluated, context: Context): Promise<string> {
  const { specs, lockFile } = evaluated;
  const files = await Promise.all(specs.map((spec) => hashFiles(spec, context)));
  const lock = existsSync(lockFile) ? readFileSync(lockFile, "utf8") : "";
  return createHash("sha256").update(formatCanonicalJson({ specs, files, lock })).digest("hex");
}

// ─── what a lock changed ────────────────────────────────────────────────────────────────────────────────────────────

/** What differs between the lock before and now: by source and scope, then by name. */
export async function describeLockChanges({ lock, previous }: Locked): Promise<LockChange[]> {
  const sections = [...lock.sections, ...(previous?.sections ?? [])];
  const keys = [...new Set(sections.map(sectionKey))].sort(compareStrings);
  const find = (where: Lock | undefined, key: string) =>
    where?.sections.find((section) => sectionKey(section) === key);
  const changes = keys.map(async (key) => {
    const source = await loadSource(sections.find((section) => sectionKey(section) === key)!.source);
    return source.describeChanges(find(previous, key), find(lock, key));
  });
  return (await Promise.all(changes)).flat();
}

// ─── why ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Explains why a package, file or directory is in an image: the chains to it, and what each cut would take. */
export async function explainTarget(
  spec: ImageSpec,
  lock: Lock,
  target: string,
  context: Context,
): Promise<Explanation> {
  const { explain } = await import("./closure/why.ts");
  const realised = await realiseImage(spec, lock, context);
  const traced = await traceClosure(realised.spec, realised, context);
  if (!target.startsWith("/")) return explain(traced, target);
  const { composeRootFileSystem } = await import("./rootfs/compose.ts");
  const options = describeRoot(realised.spec, realised, traced.closure);
  return explain(traced, target, await composeRootFileSystem(traced.closure, options, context));
}

/** Measures what each package of an image holds, brings along, and adds. */
export async function measureImage(spec: ImageSpec, lock: Lock, context: Context): Promise<PackageSizes> {
  const { measurePackages } = await import("./closure/package-sizes.ts");
  const realised = await realiseImage(spec, lock, context);
  return measurePackages(await traceClosure(realised.spec, realised, context));
}
