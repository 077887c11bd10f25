// Layer plan + units with their entries → what each layer holds, entry by entry.

import type { BytePath } from "../model/bytes.ts";
import { comparePaths, decodeByteString, encodeByteString, parentPath, ROOT_PATH } from "../model/bytes.ts";
import { InternalError } from "../model/errors.ts";
import type { StoreOwner } from "../model/image-spec.ts";
import type { LayerContents, LayerPlan } from "../model/layer-plan.ts";
import type { DirectoryEntry, TreeEntry } from "../model/tree.ts";
import { isStoreParent, listStorePaths, type Owner, ROOT } from "./store-paths.ts";

/** A unit with the entries that it brings, at their places in the image. */
export interface LayerUnit {
  readonly id: string;
  /** What the layer's history calls it. */
  readonly label: string;
  readonly entries: readonly TreeEntry[];
}

/** The directories of the whole root file system by path: what a directory is like that several units have. */
export type Directories = ReadonlyMap<BytePath, DirectoryEntry>;

/**
 * Fills the layers of a plan.
 *
 * Every layer is whole by itself: the directories that hold its entries come with it, and are the same in every layer
 * (by `directories`, else 0755 and root's, or of the store's owner for those that hold it). The root directory is left out where it is just that. Anything but a
 * directory is in one layer only.
 *
 * @param units The units of the plan, in any order.
 * @param owner Of the store's files; default: root.
 * @returns One for each planned layer, entries sorted by {@link comparePaths}.
 */
export function composeLayers(
  plan: LayerPlan,
  units: readonly LayerUnit[],
  directories: Directories,
  owner?: StoreOwner,
): LayerContents[] {
  const byId = new Map(units.map((unit) => [unit.id, unit]));
  const owners = new Map<BytePath, string>();
  return plan.layers.map((layer) => {
    const members = layer.units.map((id) => findUnit(byId, id));
    const storePaths = listStorePaths(members, directories, owner);
    return {
      comment: members.map((unit) => unit.label).join(", "),
      units: layer.units,
      reason: layer.reason,
      entries: composeEntries(members, directories, owners, owner),
      storePaths,
      ...(storePaths !== undefined && owner !== undefined && { ownerNames: encodeNames(owner) }),
    };
  });
}

function encodeNames({ uname, gname }: StoreOwner) {
  return { uname: encodeByteString(uname), gname: encodeByteString(gname) };
}

function findUnit(byId: ReadonlyMap<string, LayerUnit>, id: string): LayerUnit {
  const unit = byId.get(id);
  if (unit === undefined)
    throw new InternalError(`the layer plan names the unit ${id}, which is not in the image`);
  return unit;
}

function composeEntries(
  members: readonly LayerUnit[],
  directories: Directories,
  owners: Map<BytePath, string>,
  storeOwner: Owner = ROOT,
): TreeEntry[] {
  const entries: TreeEntry[] = [];
  const own = new Map<BytePath, DirectoryEntry>();
  for (const unit of members) {
    for (const entry of unit.entries) {
      if (entry.type === "directory") {
        if (!own.has(entry.path)) own.set(entry.path, entry);
        continue;
      }
      const owner = owners.get(entry.path);
      if (owner !== undefined) {
        throw new InternalError(`${decodeByteString(entry.path)} is in the units ${owner} and ${unit.id}`);
      }
      owners.set(entry.path, unit.id);
      entries.push(entry);
    }
  }
  const parents = new Map<BytePath, DirectoryEntry>();
  const describe = (path: BytePath) =>
    directories.get(path) ?? own.get(path) ?? plainDirectory(path, storeOwner);
  for (const path of own.keys()) addDirectory(path, parents, describe);
  for (const entry of entries) addDirectory(parentPath(entry.path), parents, describe);
  const root = parents.get(ROOT_PATH);
  if (root !== undefined && root.mode === 0o755 && root.uid === 0 && root.gid === 0)
    parents.delete(ROOT_PATH);
  return [...entries, ...parents.values()].sort((a, b) => comparePaths(a.path, b.path));
}

/** Adds a directory and those that hold it. */
function addDirectory(
  path: BytePath,
  parents: Map<BytePath, DirectoryEntry>,
  describe: (path: BytePath) => DirectoryEntry,
): void {
  for (let at = path; !parents.has(at); at = parentPath(at)) {
    parents.set(at, describe(at));
    if (at === ROOT_PATH) return;
  }
}

function plainDirectory(path: BytePath, storeOwner: Owner): DirectoryEntry {
  const { uid, gid } = isStoreParent(path) ? storeOwner : ROOT;
  return { path, type: "directory", mode: 0o755, uid, gid };
}
