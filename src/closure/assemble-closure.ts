// Marks → the closure: which files are in the image in the end, and what is reported of them.

import { compareStrings as compare } from "../model/bytes.ts";
import type { Closure, ClosureUnit, PrunedClass } from "../model/closure.ts";
import type { InferenceParts } from "./inference-parts.ts";
import type { Marks } from "./marks.ts";
import {
  countMissing,
  isWhole,
  listDangling,
  listDroppedObjects,
  listDroppedScripts,
  listEntries,
  listStarts,
} from "./result.ts";
import { TEST_SUITES } from "./test-suites.ts";
import type { UnitView } from "./token-index.ts";

/** Which files are in the image: for each file 1, or 0. Notes the scripts that are not. */
export function decideKept({ index, interpreters, drops }: InferenceParts, marks: Marks): Uint8Array {
  const kept = new Uint8Array(index.size);
  for (const unit of index.units) {
    for (let file = unit.first; file < unit.end; file++) kept[file] = marks.isKept(unit, file) ? 1 : 0;
  }
  const hasInterpreter = (file: number) => interpreters.of(file).some((target) => kept[target] === 1);
  // Scripts that stayed with their package go when what runs them did not stay.
  for (let file = 0; file < kept.length; file++) {
    if (kept[file] === 0 || marks.isReached(file) || !interpreters.isScript(file)) continue;
    if (hasInterpreter(file)) continue;
    kept[file] = 0;
    marks.droppedScripts.add(file);
  }
  // Scripts whose interpreter no package declares stay with theirs when the image has it for others.
  for (const file of marks.droppedScripts) {
    const unit = index.units[index.unitOf(file)]!;
    if (kept[file] === 1 || drops.has(file) || !marks.staysWithUnit(unit, file)) continue;
    if (!hasInterpreter(file)) continue;
    kept[file] = 1;
    marks.droppedScripts.delete(file);
    marks.reasons.record(file, marks.firstFileOf(unit), "whole-package", undefined);
  }
  return kept;
}

/** @param kept As of {@link decideKept}. */
export function assembleClosure(
  roots: readonly string[],
  kept: Uint8Array,
  parts: InferenceParts,
  marks: Marks,
): Closure {
  const { index, kinds } = parts;
  const units: ClosureUnit[] = [];
  const included = new Set<string>();
  for (const number of parts.declarations.order()) {
    const unit = index.units[number]!;
    const entries = listEntries(unit, kept, marks.isComplete(number));
    if (entries.length === 0 && !unit.root) continue;
    included.add(unit.object.id);
    units.push({
      object: unit.object,
      entries,
      granularity: isWhole(unit, kept) ? "whole" : "files",
    });
  }
  const isPresent = (unit: number) => marks.isTouched(unit) || marks.isComplete(unit);
  const replaced = [...included].sort(compare).flatMap((id) => [...parts.replacedOf(id).values()]);
  return {
    roots,
    units,
    edges: marks.edges.list(index.units, included),
    pruned: listPruned(kept, parts, marks),
    dropped: listDroppedObjects(index, included),
    droppedScripts: listDroppedScripts(index, kept, marks.droppedScripts, isPresent),
    dangling: listDangling(index, kept, kinds),
    ...(replaced.length > 0 && { replaced }),
    starts: listStarts(index, kept, marks.reasons),
    reasons: marks.reasons,
  };
}

function listPruned(
  kept: Uint8Array,
  { index, granularity, pruned }: InferenceParts,
  marks: Marks,
): PrunedClass[] {
  const isTest = (unit: UnitView, file: number) =>
    marks.isComplete(unit.number) && granularity.isTestSuite(unit, file);
  return [...pruned]
    .map(([name, total]) => ({ name, ...total }))
    .concat(countMissing(TEST_SUITES, index, kept, isTest))
    .sort((a, b) => compare(a.name, b.name));
}
