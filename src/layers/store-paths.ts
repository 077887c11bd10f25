// The units of a layer → the store paths that they are, where they are nothing else.

import type { BytePath } from "../model/bytes.ts";
import { asStorePath } from "../model/store-path.ts";
import type { DirectoryEntry, TreeEntry } from "../model/tree.ts";

interface Unit {
  readonly entries: readonly TreeEntry[];
}

const STORE_PARENTS: ReadonlySet<string> = new Set(["nix", "nix/store"]);

/** The ids of an owner. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const ROOT: Owner = { uid: 0, gid: 0 };

/** Whether a directory is one of those that hold store paths. */
export function isStoreParent(path: BytePath): boolean {
  return STORE_PARENTS.has(path);
}

/**
 * The store paths of units, in their order; undefined when one is no store path, or when the directories that hold
 * them, or an owner, are not as in every store: then the layer cannot be equal to one of Nix's.
 *
 * @param owner Of all files of the store.
 */
export function listStorePaths(
  units: readonly Unit[],
  directories: ReadonlyMap<BytePath, DirectoryEntry>,
  owner: Owner = ROOT,
): readonly string[] | undefined {
  const parents = [...STORE_PARENTS].map((path) => directories.get(path as BytePath));
  if (parents.some((parent) => parent !== undefined && !isPlain(parent, owner))) return undefined;
  const paths = units.map(({ entries }) => findStorePath(entries, owner));
  if (paths.length === 0 || paths.includes(undefined) || new Set(paths).size < paths.length) return undefined;
  return paths as readonly string[];
}

function isPlain({ mode, uid, gid }: DirectoryEntry, owner: Owner): boolean {
  return mode === 0o755 && uid === owner.uid && gid === owner.gid;
}

/** The one store path that all entries are in. */
function findStorePath(entries: readonly TreeEntry[], owner: Owner): string | undefined {
  const own = entries.filter(
    ({ type, path }) => type !== "directory" || (path !== "" && !STORE_PARENTS.has(path)),
  );
  const root = own[0] && `/${own[0].path.split("/", 3).join("/")}`;
  if (root === undefined || asStorePath(root) === undefined) return undefined;
  const isInside = ({ path, uid, gid }: TreeEntry) =>
    uid === owner.uid && gid === owner.gid && (`/${path}` === root || `/${path}`.startsWith(`${root}/`));
  // Without the root itself, a directory that holds the others would be made up.
  return `/${own[0]!.path}` === root && own.every(isInside) ? root : undefined;
}
