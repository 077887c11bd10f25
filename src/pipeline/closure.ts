// Store objects → the files that stay, and why.

import type { InferenceInput } from "../closure/infer.ts";
import type { PackageSizes } from "../closure/package-sizes.ts";
import type { Explanation, TracedClosure } from "../closure/why.ts";
import type { BytePath } from "../model/bytes.ts";
import type { Closure } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { Lock } from "../model/lock.ts";
import { SILENT_PROGRESS } from "../model/progress.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { RootFileSystemOptions } from "../rootfs/fix.ts";
import type { PlanGrounds } from "./plan-record.ts";
import { type Realised, realiseImage } from "./realise.ts";

/** Decides which files stay: by what files name, or by declaration alone. */
export async function computeClosure(
  realised: Realised,
  context: Context,
): Promise<{ readonly closure: Closure; readonly grounds: PlanGrounds }> {
  if (realised.spec.closure === "declared") {
    const grounds = { contentsRead: new Set<BytePath>(), objects: [], offeredPaths: [] };
    return { closure: await declareClosure(realised), grounds };
  }
  const { inferClosure } = await import("../closure/infer.ts");
  const prepared = await prepareInference(realised, context);
  return { closure: inferClosure(prepared), grounds: prepared };
}

/** Decides which files stay, and writes down every reference among them. */
async function traceClosure(realised: Realised, context: Context): Promise<TracedClosure> {
  if (realised.spec.closure === "declared") {
    return (await import("../closure/why.ts")).traceDeclarations(await declareClosure(realised));
  }
  const { traceClosure } = await import("../closure/infer.ts");
  return traceClosure(await prepareInference(realised, context));
}

/** What the closure of an image is inferred from, for measurements. */
export async function gatherInference(
  spec: ImageSpec,
  lock: Lock,
  context: Context,
): Promise<InferenceInput> {
  return prepareInference(await realiseImage(spec, lock, context), context);
}

/** The closure with everything in it that is declared. */
async function declareClosure({ objects, roots }: Realised): Promise<Closure> {
  return (await import("../closure/declared.ts")).computeDeclaredClosure(objects, roots);
}

/** Gathers what inference needs: what files name, and what installing everything would make. */
async function prepareInference(realised: Realised, context: Context): Promise<InferenceInput & PlanGrounds> {
  const [
    { scanObjects },
    { loadTokenKinds },
    { listEntryPoints },
    { composeRootFileSystem },
    { listOfferedPaths },
  ] = await Promise.all([
    import("../closure/facts-cache.ts"),
    import("../closure/kinds.ts"),
    import("../closure/entry-points.ts"),
    import("../rootfs/compose.ts"),
    import("../rootfs/offered-paths.ts"),
  ]);
  const { spec, objects, roots } = realised;
  const facts = await scanObjects(objects, context);
  // What installing everything would make: names of alternatives, links and configuration files lead to their targets.
  const installed = await composeRootFileSystem(
    await declareClosure(realised),
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

/** What the root file system of a closure is composed with. */
export function describeRoot(realised: Realised, closure: Closure): RootFileSystemOptions {
  const { spec } = realised;
  return {
    architecture: spec.architecture,
    user: spec.config.User,
    release: realised.release,
    base: realised.base?.object,
    declared: spec.declared,
    beside: dropOfRoots(realised, closure),
    installable: realised.objects,
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

/** Explains why a package, file or directory is in an image: the chains to it, and what each cut would take. */
export async function explainTarget(
  spec: ImageSpec,
  lock: Lock,
  target: string,
  context: Context,
): Promise<Explanation> {
  const { explain } = await import("../closure/why.ts");
  const realised = await realiseImage(spec, lock, context);
  const traced = await traceClosure(realised, context);
  if (!target.startsWith("/")) return explain(traced, target);
  const { composeRootFileSystem } = await import("../rootfs/compose.ts");
  const options = describeRoot(realised, traced.closure);
  return explain(traced, target, await composeRootFileSystem(traced.closure, options, context));
}

/** Measures what each package of an image holds, brings along, and adds. */
export async function measureImage(spec: ImageSpec, lock: Lock, context: Context): Promise<PackageSizes> {
  const { measurePackages } = await import("../closure/package-sizes.ts");
  const realised = await realiseImage(spec, lock, context);
  return measurePackages(await traceClosure(realised, context));
}
