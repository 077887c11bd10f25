// Closure + the units' entries in the image → what planners know of each unit. Pure.

import { countStableUpdates } from "../formats/debian-version.ts";
import { computeNarSize } from "../formats/nix/nar-writer.ts";
import type { BytePath } from "../model/bytes.ts";
import type { Closure, ReferenceEdge } from "../model/closure.ts";
import type { PlanUnit } from "../model/layer-plan.ts";
import type { StoreObject } from "../model/store-object.ts";
import { computeTreeSize, type TreeEntry } from "../model/tree.ts";
import type { LayerUnit } from "./contents.ts";

/**
 * Describes the units of an image for planners.
 *
 * @param units Those of the closure, and the root file system's additions.
 */
export function describePlanUnits(
  units: readonly LayerUnit[],
  { roots, units: closureUnits, edges }: Closure,
): PlanUnit[] {
  const objects = new Map(closureUnits.map(({ object }) => [object.id, object]));
  const references = Map.groupBy(edges, ({ from }) => from);
  // What something else in the store refers to is a dependency, which changes less often.
  const needed = new Set(
    closureUnits.flatMap(({ object }) =>
      object.placement.kind === "in-store" ? object.declaredReferences : [],
    ),
  );
  return units.map(({ id, label, entries }) => {
    const object = objects.get(id);
    return {
      id,
      label,
      size: sizeOf(object, entries),
      references: referencesOf(object, references.get(id) ?? []),
      name: nameOf(id, object),
      ...describeChange(object),
      volatile:
        object !== undefined &&
        object.package === undefined &&
        object.stable !== true &&
        !needed.has(id) &&
        roots.includes(id),
    };
  });
}

/** Of a store path the size of its NAR, which is what nixpkgs' layering goes by. */
function sizeOf(object: StoreObject | undefined, entries: readonly TreeEntry[]): number {
  if (object?.placement.kind !== "in-store") return computeTreeSize({ entries });
  const prefix = object.placement.storePath.length;
  return computeNarSize({
    entries: object.tree.entries.map((entry) => ({ ...entry, path: entry.path.slice(prefix) as BytePath })),
  });
}

/** A store path refers to what its builder wrote into it, whatever is found in its files. */
function referencesOf(object: StoreObject | undefined, edges: readonly ReferenceEdge[]): string[] {
  const stored = object?.placement.kind === "in-store" ? object.declaredReferences : [];
  return [...new Set([...stored, ...edges.map(({ to }) => to)])];
}

/** The store path, the package's name, or the place of a local file, which is how people call it. */
function nameOf(id: string, object: StoreObject | undefined): string {
  if (object?.placement.kind === "in-store") return object.placement.storePath;
  return object?.package?.name ?? object?.label ?? id;
}

/** The source package, `Source: gcc-12 (12.2.0-14)`, and how often the version was updated. */
function describeChange(object: StoreObject | undefined): Pick<PlanUnit, "origin" | "updates"> {
  if (object?.package === undefined) return {};
  const { name, version, control } = object.package;
  return {
    origin: control.get("Source")?.split(/[ (]/)[0] || name,
    updates: countStableUpdates(version),
  };
}
