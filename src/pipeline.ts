// The one way through: image.ts → lock → store objects → closure → root file system → layer plan → blobs → delivery.
// Built, or found built, and delivered. The steps are the files of pipeline/; each loads the stages that it calls when it
// calls them, and each stage is a folder that knows none of the others.

import { resolve as resolvePath } from "node:path";
import type { Delivered } from "./deliver/exporter.ts";
import type { Content } from "./model/content.ts";
import type { Context } from "./model/context.ts";
import type { Image, Layer } from "./model/image.ts";
import type { ImageSpec } from "./model/image-spec.ts";
import type { LayerSink } from "./pack/pack-layers.ts";
import { type BuildInputs, buildKey, gatherInputs, hashFiles, readTools } from "./pipeline/build-inputs.ts";
import type { Evaluated, PlatformChoice } from "./pipeline/evaluate.ts";
import type { Locked } from "./pipeline/lock.ts";
import { DEFAULT_TIMESTAMP, packPlan, packReused } from "./pipeline/pack.ts";
import type { ImagePlan } from "./pipeline/plan.ts";
import { recoverDamage } from "./pipeline/repair.ts";
import type { ReusedPlan } from "./pipeline/reuse-plan.ts";
import { fileSize } from "./platform/disk.ts";
import type { RegistryOptions } from "./platform/registry/client.ts";

export { type Evaluated, evaluate, evaluateFor } from "./pipeline/evaluate.ts";

export interface Built {
  readonly image: Image;
  readonly lock: Locked | undefined;
  /** Undefined when nothing had changed, and nothing was planned anew. */
  readonly plan: ImagePlan | undefined;
  /** True when nothing had changed since an earlier build, whose result this is. */
  readonly unchanged: boolean;
}

/** How registries are spoken to. */
export type RegistryAccess = Pick<RegistryOptions, "insecure" | "caFile">;

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
  const { spec } = evaluated;
  const createdSeconds = spec.createdSeconds ?? options.createdSeconds ?? DEFAULT_TIMESTAMP;
  const packing = { spec, createdSeconds, sink };
  const inputs = await gatherInputs(evaluated, createdSeconds, context);
  if (context.builds?.check !== true) {
    const earlier = await findBuilt(inputs, context, sink);
    if (earlier !== undefined) return { image: earlier, lock: undefined, plan: undefined, unchanged: true };
    const reused = await takeOverPlan(inputs, context);
    const repacked = reused && (await packReused(packing, reused, context));
    if (repacked !== undefined) {
      await recordBuild(inputs, repacked, context);
      return { image: repacked, lock: undefined, plan: undefined, unchanged: false };
    }
  }
  const [{ resolveLock }, { planImage }] = await Promise.all([
    import("./pipeline/lock.ts"),
    import("./pipeline/plan.ts"),
  ]);
  const locked = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
  const { image, plan } = await recoverDamage(context, async () => {
    const planned = await planImage(spec, locked.lock, context);
    return { image: await packPlan(packing, planned, context), plan: planned };
  });
  await keepStoreObjects(evaluated, plan);
  if (await recordBuild(inputs, image, context)) await keepPlan(inputs, plan, image, context);
  return { image, lock: locked, plan, unchanged: false };
}

/** Builds an image for each of its architectures, one after the other. */
export async function buildImages(
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
    const { writeRoot } = await import("./pipeline/root-tar.ts");
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

/** What an earlier build of the same inputs made, if the cache has all of it that is wanted. */
async function findBuilt(
  inputs: BuildInputs,
  context: Context,
  sink: BuildSink | undefined,
): Promise<Image | undefined> {
  const { readBuildRecord } = await import("./pack/build-record.ts");
  const image = readBuildRecord(buildKey(inputs), inputs.evaluated.spec, context);
  const gone = image?.layers.filter(({ blob, size }) => fileSize(blob.file) !== size) ?? [];
  if (image === undefined || gone.length === 0) return image;
  return sink && !(await sink.needs(image, gone)) ? image : undefined;
}

/** Remembers a build, unless a local file that was written to meanwhile may be in the image as before or as after. */
async function recordBuild(inputs: BuildInputs, image: Image, context: Context): Promise<boolean> {
  if ((await hashFiles(inputs.evaluated.spec, context)) !== inputs.files) return false;
  const { writeBuildRecord } = await import("./pack/build-record.ts");
  writeBuildRecord(buildKey(inputs), image, context);
  return true;
}

/** The plan of an earlier build, when nothing has changed that it depends on. */
async function takeOverPlan(inputs: BuildInputs, context: Context): Promise<ReusedPlan | undefined> {
  const key = await findPlanKey(inputs);
  if (key === undefined) return undefined;
  const { reusePlan } = await import("./pipeline/reuse-plan.ts");
  return reusePlan(key, inputs.evaluated.spec, context);
}

/** Keeps a plan for later builds, with which the contents of source trees may differ. */
async function keepPlan(inputs: BuildInputs, plan: ImagePlan, image: Image, context: Context): Promise<void> {
  const key = await findPlanKey(inputs);
  if (key === undefined) return;
  const { recordPlan } = await import("./pipeline/keep-plan.ts");
  await recordPlan(key, inputs.evaluated.spec, plan, image, context);
}

async function findPlanKey({ evaluated, files }: BuildInputs): Promise<string | undefined> {
  const { spec } = evaluated;
  if (!mayKeepPlan(spec)) return undefined;
  const { planKey } = await import("./pipeline/plan-record.ts");
  return planKey(spec, readTools(evaluated), files);
}

/** Whether nothing but the plan reads the source trees of an image. */
function mayKeepPlan({ outputs, base, commands, includeNixDB, layers, shellOf }: ImageSpec): boolean {
  if (base !== undefined || commands !== undefined || includeNixDB === true) return false;
  if (layers !== undefined || shellOf !== undefined) return false;
  return outputs.some(({ placement }) => placement.startsWith("/"));
}

/** Keeps what the image has of the store, and lets go what it had before. */
async function keepStoreObjects({ file }: Evaluated, { closure }: ImagePlan): Promise<void> {
  const { keepObjects } = await import("./pipeline/roots.ts");
  await keepObjects(
    file,
    closure.units.map(({ object }) => object),
  );
}
