// What the image itself asks for: the files that are marked first.

import { compareStrings as compare } from "../model/bytes.ts";
import type { EntryPoint } from "./entry-points.ts";
import { ClosureError } from "./errors.ts";
import { IMAGE } from "./graph-recorder.ts";
import type { InferenceInput } from "./inference-input.ts";
import type { InferenceParts } from "./inference-parts.ts";
import { normalizePath } from "./literals.ts";
import type { Marks } from "./marks.ts";
import { FROM_NOWHERE } from "./reasons.ts";
import { isTransparent, siblingsWithCommands } from "./relations.ts";
import { nameOf, type TokenIndex } from "./token-index.ts";

/** @throws {ClosureError} `ENTRYPOINT_NOT_FOUND`. */
export function markRoots({ roots, options }: InferenceInput, parts: InferenceParts, marks: Marks): void {
  for (const entryPoint of options?.entryPoints ?? []) markEntryPoint(entryPoint, parts.index, marks);
  const seen = new Set<number>();
  for (const id of [...roots].sort(compare)) {
    const number = parts.numbers.get(id)!;
    if (parts.isMinimal && parts.index.units[number]!.object.package !== undefined) continue;
    markRoot(number, undefined, seen, parts, marks);
  }
}

function markEntryPoint({ word, paths, required }: EntryPoint, index: TokenIndex, marks: Marks): void {
  const reference = { source: FROM_NOWHERE, kind: "entrypoint", token: word, via: IMAGE };
  for (const path of paths.map(normalizePath)) {
    const files = index.atPath(path);
    const held = index.inDirectory(path);
    const bulk = files.length === 0 && held.exact && !required;
    const found = bulk ? held.files : files;
    if (found.length === 0) continue;
    for (const file of [...found, ...index.linksOn(path)]) marks.mark(file, reference, bulk);
    return;
  }
  if (!required) return;
  throw new ClosureError(
    "ENTRYPOINT_NOT_FOUND",
    `Cannot start the image with ${word}: no package of its closure has it`,
    { hint: "Add the package that has it to contents" },
  );
}

/**
 * Marks all of a root; of a metapackage, and of half a one, what it is there to bring.
 *
 * @param from The metapackage that brings it; undefined for what image.ts names.
 */
function markRoot(
  number: number,
  from: number | undefined,
  seen: Set<number>,
  parts: InferenceParts,
  marks: Marks,
): void {
  if (seen.has(number)) return;
  seen.add(number);
  const { index, declarations, graph } = parts;
  const unit = index.units[number]!;
  const bringer = from === undefined ? undefined : index.units[from]!;
  const kind = bringer === undefined ? "root" : "metapackage";
  if (bringer !== undefined) marks.addEdge(bringer.number, number, { kind });
  marks.completeUnit(number);
  const via = bringer === undefined ? IMAGE : marks.nodeOf(bringer);
  graph?.addEdge(via, marks.nodeOf(unit));
  const token = bringer === undefined ? "" : nameOf(bringer);
  marks.markAll(unit, { source: FROM_NOWHERE, kind, token, via });
  const direct = declarations.of(unit);
  if (isTransparent(unit)) {
    for (const reference of direct) {
      if (index.units[reference]!.declared) markRoot(reference, number, seen, parts, marks);
    }
  }
  for (const sibling of siblingsWithCommands(unit, index, direct)) {
    markRoot(sibling, number, seen, parts, marks);
  }
}
