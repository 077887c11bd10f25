// Garbage collection: what no root reaches goes, with what killed processes left. It is decided in one transaction of the
// database, into which every process writes what it uses before it uses it.

import { join } from "node:path";
import type { Context } from "../model/context.ts";
import { STORE_DIR, type StorePath, storeBaseName } from "../model/store-path.ts";
import { removeTree } from "../platform/directories.ts";
import { listDirectory, yieldToEvents } from "../platform/files.ts";
import type { Registration } from "../platform/nix-database.ts";
import { listStoreDirectory, removeInvalid, removeUnusedLinks } from "../platform/store/garbage.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { readTempRoots } from "../platform/store/temp-roots.ts";

export interface GcOptions {
  /** True: nothing is removed. */
  readonly dryRun: boolean;
  /** Bytes of NARs after which no more paths are chosen; undefined is all of the garbage. */
  readonly max?: number | undefined;
}

export interface GcResult {
  /** Paths that were valid and are gone, or would be: referrers before what they refer to. */
  readonly removed: readonly { readonly path: StorePath; readonly narSize: number }[];
  /** Names in the store directory that were no valid paths. */
  readonly leftovers: readonly string[];
  /** Absolute paths of what `--keep-failed` kept. */
  readonly failed: readonly string[];
  /** Valid paths that stay. */
  readonly kept: number;
  /** Bytes that the disk got back; undefined for a dry run. */
  readonly freed: number | undefined;
}

/** Removes what nothing keeps. */
export async function collectGarbage(
  store: LocalStore,
  { dryRun, max }: GcOptions,
  { progress, signal }: Pick<Context, "progress" | "signal">,
): Promise<GcResult> {
  const { garbage, kept } = store.database.exclusively(() => {
    const all = store.database.all();
    const live = findLive(store, all);
    const dead = sortReferrersFirst(all.filter(({ path }) => !live.has(path)));
    const chosen = takeUpTo(dead, max);
    if (!dryRun) store.database.delete(chosen.map(({ path }) => path));
    return { garbage: chosen, kept: all.length - chosen.length };
  });
  const removed = garbage.map(({ path, narSize }) => ({ path, narSize }));
  const isLeftover = (name: string) => !store.database.isValid(`${STORE_DIR}/${name}`);
  const names = new Set(garbage.map(({ path }) => storeBaseName(path)));
  const leftovers = listStoreDirectory(store).filter((name) => isLeftover(name) && !names.has(name));
  const failed = (listDirectory(store.failedDirectory) ?? [])
    .sort()
    .map((name) => join(store.failedDirectory, name));
  if (dryRun) return { removed, leftovers, failed, kept, freed: undefined };
  const stage = progress.stage("removing");
  stage.expect(names.size + leftovers.length);
  let freed = 0;
  for (const name of [...names, ...leftovers]) {
    signal.throwIfAborted();
    freed += removeInvalid(store, name) ?? 0;
    stage.advance(1);
    await yieldToEvents();
  }
  for (const place of failed) removeTree(place);
  freed += removeUnusedLinks(store);
  stage.done(`${removed.length} store path${removed.length === 1 ? "" : "s"}`);
  return { removed, leftovers, failed, kept, freed };
}

/** All that a root reaches. */
function findLive(store: LocalStore, all: readonly Registration[]): ReadonlySet<StorePath> {
  const infos = new Map(all.map((info) => [info.path, info]));
  const pending = [
    ...store.gcRoots.list().map(({ path }) => path),
    ...readTempRoots(store.tempRootsDirectory),
  ];
  const live = new Set<StorePath>();
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const info = infos.get(path);
    if (info === undefined || live.has(path)) continue;
    live.add(path);
    pending.push(...info.references);
  }
  return live;
}

/** Orders paths of which none is referred to from elsewhere. */
function sortReferrersFirst(infos: readonly Registration[]): Registration[] {
  const byPath = new Map(infos.map((info) => [info.path, info]));
  const referrers = new Map(infos.map(({ path }) => [path, 0]));
  const others = ({ path, references }: Registration) =>
    references.filter((reference) => reference !== path && byPath.has(reference));
  for (const info of infos)
    for (const reference of others(info)) referrers.set(reference, referrers.get(reference)! + 1);
  const ready = infos.filter(({ path }) => referrers.get(path) === 0);
  // The list grows while it is gone through.
  for (const info of ready) {
    for (const reference of others(info)) {
      const left = referrers.get(reference)! - 1;
      referrers.set(reference, left);
      if (left === 0) ready.push(byPath.get(reference)!);
    }
  }
  return ready;
}

function takeUpTo(infos: readonly Registration[], max: number | undefined): readonly Registration[] {
  if (max === undefined) return infos;
  let size = 0;
  const end = infos.findIndex(({ narSize }) => {
    size += narSize;
    return size >= max;
  });
  return end < 0 ? infos : infos.slice(0, end + 1);
}
