// The names by which programs could be found in an image: what a word must be to mean one.

import { compareStrings } from "../model/bytes.ts";
import type { OfferedPath } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import { normalizePath } from "./literals.ts";
import { PROGRAM } from "./token-index.ts";

/** Lists the programs of all objects, whatever of them stays, and those that installing them makes; sorted. */
export function listProgramNames(
  objects: readonly StoreObject[],
  offered: readonly OfferedPath[],
): readonly string[] {
  const names = new Set<string>();
  const add = ({ path }: { readonly path: string }) => {
    const name = PROGRAM.exec(normalizePath(path))?.[1];
    if (name !== undefined) names.add(name);
  };
  for (const { tree } of objects) tree.entries.forEach(add);
  offered.forEach(add);
  return [...names].sort(compareStrings);
}
