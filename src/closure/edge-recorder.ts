// The references between units, each with the first pieces of evidence that were found for it.

import { compareStrings as compare } from "../model/bytes.ts";
import type { Evidence, ReferenceEdge } from "../model/closure.ts";
import { getOrMake, type UnitView } from "./token-index.ts";

/** Pieces of evidence kept for an edge. */
const MAX_EVIDENCE = 5;
const NONE: ReadonlySet<number> = new Set();

/** Units by their numbers. */
export class EdgeRecorder {
  readonly #edges = new Map<number, Map<number, Evidence[]>>();
  readonly #referrers = new Map<number, Set<number>>();

  has(from: number, to: number): boolean {
    return this.#edges.get(from)?.has(to) === true;
  }

  /** Records evidence of an edge; true when the edge is new. */
  add(from: number, to: number, evidence: Evidence): boolean {
    const edges = getOrMake(this.#edges, from, () => new Map<number, Evidence[]>());
    const list = edges.get(to);
    if (list !== undefined) {
      if (list.length < MAX_EVIDENCE) list.push(evidence);
      return false;
    }
    edges.set(to, [evidence]);
    getOrMake(this.#referrers, to, () => new Set<number>()).add(from);
    return true;
  }

  referrersOf(unit: number): ReadonlySet<number> {
    return this.#referrers.get(unit) ?? NONE;
  }

  /** The edges between units of the image, and from the metapackages that brought them. */
  list(units: readonly UnitView[], included: ReadonlySet<string>): ReferenceEdge[] {
    const edges: ReferenceEdge[] = [];
    for (const [from, targets] of this.#edges) {
      for (const [to, evidence] of targets) {
        const edge = { from: units[from]!.object.id, to: units[to]!.object.id, evidence };
        if (included.has(edge.to) && (included.has(edge.from) || evidence[0]?.kind === "metapackage"))
          edges.push(edge);
      }
    }
    return edges.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
  }
}
