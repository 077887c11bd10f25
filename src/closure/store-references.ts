// What objects of a store refer to, beside what tokens find: Nix's scan found their hashes, wherever in the bytes they are,
// and all that an object of a store refers to is in the image, as a whole.

import { isExact } from "./indexed-units.ts";
import type { InferenceParts } from "./inference-parts.ts";
import type { Marks } from "./marks.ts";
import { FROM_NOWHERE } from "./reasons.ts";
import { nameOf, type UnitView } from "./token-index.ts";

const KIND = "store-reference";

/**
 * Marks what the objects of a store refer to that are reached, and not yet whole.
 *
 * @returns Whether anything new was marked: it has to be followed, and this to be called again.
 */
export function markStoreReferences(parts: InferenceParts, marks: Marks): boolean {
  const { index, declarations, graph } = parts;
  let isNew = false;
  for (const unit of index.units) {
    if (!isExact(unit.object) || !marks.isTouched(unit.number)) continue;
    for (const number of declarations.of(unit)) {
      const target = index.units[number]!;
      if (target === unit || target.object.placement.kind !== "in-store") continue;
      if (!marks.addStoreReference(unit.number, number)) continue;
      isNew = true;
      // Where tokens found it, the files that name it are known.
      if (!marks.edges.has(unit.number, number)) {
        marks.addEdge(unit.number, number, { kind: KIND, token: target.object.id });
        graph?.addEdge(marks.nodeOf(unit), marks.nodeOf(target));
      }
      markWhole(target, nameOf(unit), marks);
    }
  }
  return isNew;
}

/** Whoever names a file of an object of a store brings all of it: its files are reached from the object. */
function markWhole(unit: UnitView, token: string, marks: Marks): void {
  marks.completeUnit(unit.number);
  marks.markAll(unit, { source: FROM_NOWHERE, kind: KIND, token, via: marks.nodeOf(unit) });
}
