// The lock → everything about an image before its bytes are packed: realised, closed over, composed, verified, and laid
// out in layers, in this order.

import type { RootProblem } from "../inspect/verify-root/problem.ts";
import type { Closure } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { ImageSpec, PlacedOutput } from "../model/image-spec.ts";
import { type LayerContents, type LayerPlan, type PlanUnit, ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { Lock } from "../model/lock.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import type { TreeEntry } from "../model/tree.ts";
import type { OpenBase } from "./base.ts";
import { computeClosure, describeRoot } from "./closure.ts";
import type { ResolvedLayer } from "./explicit-layers.ts";
import type { Ran } from "./mentioned.ts";
import type { PlanGrounds } from "./plan-record.ts";
import { realiseImage } from "./realise.ts";
import { verifyPlan } from "./verify.ts";

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
      import("../rootfs/compose.ts"),
      import("../layers/plan.ts"),
      import("../layers/plan-units.ts"),
      import("../layers/contents.ts"),
    ]);
  const realised = await realiseImage(written, lock, context);
  const { spec } = realised;
  const { closure, grounds } = await computeClosure(realised, context);
  if (spec.forbid.length > 0) (await import("../closure/forbid.ts")).refuseForbidden(closure, spec.forbid);
  const composed = await composeRootFileSystem(
    closure,
    { ...describeRoot(realised, closure), programCache: context.cache },
    context,
  );
  const changed = await runCommands(spec, composed, lock, context);
  const mentioned = await listMentioned({ written, spec, before: composed, after: changed });
  if (mentioned.length > 0) {
    return planImage({ ...written, outputs: [...written.outputs, ...mentioned] }, lock, context);
  }
  const explicit = await assignLayers(realised.layers, changed, closure);
  const rootFileSystem = explicit.root;
  const { warnings, contentsRead } = await verifyPlan(realised, closure, rootFileSystem, context);
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
  const layers = composeLayers(layerPlan, units, rootFileSystem.directories, spec.storeOwner);
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

/** Says which units are in the layers that image.ts describes, and sets the owners and modes that it gives there. */
async function assignLayers(
  layers: readonly ResolvedLayer[],
  root: RootFileSystem,
  closure: Closure,
): Promise<{ readonly root: RootFileSystem; readonly units: readonly (readonly string[])[] }> {
  if (layers.length === 0) return { root, units: [] };
  const [{ assignUnits }, { describePlanUnits }, { applyPermissions }] = await Promise.all([
    import("../layers/explicit.ts"),
    import("../layers/plan-units.ts"),
    import("../rootfs/permissions.ts"),
  ]);
  const units = assignUnits(describePlanUnits(root.units, closure), layers);
  const rules = layers.flatMap(({ perms }, i) =>
    perms.map(({ path, ...rule }) => ({ ...rule, units: new Set(path === undefined ? units[i] : [path]) })),
  );
  return { root: applyPermissions(root, rules), units };
}

async function listMentioned(ran: Ran): Promise<readonly PlacedOutput[]> {
  if (ran.spec.commands === undefined) return [];
  return (await import("./mentioned.ts")).findMentionedOutputs(ran);
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
    import("../rootfs/customise.ts"),
    import("./builds.ts"),
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
