// Pins → store objects: from the machine's own store as they lie there, or from caches through the local store. Whatever
// the source, the bytes are those of the lock, and refer to no path of the lock that they do not declare.

import { createHash } from "node:crypto";
import { ReferenceScanner } from "../../formats/nix/references.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { LockSection, Pin } from "../../model/lock.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { StoreObject } from "../../model/store-object.ts";
import { asStorePath, hashPart, type StorePath } from "../../model/store-path.ts";
import { readRecord, writeRecord } from "../../platform/records.ts";
import { type StagedPath, toStoreObject } from "../../platform/store/local-store.ts";
import { readStoreNar } from "../../platform/store/read-nar.ts";
import { readStoreTree } from "../../platform/store/read-tree.ts";
import { sharedStore } from "../../platform/store/shared-store.ts";
import { hashNar } from "../../platform/store-files.ts";
import { NixSourceError } from "./errors.ts";
import { Caches, MachineStore, scopeCaches, storeRoot } from "./path-provider.ts";
import { substituteClosure } from "./substitute.ts";

/** A pin, checked: what the lock says of a store path. */
type PinnedPath = Pick<PathInfo, "path" | "narHash" | "narSize" | "references">;

/** Where the bytes of pinned paths are. */
type Places = (path: StorePath) => string;

/** Turns pins into store objects; see {@link Source.realise}. */
export async function realise(
  section: LockSection,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<StoreObject[]> {
  const pins = names.map((name) => readPin(section, name));
  const places =
    section.scope["kind"] === "store"
      ? await usePresent(pins, storeRoot(mirrors))
      : await fetchMissing(pins, section, mirrors, context);
  const hashParts = Object.keys(section.packages).map((name) => hashPart(readPin(section, name).path));
  const objects: StoreObject[] = [];
  for (const pin of pins) {
    const place = places(pin.path);
    const tree = await readStoreTree(place, pin, context);
    await checkReferences(pin, place, hashParts, context);
    objects.push(toStoreObject(pin, tree));
  }
  return objects;
}

/** Makes pinned paths valid in the store of this user; see {@link Source.provideStorePaths}. */
export async function provideStorePaths(
  section: LockSection,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<void> {
  const pins = listClosure(section, names);
  if (section.scope["kind"] === "store") await copyMissing(pins, storeRoot(mirrors), context);
  else await fetchMissing(pins, section, mirrors, context);
  const store = sharedStore();
  const hashParts = pins.map(({ path }) => hashPart(path));
  for (const pin of pins) await checkReferences(pin, store.physicalPath(pin.path), hashParts, context);
}

/** Some pins with all that they depend on. */
function listClosure(section: LockSection, names: readonly string[]): PinnedPath[] {
  const pins = new Map<string, PinnedPath>();
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (pins.has(name)) continue;
    const pin = readPin(section, name);
    pins.set(name, pin);
    pending.push(...pin.references);
  }
  return [...pins.values()];
}

/** Copies paths of the machine's own store into that of this user. */
async function copyMissing(pins: readonly PinnedPath[], root: string, context: Context): Promise<void> {
  const store = sharedStore();
  store.protect(pins.map(({ path }) => path));
  const missing = pins.filter(({ path }) => !store.database.isValid(path));
  if (missing.length > 0) {
    const places = await usePresent(missing, root);
    using machine = new MachineStore(root);
    const staged: StagedPath[] = [];
    try {
      for (const { path } of missing) {
        const info = (await machine.info(path))!;
        const tree = await readStoreTree(places(path), info, context);
        staged.push(await store.stageNar(info, readStoreNar(info, tree, context.signal)));
      }
      store.register(staged);
    } finally {
      for (const { staged: place } of staged) store.discard(place);
    }
  }
  for (const pin of pins) checkPin(pin, store.query(pin.path), `the store ${store.root}`);
}

function readPin(section: LockSection, name: string): PinnedPath {
  const wrong = (problem: string) =>
    new NixSourceError("BAD_STORE_PIN", `Cannot use the lock's store path ${name}: ${problem}`, {
      hint: "Restore tare.lock from version control, or delete it and run tare lock",
    });
  const pin: Pin | undefined = Object.hasOwn(section.packages, name) ? section.packages[name] : undefined;
  if (pin === undefined) throw wrong("it is not there");
  const path = asStorePath(name) ?? raise(wrong("it is none"));
  if (pin.name !== name) throw wrong(`it names itself ${pin.name}`);
  if (!/^[0-9a-f]{64}$/.test(pin.sha256)) throw wrong("its sha256 is none");
  if (!Number.isSafeInteger(pin.size) || pin.size < 1) throw wrong("its size is none");
  const references = pin.dependencies.map(
    (dependency) => asStorePath(dependency) ?? raise(wrong("it depends on none")),
  );
  return { path, narHash: pin.sha256, narSize: pin.size, references: references.sort(compareStrings) };
}

function raise(error: Error): never {
  throw error;
}

/** Refuses paths of which somebody says something else than the lock. */
function checkPin(pin: PinnedPath, found: PathInfo, where: string): void {
  const others = found.references.filter((reference) => reference !== pin.path);
  const problem =
    found.narHash !== pin.narHash || found.narSize !== pin.narSize
      ? `has the NAR hash sha256:${found.narHash}, the lock has sha256:${pin.narHash}`
      : others.join(" ") !== pin.references.join(" ")
        ? "has other references than the lock"
        : undefined;
  if (problem === undefined) return;
  throw new NixSourceError("PATH_CHANGED", `Cannot use ${pin.path}: that of ${where} ${problem}`, {
    hint: "If the other one is meant, run tare update; two builds of the same derivation may differ",
  });
}

/** Takes paths from the machine's own store, where they are. */
async function usePresent(pins: readonly PinnedPath[], root: string): Promise<Places> {
  using store = new MachineStore(root);
  for (const pin of pins) {
    const found = await store.info(pin.path);
    if (found === undefined) {
      throw new NixSourceError("PATH_UNAVAILABLE", `Cannot find ${pin.path}: it is not in ${store.name}`, {
        hint: `Get it with nix-store --realise ${pin.path}, or use binaryCache() instead of nixStore()`,
      });
    }
    checkPin(pin, found, store.name);
  }
  return (path) => store.physicalPath(path);
}

/** Makes paths valid in the local store. */
async function fetchMissing(
  pins: readonly PinnedPath[],
  section: LockSection,
  mirrors: readonly string[],
  context: Context,
): Promise<Places> {
  const store = sharedStore();
  const paths = pins.map(({ path }) => path);
  store.protect(paths);
  const missing = paths.filter((path) => !store.database.isValid(path));
  if (missing.length > 0) {
    const caches = new Caches(scopeCaches(section.scope, mirrors), context);
    await substituteClosure(missing, store, caches, context, (info) => {
      // What the lock does not have, a pin would refer to; then its references differ.
      if (Object.hasOwn(section.packages, info.path))
        checkPin(readPin(section, info.path), info, caches.name);
    });
  }
  for (const pin of pins) checkPin(pin, store.query(pin.path), `the store ${store.root}`);
  return (path) => store.physicalPath(path);
}

/** Looks whether a path mentions one of the lock that it does not declare. Found once, kept by the bytes. */
async function checkReferences(
  { path, narHash, references }: PinnedPath,
  place: string,
  hashParts: readonly string[],
  { cache, signal }: Context,
): Promise<void> {
  const key = createHash("sha256")
    .update([narHash, ...[...hashParts].sort()].join("\n"))
    .digest("hex");
  const record = cache.path("facts", `references-${key}`);
  let found = readRecord(record) as readonly string[] | undefined;
  if (found === undefined) {
    const scanner = new ReferenceScanner(hashParts);
    await hashNar(place, { signal }, (bytes) => scanner.update(bytes));
    found = [...scanner.found].sort();
    writeRecord(record, found);
  }
  const declared = new Set([path, ...references].map(hashPart));
  const undeclared = found.find((part) => !declared.has(part));
  if (undeclared === undefined) return;
  throw new NixSourceError(
    "REFERENCE_UNDECLARED",
    `Cannot use ${path}: it mentions the store path with the hash ${undeclared}, which it does not declare to refer to`,
    { hint: "Whoever registered it has left the reference out: the image would lack it" },
  );
}
