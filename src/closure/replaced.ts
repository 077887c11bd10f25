// Files of the user's own take the place of packages' files at the same path, which then count for nothing: they are not
// in the image, and what they name is not followed. Objects in, what is replaced out. Pure.

import type { BytePath } from "../model/bytes.ts";
import type { ReplacedFile } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import { walkPath } from "../model/walk-path.ts";
import { normalizePath } from "./literals.ts";

/** Files of one object that are replaced, by their paths in its tree. */
export type ReplacedPaths = ReadonlyMap<BytePath, ReplacedFile>;

const NONE: ReplacedPaths = new Map();

/**
 * Finds what is replaced.
 *
 * Of two files of the user's own none replaces the other.
 *
 * @returns By the ids of the objects; those that keep all of their files are not among them.
 */
export function findReplaced(objects: readonly StoreObject[]): (id: string) => ReplacedPaths {
  const winners = objects.filter(({ overrides }) => overrides === true);
  if (winners.length === 0) return () => NONE;
  const links = new Map<string, { readonly type: "symlink"; readonly target: string }>();
  for (const { tree } of objects) {
    for (const entry of tree.entries)
      if (entry.type === "symlink") links.set(normalizePath(entry.path), entry);
  }
  const winnerAt = new Map<string, string>();
  for (const { id, tree } of winners) {
    for (const { path, type } of tree.entries) {
      if (type === "directory") continue;
      const plain = normalizePath(path);
      const options = { followLast: false, throughMissing: true };
      const walk = walkPath(plain, (at) => links.get(normalizePath(at)), options);
      winnerAt.set(plain, id);
      if (walk.kind === "arrived") winnerAt.set(normalizePath(walk.path), id);
    }
  }
  const replaced = new Map<string, Map<BytePath, ReplacedFile>>();
  for (const { id, tree, overrides } of objects) {
    if (overrides === true) continue;
    for (const { path, type } of tree.entries) {
      const by = type === "directory" ? undefined : winnerAt.get(normalizePath(path));
      if (by === undefined) continue;
      const own = replaced.get(id) ?? new Map<BytePath, ReplacedFile>();
      replaced.set(id, own.set(path, { object: id, path, by }));
    }
  }
  return (id) => replaced.get(id) ?? NONE;
}
