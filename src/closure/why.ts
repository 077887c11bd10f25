// Why something is in an image: the shortest chain of references from what the image asks for, and what would leave
// the image if a step of it were cut. A closure in, data out. Pure.

import { compareStrings } from "../model/bytes.ts";
import type { Closure, ReferenceEdge } from "../model/closure.ts";
import { computeTreeSize } from "../model/tree.ts";

/** One reference of a chain. */
export interface ChainStep extends ReferenceEdge {
  /** Ids of the objects that only this reference holds in the image, sorted. */
  readonly cutObjects: readonly string[];
  /** Bytes of their files. */
  readonly cutSize: number;
}

/**
 * The shortest chain of references from a root to an object; empty when it is a root itself.
 *
 * @returns Undefined when the object is not in the closure. Of equally short chains the first by ids is taken.
 */
export function explainObject(closure: Closure, target: string): readonly ChainStep[] | undefined {
  const outgoing = Map.groupBy(closure.edges, ({ from }) => from);
  const arrived = new Map<string, ReferenceEdge | undefined>();
  let frontier = [...closure.roots].sort(compareStrings);
  for (const root of frontier) arrived.set(root, undefined);
  while (frontier.length > 0 && !arrived.has(target)) {
    const next: string[] = [];
    for (const from of frontier) {
      for (const edge of [...(outgoing.get(from) ?? [])].sort((a, b) => compareStrings(a.to, b.to))) {
        if (arrived.has(edge.to)) continue;
        arrived.set(edge.to, edge);
        next.push(edge.to);
      }
    }
    frontier = next.sort(compareStrings);
  }
  if (!arrived.has(target)) return undefined;
  const chain: ReferenceEdge[] = [];
  for (let edge = arrived.get(target); edge !== undefined; edge = arrived.get(edge.from)) chain.unshift(edge);
  return chain.map((edge) => ({ ...edge, ...measureCut(closure, edge) }));
}

/** What is reachable from the roots only over one reference. */
function measureCut(closure: Closure, cut: ReferenceEdge): Pick<ChainStep, "cutObjects" | "cutSize"> {
  const reached = new Set(closure.roots);
  const outgoing = Map.groupBy(closure.edges, ({ from }) => from);
  const stack = [...reached];
  for (let from = stack.pop(); from !== undefined; from = stack.pop()) {
    for (const edge of outgoing.get(from) ?? []) {
      if ((edge.from === cut.from && edge.to === cut.to) || reached.has(edge.to)) continue;
      reached.add(edge.to);
      stack.push(edge.to);
    }
  }
  const lost = closure.units.filter(({ object }) => !reached.has(object.id));
  return {
    cutObjects: lost.map(({ object }) => object.id).sort(compareStrings),
    cutSize: lost.reduce((size, { entries }) => size + computeTreeSize({ entries }), 0),
  };
}
