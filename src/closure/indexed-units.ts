// The objects of a closure → units with an index of their files: without what no image needs, nor what others replace.

import { compareStrings as compare, comparePaths } from "../model/bytes.ts";
import { InternalError } from "../model/errors.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { TreeEntry } from "../model/tree.ts";
import { reachDeclared } from "./declared.ts";
import { ClosureError } from "./errors.ts";
import type { InferenceInput } from "./inference-input.ts";
import { normalizePath } from "./literals.ts";
import { pruneEntries } from "./prune.ts";
import { findReplaced, type ReplacedPaths } from "./replaced.ts";
import { TokenIndex } from "./token-index.ts";

export interface IndexedUnits {
  readonly index: TokenIndex;
  /** Numbers of the units by the ids of their objects. */
  readonly numbers: ReadonlyMap<string, number>;
  /** What others replace of an object. */
  readonly replacedOf: (id: string) => ReplacedPaths;
  /** What was left out of declared objects, by the names of classes. */
  readonly pruned: ReadonlyMap<string, PrunedTotal>;
}

interface PrunedTotal {
  readonly files: number;
  /** Bytes. */
  readonly size: number;
}

/** @throws {ClosureError} `ROOT_NOT_FOUND`. */
export function indexUnits(input: InferenceInput, keepDevelopmentFiles: boolean): IndexedUnits {
  const declared = new Set(listDeclared(input));
  const roots = new Set(input.roots);
  const replacedOf = findReplaced(input.objects);
  const pruned = new Map<string, PrunedTotal>();
  const objects = [...input.objects].sort((a, b) => compare(a.id, b.id));
  const prepared = objects.map((object) => {
    const facts = input.facts.get(object.id);
    if (facts === undefined) throw new InternalError(`no facts of ${object.id}`);
    const left = isExact(object)
      ? { kept: object.tree.entries, pruned: [] }
      : pruneEntries(object.tree.entries, { keepDevelopmentFiles });
    const isDeclared = declared.has(object.id);
    for (const { name, files, size } of isDeclared ? left.pruned : []) {
      const total = pruned.get(name) ?? { files: 0, size: 0 };
      pruned.set(name, { files: total.files + files, size: total.size + size });
    }
    const replaced = replacedOf(object.id);
    const { files, directories } = listFiles(object, left.kept, replaced);
    return {
      unit: {
        object,
        declared: isDeclared,
        // What an object of a store refers to is known: all of it is there, as if it were asked for.
        root: roots.has(object.id) || object.placement.kind === "in-store",
        isReplaced: replaced.size > 0,
        files: files.map(({ entry }) => entry),
        directories,
      },
      facts,
      factNumbers: files.map(({ fact }) => fact),
    };
  });
  return {
    index: new TokenIndex(prepared, input.kinds, input.offeredPaths ?? []),
    numbers: new Map(objects.map(({ id }, number) => [id, number])),
    replacedOf,
    pruned,
  };
}

/** Ids of the declared closure of the roots. */
function listDeclared({ objects, roots }: InferenceInput): string[] {
  const byId = new Map(objects.map((object) => [object.id, object]));
  for (const root of roots) {
    if (!byId.has(root)) {
      throw new ClosureError(
        "ROOT_NOT_FOUND",
        `Cannot infer the closure of ${root}: it is not among the objects`,
      );
    }
  }
  return reachDeclared(roots, (id) => {
    const object = byId.get(id);
    return object === undefined
      ? undefined
      : { references: object.declaredReferences.filter((reference) => byId.has(reference)) };
  });
}

/** What is left of an object: files with the numbers of their facts, by their merged-usr paths, and directories. */
function listFiles(
  object: StoreObject,
  kept: readonly TreeEntry[],
  replaced: ReplacedPaths,
): {
  readonly files: readonly { readonly entry: TreeEntry; readonly fact: number }[];
  readonly directories: readonly TreeEntry[];
} {
  const files: { entry: TreeEntry; path: string; fact: number }[] = [];
  const directories: TreeEntry[] = [];
  let fact = 0;
  let next = 0;
  let isSorted = true;
  for (const entry of object.tree.entries) {
    const isKept = kept[next] === entry;
    if (isKept) next++;
    if (entry.type === "directory") {
      if (isKept) directories.push(entry);
      continue;
    }
    if (isKept && !replaced.has(entry.path)) {
      const path = normalizePath(entry.path);
      if (path !== entry.path) isSorted = false;
      files.push({ entry, path, fact });
    }
    fact++;
  }
  if (!isSorted) files.sort((a, b) => comparePaths(a.path, b.path));
  return { files, directories };
}

/** Whether an object is in the image with all its files: what was built, whose references its builder decided. */
export function isExact({ placement }: StoreObject): boolean {
  return placement.kind !== "at-root";
}
