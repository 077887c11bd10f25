// Graph → layers, as nixpkgs' auto-layer does it: the largest units become the roots of layers, and every other unit
// goes to the layer of the roots that need it. Pure; described in planners/auto-layer.ts.

import type { PlanUnit } from "../model/layer-plan.ts";
import { compareTies, type Graph, reach, reverseReferences } from "./graph.ts";

/** A layer, and the roots that need what is in it: none, itself alone, or those that share it. */
export interface RootedLayer {
  readonly roots: readonly PlanUnit[];
  readonly units: readonly PlanUnit[];
}

/**
 * Divides a graph into at most `limit` layers.
 *
 * @param graph Of units of the same size the later one becomes a root first.
 * @param limit At least 1; units that will not be in a layer count as well.
 * @returns What is needed comes before what needs it, by the size of all that a layer needs; units go by name.
 */
export function autoLayer(graph: Graph, limit: number): RootedLayer[] {
  const referrers = reverseReferences(graph);
  const sets = new RootSets();
  let split = new Map(graph.vertices.map((unit) => [unit, RootSets.NONE]));
  const bySize = graph.vertices.toSorted((a, b) => a.size - b.size);
  for (let root = bySize.pop(); root !== undefined; root = bySize.pop()) {
    const next = splitOff(root, split, sets, graph, referrers);
    // Whatever came after would only divide further.
    if (new Set(next.values()).size > limit) break;
    split = next;
  }
  const layers = Map.groupBy(graph.vertices, (unit) => split.get(unit)!);
  return [...layers]
    .map(([set, units]) => ({
      roots: sets.members(set).toSorted(compareTies),
      units: units.toSorted(compareTies),
      closureSize: [...reach(units, graph.references)].reduce((sum, { size }) => sum + size, 0),
    }))
    .sort((a, b) => a.closureSize - b.closureSize || compareTies(a.units[0]!, b.units[0]!))
    .map(({ roots, units }) => ({ roots, units }));
}

/** The division that one more root makes. */
function splitOff(
  root: PlanUnit,
  split: ReadonlyMap<PlanUnit, number>,
  sets: RootSets,
  graph: Graph,
  referrers: ReadonlyMap<PlanUnit, readonly PlanUnit[]>,
): Map<PlanUnit, number> {
  const needed = reach([root], graph.references);
  const needing = reach([root], referrers);
  needed.delete(root);
  needing.delete(root);
  // A unit is needed by its nearest roots: not by those above the new one, nor by the new one if one below it needs it.
  const change = sets.changer((roots) => {
    const near = roots.filter((one) => !needing.has(one));
    return near.some((one) => needed.has(one)) ? near : [...near, root];
  });
  const next = new Map(split);
  next.set(root, sets.intern([root]));
  for (const unit of needed) next.set(unit, change(next.get(unit)!));
  return next;
}

/** Sets of roots, each with a number: most units have one of few sets, so each change is worked out once a set. */
class RootSets {
  static readonly NONE = 0;
  readonly #members: (readonly PlanUnit[])[] = [[]];
  readonly #numbers = new Map([["", RootSets.NONE]]);
  readonly #roots = new Map<PlanUnit, number>();

  members(set: number): readonly PlanUnit[] {
    return this.#members[set]!;
  }

  intern(roots: readonly PlanUnit[]): number {
    const key = [...new Set(roots.map((root) => this.#numberOf(root)))].sort((a, b) => a - b).join(" ");
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#members.length;
      this.#members.push([...new Set(roots)]);
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** A change of sets as a change of their numbers. */
  changer(change: (roots: readonly PlanUnit[]) => readonly PlanUnit[]): (set: number) => number {
    const known = new Map<number, number>();
    return (set) => {
      const found = known.get(set) ?? this.intern(change(this.members(set)));
      known.set(set, found);
      return found;
    };
  }

  #numberOf(root: PlanUnit): number {
    const number = this.#roots.get(root) ?? this.#roots.size + 1;
    this.#roots.set(root, number);
    return number;
  }
}
