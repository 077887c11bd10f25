// Who promised what: whether the package that ships a file declares to need what the file lacks. Debian's packages also
// ship plugins and scripts for things that they only recommend or suggest: those lack in every installation.

import type { BytePath } from "../../model/bytes.ts";
import { baseName } from "../../model/bytes.ts";
import type { StoreObject } from "../../model/store-object.ts";
import type { MissingThing } from "./problem.ts";

/** Whether it is the image's fault, and not the file's own maker's choice, that a file lacks a thing. */
export type IsPromised = (path: BytePath, missing: MissingThing) => boolean;

/** Modules that Python loads when they are imported: who ships one in a wheel asks for all that it was linked with. */
const EXTENSION_MODULE = /\/site-packages\/.*\.(?:cpython-[^/]+|abi3)\.so$/;

/**
 * Addons of Node that are not chosen from several: packages with prebuilt files for many systems hold what no system
 * loads, in directories of that name, or named after the other C library.
 */
const ADDON = /\/node_modules\/.*\.node$/;
const ONE_OF_SEVERAL = /\/prebuilds\/|musl/;

/** Whether a file is loaded whole whenever its package is used. */
function isModule(path: BytePath, { name }: MissingThing): boolean {
  if (EXTENSION_MODULE.test(path)) return true;
  return ADDON.test(path) && !ONE_OF_SEVERAL.test(path) && !name.includes("musl");
}

/** The objects of a build and which of them brings each path of the image. */
export interface PromiseInput {
  /** All that was resolved, also what is not in the image. */
  readonly objects: readonly StoreObject[];
  /** The units of the root file system. */
  readonly units: readonly {
    readonly id: string;
    readonly entries: readonly { readonly path: BytePath }[];
  }[];
  /** Scripts that the closure left out, since nothing declares their interpreter: links to them may lead nowhere. */
  readonly droppedScripts?: readonly { readonly path: BytePath }[] | undefined;
}

/**
 * Makes the rule for an image of packages.
 *
 * A thing is promised to a file when a package that the file's package declares to need, directly or not, or an
 * Essential one, has it. Files of no package are promised everything, and so are extension
 * modules of Python and addons of Node that are in no package of Debian's.
 */
export function createPromises({ objects, units, droppedScripts = [] }: PromiseInput): IsPromised {
  const dropped = new Set(droppedScripts.map(({ path }) => unifyUsr(path)));
  const byId = new Map(objects.map((object) => [object.id, object]));
  const essential = objects.filter((object) => object.package?.control.get("Essential") === "yes");
  const owners = new Map<BytePath, string>();
  for (const { id, entries } of units) for (const { path } of entries) owners.set(path, id);
  const reach = (ids: readonly string[]): Set<string> => {
    const reached = new Set(ids);
    for (const id of reached) for (const next of byId.get(id)?.declaredReferences ?? []) reached.add(next);
    return reached;
  };
  const reaches = new Map<string, Set<string>>();
  const holders = new Map<string, Set<string>>();
  return (path, missing) => {
    const owner = owners.get(path);
    const object = owner === undefined ? undefined : byId.get(owner);
    if (owner === undefined || object === undefined) return true;
    if (object.package === undefined && missing.kind === "library" && isModule(path, missing)) return true;
    if (missing.kind === "file" && dropped.has(unifyUsr(missing.name.slice(1)))) return false;
    const key = `${missing.kind}\0${missing.name}`;
    let having = holders.get(key);
    if (having === undefined) {
      having = new Set(objects.filter((object) => has(object, missing)).map(({ id }) => id));
      holders.set(key, having);
    }
    let reached = reaches.get(owner);
    if (reached === undefined) {
      reached = reach([owner, ...essential.map(({ id }) => id)]);
      reaches.set(owner, reached);
    }
    return !reached.isDisjointFrom(having);
  };
}

/** A library or program is known by its name, other things by their paths. */
function has({ tree }: StoreObject, { kind, name }: MissingThing): boolean {
  const isPath = name.includes("/") && kind !== "library";
  const wanted = isPath ? unifyUsr(name.replace(/^\/+/, "")) : name.slice(name.lastIndexOf("/") + 1);
  return tree.entries.some(({ path }) => (isPath ? unifyUsr(path) : baseName(path)) === wanted);
}

/** `/bin`, `/sbin` and `/lib*` are links into /usr: both names become one. */
export function unifyUsr(path: string): string {
  return /^(?:bin|sbin|lib|lib32|lib64|libx32)(?:\/|$)/.test(path) ? `usr/${path}` : path;
}
