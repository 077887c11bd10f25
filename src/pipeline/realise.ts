// Requests and pins → store objects: what sources have, what is built, local files, and the image that another starts
// from; each with its place in the image.

import type { Context } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { ImageSpec, Request } from "../model/image-spec.ts";
import { findRequestedName, type Lock, type LockSection, sectionKey } from "../model/lock.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { LocalObject } from "../sources/path/local-files.ts";
import type { OpenBase } from "./base.ts";
import type { Builds } from "./builds.ts";
import type { ResolvedLayer } from "./explicit-layers.ts";
import { groupRequests, listRequests, type RequestGroup, readRequests, sectionOf } from "./requests.ts";
import { loadSource } from "./sources.ts";

/** Store objects of an image, before it is decided which of their files stay. */
export interface Realised {
  /** The image with the paths of what was built in its configuration. */
  readonly spec: ImageSpec;
  readonly objects: readonly StoreObject[];
  /** Ids of what the image asks for. */
  readonly roots: readonly string[];
  /** Ids of the roots and of all that they declare to need; other objects are there because they are Essential. */
  readonly declared: ReadonlySet<string>;
  /** The release that the packages come from. */
  readonly release: Release | undefined;
  readonly base: OpenBase | undefined;
  readonly layers: readonly ResolvedLayer[];
}

interface Release {
  readonly codename: string;
  readonly version?: string;
}

/** Fetches and builds what an image needs, and opens the image that it starts from. */
export async function realiseImage(written: ImageSpec, lock: Lock, context: Context): Promise<Realised> {
  const builds = await realiseBuilds(written, lock, context);
  const built = builds?.spec ?? written;
  const base = await openBaseOf(built, lock, context);
  const spec = base === undefined ? built : (await import("./base.ts")).inheritConfig(built, base);
  const { requests, files } = await readRequests(spec, context);
  const packages = await realisePackages(spec, lock, [...requests, ...(builds?.evidence ?? [])], context);
  const { answers, release } = packages;
  const idsOf = (asked: readonly Request[]) => asked.map((request) => answers.get(answerKey(request))!.id);
  const objects = [...packages.objects];
  const declared = new Set(packages.declared);
  const roots = new Set(idsOf(listRequests(spec)));
  const addRoot = (object: StoreObject) => {
    objects.push(object);
    declared.add(object.id);
    roots.add(object.id);
  };
  for (const { object, uses } of builds?.objects ?? []) {
    const references = [...new Set([...object.declaredReferences, ...idsOf(uses)])];
    addRoot({ ...object, declaredReferences: references });
  }
  for (const file of files) {
    const providers = file.needs.map((need) => answers.get(answerKey(need))!);
    addRoot(await linkLocalFile(file, providers));
  }
  const layers = await findLayers(spec, objects, answers);
  const placed = await linkStoreObjects(spec, objects, roots, context);
  return { spec, ...placed, declared, release, base, layers };
}

/** What sources have of what is asked for. */
interface RealisedPackages extends Pick<Realised, "objects" | "declared" | "release"> {
  /** The packages that requests got, by {@link answerKey}. */
  readonly answers: ReadonlyMap<string, StoreObject>;
}

async function realisePackages(
  spec: ImageSpec,
  lock: Lock,
  requests: readonly Request[],
  context: Context,
): Promise<RealisedPackages> {
  const { reachDeclared } = await import("../closure/declared.ts");
  const isEssentialIn = spec.closure !== "declared" || spec.shellOf !== undefined;
  const objects: StoreObject[] = [];
  const declared = new Set<string>();
  const answers = new Map<string, StoreObject>();
  let release: Release | undefined;
  for (const group of groupRequests(requests)) {
    const section = sectionOf(lock, group);
    if (section === undefined) throw new InternalError(`the lock has no section for ${sectionKey(group)}`);
    const pinNames = group.names.map((name) => findRequestedName(section, name) ?? raiseUnpinned(name));
    const declarations = (name: string) => ({ references: section.packages[name]?.dependencies ?? [] });
    const essential = isEssentialIn ? listEssential(section) : [];
    const names = reachDeclared([...pinNames, ...essential], declarations);
    const realised = await (await loadSource(group.source)).realise(section, names, group.mirrors, context);
    const byName = new Map(names.map((name, i) => [name, realised[i]!]));
    objects.push(...realised);
    for (const name of reachDeclared(pinNames, declarations)) declared.add(byName.get(name)!.id);
    for (const [i, name] of group.names.entries()) {
      answers.set(answerKey({ ...group, name }), byName.get(pinNames[i]!)!);
    }
    release ??= releaseOf(section);
  }
  return { objects, declared, answers, release };
}

function listEssential({ packages }: LockSection): string[] {
  return Object.values(packages).flatMap((pin) => (pin.essential === true ? pin.name : []));
}

/** The release itself, not its updates or backports. */
function releaseOf({ releases }: LockSection): Release | undefined {
  const [first] = Object.values(releases).filter(({ codename }) => !codename.includes("-"));
  return first && { codename: first.codename, ...(first.version && { version: first.version }) };
}

function answerKey(request: Pick<RequestGroup, "source" | "scope"> & { readonly name: string }): string {
  return `${sectionKey(request)} ${request.name}`;
}

function raiseUnpinned(name: string): never {
  throw new InternalError(`the lock does not pin ${name}`);
}

/** Opens the image that another starts from, building it first where it is one of Tare's. */
async function openBaseOf(spec: ImageSpec, lock: Lock, context: Context): Promise<OpenBase | undefined> {
  if (spec.base === undefined) return undefined;
  const [{ openBase }, { packImage }] = await Promise.all([import("./base.ts"), import("./pack.ts")]);
  return openBase(spec.base, (base) => packImage(base, lock, context), context);
}

/** Makes what images with derivations need; undefined for all others. */
async function realiseBuilds(spec: ImageSpec, lock: Lock, context: Context): Promise<Builds | undefined> {
  if (Object.keys(spec.graph).length === 0) return undefined;
  return (await import("./builds.ts")).realiseBuilds(spec, lock, context);
}

/** A local file with what it needs; the libraries among it must have the symbol versions that it wants. */
async function linkLocalFile(file: LocalObject, providers: readonly StoreObject[]): Promise<StoreObject> {
  const { checkSymbolVersions } = await import("../sources/path/symbol-versions.ts");
  const { source, scope } = file.archive;
  const newer = await (await loadSource(source)).suggestNewer?.(scope);
  checkSymbolVersions(file, providers, newer);
  return { ...file.object, declaredReferences: [...new Set(providers.map(({ id }) => id))] };
}

/** The layers that image.ts describes, by the ids of what they name. */
async function findLayers(
  { layers }: ImageSpec,
  objects: readonly StoreObject[],
  answers: RealisedPackages["answers"],
): Promise<readonly ResolvedLayer[]> {
  if (layers === undefined) return [];
  const { resolveLayers } = await import("./explicit-layers.ts");
  return resolveLayers(layers, objects, (request) => answers.get(answerKey(request))?.id);
}

/** Puts the trees of the store where they go in the image, and links to those that are asked for. */
async function linkStoreObjects(
  spec: ImageSpec,
  objects: readonly StoreObject[],
  roots: ReadonlySet<string>,
  context: Context,
): Promise<Pick<Realised, "objects" | "roots">> {
  if (objects.every(({ placement }) => placement.kind === "at-root")) return { objects, roots: [...roots] };
  const { describeStore, placeStoreObjects } = await import("./placement.ts");
  const placed = placeStoreObjects(spec, objects, roots);
  if (spec.includeNixDB !== true) return placed;
  const database = await describeStore(spec, placed.objects, context);
  return { objects: [...placed.objects, database], roots: [...placed.roots, database.id] };
}
