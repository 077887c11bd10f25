// Where store objects go in an image: at their store paths, at a place that image.ts says, and as links below / for what
// the image asks for. Their trees get the paths that they have in the image.

import { type BytePath, type ByteString, encodeByteString, joinPath, ROOT_PATH } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { StorePath } from "../model/store-path.ts";
import { createTree, type TreeEntry } from "../model/tree.ts";
import { PipelineError } from "./errors.ts";

export interface PlacedObjects {
  readonly objects: readonly StoreObject[];
  /** Ids. */
  readonly roots: readonly string[];
}

/** The id of the links to what the image asks for. */
export const LINKS_ID = "links";

/**
 * Gives all trees their paths in the image. Of the objects of a store those are roots that image.ts names.
 *
 * @param spec Its outputs have store paths as nodes.
 */
export function placeStoreObjects(
  spec: ImageSpec,
  objects: readonly StoreObject[],
  roots: ReadonlySet<string>,
): PlacedObjects {
  const placed: StoreObject[] = [];
  const needed = referencedPaths(spec, objects);
  for (const object of objects) {
    if (object.placement.kind !== "in-store") placed.push(object);
    else if (needed.has(object.id) && spec.includeStorePaths !== false) {
      placed.push(owned(atStorePath(object), spec));
    }
  }
  const byId = new Map(objects.map((object) => [object.id, object]));
  for (const { node, placement } of spec.outputs) {
    if (!placement.startsWith("/")) continue;
    const object = owned(atPrefix(byId.get(node)!, placement), spec);
    const same = placed.filter(({ id }) => id === object.id || id.startsWith(`${object.id}#`)).length;
    placed.push(same === 0 ? object : { ...object, id: `${object.id}#${same + 1}` });
  }
  const linked = [
    ...spec.outputs.filter(({ placement }) => placement === "linked").map(({ node }) => byId.get(node)!),
    ...spec.contents.flatMap(({ name }) => byId.get(name) ?? []),
  ];
  if (linked.length > 0) placed.push(createLinks(linked));
  const named = new Set<string>([
    ...spec.outputs.map(({ node }) => node),
    ...[...spec.contents, ...spec.mentioned].map(({ name }) => name),
  ]);
  const ids = placed.filter(({ id, placement }) => {
    if (placement.kind === "in-store") return named.has(id);
    return roots.has(id) || placement.kind === "at-prefix" || id === LINKS_ID;
  });
  return { objects: placed, roots: ids.map(({ id }) => id) };
}

/** Gives the files of an object to the owner that the image says. */
function owned(object: StoreObject, { storeOwner }: ImageSpec): StoreObject {
  if (storeOwner === undefined) return object;
  const { uid, gid } = storeOwner;
  return { ...object, tree: { entries: object.tree.entries.map((entry) => ({ ...entry, uid, gid })) } };
}

/** The database of the store paths of an image, as one more object of it. */
export async function describeStore(
  { contents, outputs }: ImageSpec,
  objects: readonly StoreObject[],
  context: Context,
): Promise<StoreObject> {
  const [{ createNixDatabaseLayer }, { openStore }] = await Promise.all([
    import("../rootfs/nix-database.ts"),
    import("./builds.ts"),
  ]);
  const ids = objects.flatMap(({ id, placement }) =>
    placement.kind === "in-store" ? [id as StorePath] : [],
  );
  const asked = new Set<string>([...contents.map(({ name }) => name), ...outputs.map(({ node }) => node)]);
  const closure = { paths: (await openStore()).closure(ids), roots: ids.filter((id) => asked.has(id)) };
  return {
    id: "nix-db",
    label: "the database of the store",
    placement: { kind: "at-prefix", prefix: "nix/var" as BytePath },
    tree: createNixDatabaseLayer(closure, context),
    declaredReferences: [],
  };
}

/** What must be at its store path: all that is asked for there or mentioned, and all that these refer to. */
function referencedPaths(spec: ImageSpec, objects: readonly StoreObject[]): Set<string> {
  const byId = new Map(objects.map((object) => [object.id, object]));
  const elsewhere = spec.outputs.filter(({ placement }) => placement.startsWith("/"));
  const pending = [
    ...spec.outputs.filter(({ placement }) => !placement.startsWith("/")).map(({ node }) => node as string),
    ...[...spec.contents, ...spec.mentioned].map(({ name }) => name),
    ...elsewhere.flatMap(({ node }) => byId.get(node)?.declaredReferences ?? []),
    ...elsewhere
      .filter(({ node }) => byId.get(node)?.refersToItself === true)
      .map(({ node }) => node as string),
  ];
  const needed = new Set<string>();
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const object = byId.get(id);
    if (needed.has(id) || object?.placement.kind !== "in-store") continue;
    needed.add(id);
    pending.push(...object.declaredReferences);
  }
  return needed;
}

function atStorePath(object: StoreObject): StoreObject {
  const path = encodeByteString(object.id.slice(1)) as string as BytePath;
  return { ...object, tree: { entries: object.tree.entries.map((entry) => move(entry, path)) } };
}

/** Files of the user's own: they can be written to by their owner, as after a copy, and win over packages' files. */
function atPrefix(object: StoreObject, place: string): StoreObject {
  const prefix = encodeByteString(place.slice(1)) as string as BytePath;
  if (prefix === ROOT_PATH) refuseFile(object);
  const entries = object.tree.entries
    .map((entry) => move(entry, prefix))
    .filter(({ path }) => path !== ROOT_PATH)
    .map((entry) => (entry.type === "symlink" ? entry : { ...entry, mode: entry.mode | 0o200 }));
  return {
    ...object,
    id: placedId(object.label, place),
    storePath: object.id,
    label: `${object.label} at ${place}`,
    placement: { kind: "at-prefix", prefix },
    tree: { entries },
    overrides: true,
  };
}

/** The id of something at a place of its own. Its contents are not part of it, so that they decide nothing. */
export function placedId(name: string, place: string): string {
  return `${name}@${place}`;
}

function refuseFile({ label, tree }: StoreObject): void {
  const root = tree.entries.find(({ path }) => path === ROOT_PATH);
  if (root === undefined || root.type === "directory") return;
  const what = root.type === "file" ? "file" : "link";
  throw new PipelineError(
    "PLACE_NEEDS_NAME",
    `Cannot place ${label} at /: it is a ${what}, a directory was expected`,
    {
      hint: `Give it a name: place("/etc/${label}", …)`,
    },
  );
}

function move(entry: TreeEntry, prefix: BytePath): TreeEntry {
  const path =
    entry.path === ROOT_PATH ? prefix : prefix === ROOT_PATH ? entry.path : joinPath(prefix, entry.path);
  return { ...entry, path };
}

/**
 * What of an object is linked. An environment of Python finds its modules from where its Python is started (PEP 405): of
 * one there are only the programs, which start that at its place.
 */
function linkedEntries({ tree }: StoreObject): readonly TreeEntry[] {
  if (!tree.entries.some(({ path }) => path === "pyvenv.cfg")) return tree.entries;
  return tree.entries.filter(
    ({ path }) => path === "bin" || (path.startsWith("bin/") && !/^bin\/python[0-9.]*$/.test(path)),
  );
}

/** Links to the files of objects as if these were merged at /; of two with one name the first counts. */
function createLinks(objects: readonly StoreObject[]): StoreObject {
  const entries = new Map<BytePath, TreeEntry>();
  for (const object of objects) {
    for (const { path, type } of linkedEntries(object)) {
      if (path === ROOT_PATH || entries.has(path)) continue;
      const owned = { path, uid: 0, gid: 0 };
      if (type === "directory") entries.set(path, { ...owned, type, mode: 0o755 });
      else if (!isBelowLink(path, entries)) {
        const target = `${encodeByteString(object.id)}/${path}` as ByteString;
        entries.set(path, { ...owned, type: "symlink", mode: 0o777, target });
      }
    }
  }
  return {
    id: LINKS_ID,
    label: "links to the store",
    placement: { kind: "at-root" },
    tree: createTree(entries.values()),
    declaredReferences: objects.map(({ id }) => id),
    overrides: true,
  };
}

/** Whether another object has a link where this one has a directory. */
function isBelowLink(path: BytePath, entries: ReadonlyMap<BytePath, TreeEntry>): boolean {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    if (entries.get(path.slice(0, at) as BytePath)?.type === "symlink") return true;
  }
  return false;
}
