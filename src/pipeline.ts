// The one way through: image.ts → lock → store objects → closure → root file system → layer plan → blobs → delivery.
// The only file that knows the order of the stages; each stage is a folder that knows none of the others.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve as resolvePath } from "node:path";
import type { Explanation } from "./closure/why.ts";
import type { Delivered } from "./deliver/exporter.ts";
import type { VerifiedImage } from "./inspect/verify-image.ts";
import type { RootProblem } from "./inspect/verify-root/problem.ts";
import { compareStrings } from "./model/bytes.ts";
import { formatCanonicalJson } from "./model/canonical-json.ts";
import type { Closure } from "./model/closure.ts";
import type { Context } from "./model/context.ts";
import { InternalError } from "./model/errors.ts";
import type { Image } from "./model/image.ts";
import type { ImageSpec, Request } from "./model/image-spec.ts";
import { type LayerContents, type LayerPlan, ROOTFS_UNIT_ID } from "./model/layer-plan.ts";
import { findRequestedName, type Lock, type LockChange, type LockSection, sectionKey } from "./model/lock.ts";
import { SILENT_PROGRESS } from "./model/progress.ts";
import type { RootFileSystem } from "./model/root-file-system.ts";
import type { Source } from "./model/source.ts";
import type { StoreObject } from "./model/store-object.ts";
import { computeTreeSize } from "./model/tree.ts";
import { readBuildInfo } from "./platform/build-info.ts";
import { ContentError } from "./platform/content.ts";
import { importModule } from "./platform/discover.ts";
import { writeFileAtomically } from "./platform/disk.ts";
import { pathKind, readStart } from "./platform/files.ts";
import type { RunOptions } from "./run/options.ts";
import type { LocalObject } from "./sources/path/local-files.ts";

/** The seconds since the epoch that files in layers bear, and images unless they say otherwise. */
const DEFAULT_TIMESTAMP = 1;

const SOURCES = new URL("./sources/", import.meta.url);

async function loadSource(name: string): Promise<Source> {
  return (await importModule<{ source: Source }>(SOURCES, `${name}/index`)).source;
}

// ─── evaluate ───────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Evaluated {
  /** Absolute path of the image file. */
  readonly file: string;
  /** Absolute path of the lock beside it, which may not exist yet. */
  readonly lockFile: string;
  readonly spec: ImageSpec;
}

/**
 * Evaluates what a path means: an image file (itself, or `image.ts` in the directory), or a program, which makes an
 * image of its own with a lock of its own beside it.
 */
export async function evaluate(path: string): Promise<Evaluated> {
  if (isProgramFile(path)) {
    const { describeProgram } = await import("./evaluate/program-file.ts");
    const file = resolvePath(path);
    return { file, lockFile: `${file}.tare.lock`, spec: describeProgram(file) };
  }
  const { findImageFile, evaluateImageFile } = await import("./evaluate/image-file.ts");
  const file = findImageFile(path);
  return { file, lockFile: join(dirname(file), "tare.lock"), spec: await evaluateImageFile(file) };
}

/** Whether a path is a program, not an image file: by its first bytes. */
function isProgramFile(path: string): boolean {
  if (/\.[cm]?[jt]s$/.test(path) || pathKind(path) !== "file") return false;
  return /^(?:\x7fELF|#!)/.test(readStart(path, 4).toString("latin1"));
}

// ─── resolve ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What image.ts asks for, and what the local files of the image need. */
async function readRequests(
  spec: ImageSpec,
  context: Context,
): Promise<{ readonly requests: readonly Request[]; readonly files: readonly LocalObject[] }> {
  if (spec.files.length === 0) return { requests: spec.contents, files: [] };
  const { readLocalFiles } = await import("./sources/path/local-files.ts");
  const files = await readLocalFiles(spec, context);
  return { requests: [...spec.contents, ...files.flatMap(({ needs }) => needs)], files };
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
 * @throws {LockError} `LOCK_MISSING` or `LOCK_INCOMPLETE` when frozen; `LOCK_INVALID` always.
 */
export async function resolveLock(
  { spec, lockFile }: Evaluated,
  mode: "frozen" | "use" | "update",
  context: Context,
): Promise<Locked> {
  const { formatLock, LockError, parseLock } = await import("./formats/lock-file.ts");
  context.cache.tidy();
  const text = existsSync(lockFile) ? readFileSync(lockFile, "utf8") : undefined;
  const previous = text === undefined ? undefined : parseLock(text, lockFile);
  const groups = groupRequests((await readRequests(spec, context)).requests);
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
  const lock: Lock = { version: 1, sections };
  const next = formatLock(lock);
  const written = next !== text?.replaceAll("\r\n", "\n");
  if (written) writeFileAtomically(lockFile, next);
  return { lock: parseLock(next, lockFile), previous, written };
}

// ─── realise, closure, root file system, plan ───────────────────────────────────────────────────────────────────────

/** Store objects of an image, before it is decided which of their files stay. */
interface Realised {
  readonly objects: readonly StoreObject[];
  /** Ids of what the image asks for. */
  readonly roots: readonly string[];
  /** Ids of the roots and of all that they declare to need; other objects are there because they are Essential. */
  readonly declared: ReadonlySet<string>;
  /** The release that the packages come from. */
  readonly release: { readonly codename: string; readonly version?: string } | undefined;
}

async function realiseImage(spec: ImageSpec, lock: Lock, context: Context): Promise<Realised> {
  const { reachDeclared } = await import("./closure/declared.ts");
  const { requests, files } = await readRequests(spec, context);
  const objects: StoreObject[] = [];
  const declared = new Set<string>();
  const answers = new Map<string, StoreObject>();
  let release: Realised["release"];
  for (const group of groupRequests(requests)) {
    const section = sectionOf(lock, group);
    if (section === undefined) throw new InternalError(`the lock has no section for ${sectionKey(group)}`);
    const pinNames = group.names.map((name) => findRequestedName(section, name) ?? raiseUnpinned(name));
    const declarations = (name: string) => ({ references: section.packages[name]?.dependencies ?? [] });
    const essential = Object.values(section.packages).filter((pin) => pin.essential === true);
    const names = reachDeclared(
      spec.closure === "declared" ? pinNames : [...pinNames, ...essential.map(({ name }) => name)],
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
  const roots = new Set(spec.contents.map((request) => answers.get(answerKey(request))!.id));
  for (const file of files) {
    const providers = file.needs.map((need) => answers.get(answerKey(need))!);
    const object = await linkLocalFile(file, providers);
    objects.push(object);
    declared.add(object.id);
    roots.add(object.id);
  }
  return { objects, roots: [...roots], declared, release };
}

/** Decides which files stay: by what files name, or by declaration alone. */
async function computeClosure(spec: ImageSpec, realised: Realised, context: Context): Promise<Closure> {
  const { computeDeclaredClosure } = await import("./closure/declared.ts");
  const { objects, roots } = realised;
  const everything = computeDeclaredClosure(objects, roots);
  if (spec.closure === "declared") return everything;
  const [
    { inferClosure },
    { scanObjects },
    { loadTokenKinds },
    { composeRootFileSystem },
    { listOfferedPaths },
  ] = await Promise.all([
    import("./closure/infer.ts"),
    import("./closure/facts-cache.ts"),
    import("./closure/kinds.ts"),
    import("./rootfs/compose.ts"),
    import("./rootfs/offered-paths.ts"),
  ]);
  const facts = await scanObjects(objects, context);
  // What installing everything would make: names of alternatives, links and configuration files lead to their targets.
  const installed = await composeRootFileSystem(
    everything,
    { architecture: spec.architecture, user: spec.config.User, release: realised.release },
    { ...context, progress: SILENT_PROGRESS },
  );
  return inferClosure({
    objects,
    roots,
    facts,
    kinds: await loadTokenKinds(),
    offeredPaths: listOfferedPaths(installed),
    options: { keep: spec.keep, drop: spec.drop },
  });
}

/** Everything about an image before its bytes are packed. */
export interface ImagePlan {
  readonly closure: Closure;
  readonly rootFileSystem: RootFileSystem;
  readonly layerPlan: LayerPlan;
  readonly layers: readonly LayerContents[];
  /** What verification found that does not keep the image from working. */
  readonly warnings: readonly RootProblem[];
}

/**
 * Plans an image: fetches and unpacks what it needs, decides what goes where, and proves that it is complete.
 *
 * @throws {VerifyRootError} `ROOT_INCOMPLETE` when a program of the image could not start.
 */
export async function planImage(spec: ImageSpec, lock: Lock, context: Context): Promise<ImagePlan> {
  const [{ composeRootFileSystem }, { planLayers }, { composeLayers }] = await Promise.all([
    import("./rootfs/compose.ts"),
    import("./layers/plan.ts"),
    import("./layers/contents.ts"),
  ]);
  const realised = await realiseImage(spec, lock, context);
  const closure = await computeClosure(spec, realised, context);
  if (spec.forbid.length > 0) (await import("./closure/forbid.ts")).refuseForbidden(closure, spec.forbid);
  const rootFileSystem = await composeRootFileSystem(
    closure,
    {
      architecture: spec.architecture,
      user: spec.config.User,
      release: realised.release,
      beside: dropOfRoots(realised, closure),
    },
    context,
  );
  const warnings = await verifyPlan(spec, realised, closure, rootFileSystem, context);
  const units = [
    ...rootFileSystem.units,
    { id: ROOTFS_UNIT_ID, label: "root file system", entries: rootFileSystem.additions },
  ].filter(({ entries }) => entries.length > 0);
  const dependents = countDependents(closure);
  const layerPlan = await planLayers(
    units.map(({ id, label, entries }) => ({
      id,
      label,
      size: computeTreeSize({ entries }),
      dependents: dependents.get(id) ?? 0,
    })),
    { maxLayers: spec.maxLayers },
  );
  const layers = composeLayers(layerPlan, units, rootFileSystem.directories);
  return { closure, rootFileSystem, layerPlan, layers, warnings };
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
): Promise<RootProblem[]> {
  const [{ verifyRoot }, { refuseErrors }, { viewRootFileSystem }, { createPromises }] = await Promise.all([
    import("./inspect/verify-root/verify-root.ts"),
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
  refuseErrors(spec.name, problems, objects);
  return problems;
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

function countDependents({ edges }: Closure): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { to } of edges) counts.set(to, (counts.get(to) ?? 0) + 1);
  return counts;
}

// ─── pack ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Built {
  readonly image: Image;
  readonly lock: Locked | undefined;
  /** True when nothing had changed since an earlier build, whose result this is. */
  readonly unchanged: boolean;
}

export interface BuildOptions {
  readonly frozen: boolean;
  /** Seconds since the epoch that the image bears when image.ts does not say: SOURCE_DATE_EPOCH. */
  readonly createdSeconds?: number | undefined;
}

/** Builds an image into the cache, or finds there what an earlier build of the same inputs made. */
export async function buildImage(
  evaluated: Evaluated,
  options: BuildOptions,
  context: Context,
): Promise<Built> {
  const spec = evaluated.spec;
  const createdSeconds = spec.createdSeconds ?? options.createdSeconds ?? DEFAULT_TIMESTAMP;
  const { readBuildRecord, writeBuildRecord } = await import("./pack/build-record.ts");
  const files = await hashFiles(spec);
  const earlier = readBuildRecord(buildKey(evaluated, createdSeconds, files), spec, context);
  if (earlier !== undefined) return { image: earlier, lock: undefined, unchanged: true };
  const locked = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
  const image = await recoverDamage(context, async () => {
    const { layers } = await planImage(spec, locked.lock, context);
    const [{ packLayers }, { assembleImage }] = await Promise.all([
      import("./pack/pack-layers.ts"),
      import("./pack/assemble-image.ts"),
    ]);
    const packed = await packLayers(
      layers,
      { compression: spec.compression, level: spec.compressionLevel, mtimeSeconds: DEFAULT_TIMESTAMP },
      context,
    );
    return assembleImage({ ...spec, createdSeconds }, packed);
  });
  // A local file that was written to meanwhile may be in the image as it was before or after.
  if ((await hashFiles(spec)) === files) {
    writeBuildRecord(buildKey(evaluated, createdSeconds, files), image, context);
  }
  return { image, lock: locked, unchanged: false };
}

/** Everything that an image depends on; undefined when there is no lock yet, or when Tare runs from its sources. */
function buildKey({ spec, lockFile }: Evaluated, createdSeconds: number, files: string): string | undefined {
  const { id } = readBuildInfo();
  if (id === undefined || !existsSync(lockFile)) return undefined;
  const lock = readFileSync(lockFile, "utf8").replaceAll("\r\n", "\n");
  return createHash("sha256")
    .update(formatCanonicalJson({ id, spec, createdSeconds, lock, files }))
    .digest("hex");
}

/** What the local files of an image are, as text; empty when there are none. */
async function hashFiles({ files }: ImageSpec): Promise<string> {
  if (files.length === 0) return "";
  const { describeLocalFile } = await import("./sources/path/local-files.ts");
  const described = await Promise.all(files.map(describeLocalFile));
  return described.map(({ sha256, mode }) => `${sha256} ${mode}`).join("\n");
}

/** Runs an action; what it finds damaged in the cache is deleted, so that the next try makes it again. */
async function recoverDamage<T>(context: Context, action: () => Promise<T>): Promise<T> {
  const repaired = new Set<string>();
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ContentError) || repaired.has(error.file)) throw error;
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
 * @param output As on the command line: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or `-`; relative paths
 *   start at the working directory.
 */
export async function buildAndDeliver(
  evaluated: Evaluated,
  options: BuildOptions & { readonly output: string },
  context: Context,
): Promise<Delivery> {
  const { deliver, parseOutput } = await import("./deliver/deliver.ts");
  const output = parseOutput(options.output, process.cwd());
  return recoverDamage(context, async () => {
    const built = await buildImage(evaluated, options, context);
    const delivered = await deliver(built.image, output, context);
    return { ...built, delivered, unchanged: built.unchanged && delivered.unchanged };
  });
}

// ─── images that are there already ──────────────────────────────────────────────────────────────────────────────────

/** Opens an image of any tool on this machine: `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE` or a path. */
export async function openImage(reference: string, context: Context): Promise<Image> {
  return (await import("./sources/oci/open.ts")).openImage(reference, context);
}

/** An image, what its digests and sizes are in truth, and whether its programs could start. */
export interface VerifiedTarget extends VerifiedImage {
  readonly image: Image;
  /** Of the files in it; none are looked for in an image whose bytes are wrong. */
  readonly rootProblems: readonly RootProblem[];
}

/** Derives every digest and size of an image again from its bytes, then checks that its programs would load. */
export async function verifyTarget(reference: string, context: Context): Promise<VerifiedTarget> {
  const [{ verifyImage }, { openImageRoot }, { parseSubject }, { verifyRoot }] = await Promise.all([
    import("./inspect/verify-image.ts"),
    import("./inspect/image-root.ts"),
    import("./inspect/verify-root/subject.ts"),
    import("./inspect/verify-root/verify-root.ts"),
  ]);
  const image = await openImage(reference, context);
  const verified = await verifyImage(image, context);
  if (verified.problems.length > 0) return { ...verified, image, rootProblems: [] };
  using root = await openImageRoot(image, context);
  const rootProblems = await verifyRoot(root, parseSubject(image.config), {}, context);
  return { ...verified, image, rootProblems };
}

export interface RunTargetOptions extends BuildOptions {
  readonly run: RunOptions;
  /** Called when the image is there, before its program gets the terminal. */
  readonly beforeStart: () => void;
}

/** Starts an image: one that lies somewhere, or the one that an image file describes. */
export async function runTarget(
  target: string,
  options: RunTargetOptions,
  context: Context,
): Promise<{ readonly exitCode: number; readonly runtime: string }> {
  const { runImage } = await import("./run/run.ts");
  const image = isImageReference(target)
    ? await openImage(target, context)
    : (await buildImage(await evaluate(target), options, context)).image;
  options.beforeStart();
  return runImage(image, options.run, context);
}

/** Whether a target names an image, not an image file or a program: by its transport, or by what is at the path. */
function isImageReference(target: string): boolean {
  if (/^(?:oci|oci-archive|docker-archive):/.test(target)) return true;
  const kind = pathKind(target);
  return kind === "directory"
    ? existsSync(join(target, "oci-layout"))
    : kind === "file" && !/\.[cm]?[jt]s$/.test(target) && !isProgramFile(target);
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

/** Explains why a package or a file is in an image: the shortest chain to it, and what each cut would take. */
export async function explainTarget(
  spec: ImageSpec,
  lock: Lock,
  target: string,
  context: Context,
): Promise<Explanation> {
  const { explain } = await import("./closure/why.ts");
  return explain(await computeClosure(spec, await realiseImage(spec, lock, context), context), target);
}
