// Graph → how popular each unit is, as nixpkgs' popularity contest counts: for a unit x the number of paths that lead
// from the outside (from nothing, to what nothing refers to) to x or to anything that needs x. Pure.

import type { PlanUnit } from "../model/layer-plan.ts";
import { compareTies, findComponents, type Graph } from "./graph.ts";

/** Units whose sums are made at a time: the bits of a word. */
const BLOCK = 32;

/**
 * Counts the popularity of every unit. Units that refer to each other in a circle have one popularity.
 *
 * nixpkgs defines it by c(v)[x] = Σ over references w of v of (1 if w is x) + (c(w)[x] + 1 if x occurs in c(w)),
 * taken at a virtual v that refers to all roots. Unrolled, every path to a w that reaches x, and every path to x,
 * adds 1: popularity(x) = Σ over x and all w that reach x of paths(w). So paths are counted once, along the graph,
 * and summed over who reaches whom in blocks of 32 units at a time: O(units × references / 32) steps on words, and
 * four additions of big integers for each unit and block.
 *
 * @returns Exact: values grow exponentially with the depth of the graph.
 */
export function computePopularity(graph: Graph): Map<PlanUnit, bigint> {
  // Referrers first.
  const components = findComponents(graph).reverse();
  const referrers = findReferrers(graph, components);
  const paths: bigint[] = [];
  for (const from of referrers) {
    paths.push(from.length === 0 ? 1n : from.reduce((sum, referrer) => sum + paths[referrer]!, 0n));
  }
  const sums = components.map(() => 0n);
  const reachedBy = new Int32Array(components.length);
  for (let start = 0; start < components.length; start += BLOCK) {
    const tables = [0, 8, 16, 24].map((offset) =>
      sumSubsets(paths.slice(start + offset, start + offset + 8)),
    );
    for (let at = start; at < components.length; at++) {
      let mask = at < start + BLOCK ? 1 << (at - start) : 0;
      for (const referrer of referrers[at]!) if (referrer >= start) mask |= reachedBy[referrer]!;
      reachedBy[at] = mask;
      for (let table = 0, rest = mask; rest !== 0; table++, rest >>>= 8) {
        if ((rest & 0xff) !== 0) sums[at] = sums[at]! + tables[table]![rest & 0xff]!;
      }
    }
  }
  return new Map(components.flatMap((members, i) => members.map((unit) => [unit, sums[i]!] as const)));
}

/** The units of a graph, the most popular first; ties go by name. */
export function sortByPopularity(graph: Graph, popularity = computePopularity(graph)): PlanUnit[] {
  return [...graph.vertices].sort((a, b) => {
    const [x, y] = [popularity.get(a)!, popularity.get(b)!];
    return x > y ? -1 : x < y ? 1 : compareTies(a, b);
  });
}

/** For each component the components that refer to it, by index. */
function findReferrers(graph: Graph, components: readonly (readonly PlanUnit[])[]): number[][] {
  const indexOf = new Map(components.flatMap((members, i) => members.map((unit) => [unit, i] as const)));
  const referrers = components.map((): number[] => []);
  for (const [i, members] of components.entries()) {
    const targets = new Set(
      members.flatMap((unit) => graph.references.get(unit)!).map((unit) => indexOf.get(unit)!),
    );
    for (const target of targets) if (target !== i) referrers[target]!.push(i);
  }
  return referrers;
}

/** The sums of all subsets of up to eight values, by the bits of the subset. */
function sumSubsets(values: readonly bigint[]): bigint[] {
  const sums = [0n];
  for (const value of values) for (const sum of [...sums]) sums.push(sum + value);
  return sums;
}
