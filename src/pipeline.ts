// The one way through: image.ts → lock → store objects → closure → root file system → layer plan → blobs → delivery.
// The only file that knows the order of the stages; each stage is a folder that knows none of the others.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Delivered } from "./deliver/exporter.ts";
import type { VerifiedImage } from "./inspect/verify-image.ts";
import { compareStrings } from "./model/bytes.ts";
import { formatCanonicalJson } from "./model/canonical-json.ts";
import type { Closure } from "./model/closure.ts";
import type { Context } from "./model/context.ts";
import { InternalError } from "./model/errors.ts";
import type { Image } from "./model/image.ts";
import type { ImageSpec, Request } from "./model/image-spec.ts";
import { type LayerContents, type LayerPlan, ROOTFS_UNIT_ID } from "./model/layer-plan.ts";
import { type Lock, type LockChange, type LockSection, requestedName, sectionKey } from "./model/lock.ts";
import type { RootFileSystem } from "./model/root-file-system.ts";
import type { Source } from "./model/source.ts";
import type { StoreObject } from "./model/store-object.ts";
import { computeTreeSize } from "./model/tree.ts";
import { readBuildInfo } from "./platform/build-info.ts";
import { ContentError } from "./platform/content.ts";
import { importModule } from "./platform/discover.ts";
import { writeFileAtomically } from "./platform/disk.ts";
import { pathKind } from "./platform/files.ts";
import type { RunOptions } from "./run/options.ts";

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

/** Evaluates the image file that a path means (itself, or `image.ts` in the directory). */
export async function evaluate(path: string): Promise<Evaluated> {
  const { findImageFile, evaluateImageFile } = await import("./evaluate/image-file.ts");
  const file = findImageFile(path);
  return { file, lockFile: join(dirname(file), "tare.lock"), spec: await evaluateImageFile(file) };
}

// ─── resolve ────────────────────────────────────────────────────────────────────────────────────────────────────────

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
  const pinned = new Set(sectionOf(lock, group)?.requests);
  return group.names.filter((name) => !pinned.has(name));
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
  const groups = groupRequests(spec.contents);
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

/** Everything about an image before its bytes are packed. */
export interface ImagePlan {
  readonly closure: Closure;
  readonly rootFileSystem: RootFileSystem;
  readonly layerPlan: LayerPlan;
  readonly layers: readonly LayerContents[];
}

/** Plans an image: fetches and unpacks what it needs, and decides what goes where. */
export async function planImage(spec: ImageSpec, lock: Lock, context: Context): Promise<ImagePlan> {
  const [
    { computeDeclaredClosure, reachDeclared },
    { composeRootFileSystem },
    { planLayers },
    { composeLayers },
  ] = await Promise.all([
    import("./closure/declared.ts"),
    import("./rootfs/compose.ts"),
    import("./layers/plan.ts"),
    import("./layers/contents.ts"),
  ]);
  const objects: StoreObject[] = [];
  const roots: string[] = [];
  for (const group of groupRequests(spec.contents)) {
    const section = sectionOf(lock, group);
    if (section === undefined) throw new InternalError(`the lock has no section for ${sectionKey(group)}`);
    const rootNames = group.names.map(requestedName);
    const names = reachDeclared(rootNames, (name) => ({
      references: section.packages[name]?.dependencies ?? [],
    }));
    const realised = await (await loadSource(group.source)).realise(section, names, group.mirrors, context);
    objects.push(...realised);
    roots.push(...rootNames.map((name) => realised[names.indexOf(name)]!.id));
  }
  const closure = computeDeclaredClosure(objects, roots);
  const rootFileSystem = await composeRootFileSystem(
    closure,
    { architecture: spec.architecture, user: spec.config.User },
    context,
  );
  const units = [
    ...rootFileSystem.units,
    { id: ROOTFS_UNIT_ID, label: "root file system", entries: rootFileSystem.additions },
  ];
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
  return {
    closure,
    rootFileSystem,
    layerPlan,
    layers: composeLayers(layerPlan, units, rootFileSystem.directories),
  };
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
  const earlier = readBuildRecord(buildKey(evaluated, createdSeconds), spec, context);
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
  writeBuildRecord(buildKey(evaluated, createdSeconds), image, context);
  return { image, lock: locked, unchanged: false };
}

/** Everything that an image depends on; undefined when there is no lock yet, or when Tare runs from its sources. */
function buildKey({ spec, lockFile }: Evaluated, createdSeconds: number): string | undefined {
  const { id } = readBuildInfo();
  if (id === undefined || !existsSync(lockFile)) return undefined;
  const lock = readFileSync(lockFile, "utf8").replaceAll("\r\n", "\n");
  return createHash("sha256").update(formatCanonicalJson({ id, spec, createdSeconds, lock })).digest("hex");
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

/** Derives every digest and size of an image again from its bytes. */
export async function verifyTarget(
  reference: string,
  context: Context,
): Promise<VerifiedImage & { readonly image: Image }> {
  const { verifyImage } = await import("./inspect/verify-image.ts");
  const image = await openImage(reference, context);
  return { ...(await verifyImage(image, context)), image };
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

/** Whether a target names an image, not an image file: by its transport, or by what is at the path. */
function isImageReference(target: string): boolean {
  if (/^(?:oci|oci-archive|docker-archive):/.test(target)) return true;
  const kind = pathKind(target);
  return kind === "directory"
    ? existsSync(join(target, "oci-layout"))
    : kind === "file" && !/\.[cm]?[jt]s$/.test(target);
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
