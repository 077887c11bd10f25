// The packages of an image as a graph with sizes: what each holds, what it brings along, what would leave without it.
// A closure with its references in, data out. Pure.

import { compareStrings } from "../model/bytes.ts";
import type { ClosureUnit, ReferenceEdge } from "../model/closure.ts";
import { computeTreeSize } from "../model/tree.ts";
import type { TracedClosure } from "./why.ts";

export interface SizedPackage {
  /** Id of the object. */
  readonly id: string;
  readonly label: string;
  readonly isRoot: boolean;
  /** Bytes of its own files in the image. */
  readonly ownSize: number;
  /** Bytes of its own files and of those of all packages that it refers to, directly or not. */
  readonly closureSize: number;
  /** Bytes that are in the image through it only: what would leave without it. */
  readonly addedSize: number;
  /** Id of the closest package that alone brings it; undefined where there is none. */
  readonly dominator: string | undefined;
  /** What it refers to, sorted by id. */
  readonly references: readonly ReferenceEdge[];
}

export interface PackageSizes {
  /** Ids of the packages from which all others are reached, sorted. */
  readonly starts: readonly string[];
  /** By id. */
  readonly packages: ReadonlyMap<string, SizedPackage>;
}

/** Measures the packages of an image. */
export function measurePackages({ closure, graph }: TracedClosure): PackageSizes {
  const units = new Map(closure.units.map((unit) => [unit.object.id, unit]));
  const outgoing = Map.groupBy(
    closure.edges.filter(({ from, to }) => from !== to && units.has(from) && units.has(to)),
    ({ from }) => from,
  );
  const ownSizes = new Map([...units].map(([id, { entries }]) => [id, computeTreeSize({ entries })]));
  const dominance = graph.computeDominance();
  const measure = ({ object }: ClosureUnit): SizedPackage => ({
    id: object.id,
    label: object.label,
    isRoot: closure.roots.includes(object.id),
    ownSize: ownSizes.get(object.id)!,
    closureSize: [...reach([object.id], outgoing)].reduce((size, id) => size + ownSizes.get(id)!, 0),
    addedSize: dominance.get(object.id)?.addedSize ?? 0,
    dominator: dominance.get(object.id)?.dominator,
    references: [...(outgoing.get(object.id) ?? [])].sort((a, b) => compareStrings(a.to, b.to)),
  });
  const packages = new Map([...units].map(([id, unit]) => [id, measure(unit)]));
  const roots = closure.roots.filter((id) => units.has(id));
  const reached = reach(roots, outgoing);
  const others = (closure.starts ?? []).map(({ object }) => object).filter((id) => !reached.has(id));
  return { starts: [...new Set([...roots, ...others])].sort(compareStrings), packages };
}

function reach(
  starts: readonly string[],
  outgoing: ReadonlyMap<string, readonly ReferenceEdge[]>,
): ReadonlySet<string> {
  const reached = new Set(starts);
  for (const id of reached) for (const { to } of outgoing.get(id) ?? []) reached.add(to);
  return reached;
}
