// What is done to directories whose files may belong to any id: in this process when it is root, otherwise in an agent
// that is root of a user namespace. All arguments and results are JSON, but for bytes, for which agent-lines.ts cares.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { CacheDirectory } from "../../model/context.ts";
import type { TreeEntry } from "../../model/tree.ts";
import { Cache } from "../cache.ts";
import { removeTree } from "../directories.ts";
import { type Materialised, type MaterialiseOptions, materialiseTree } from "./materialise.ts";
import { type MountPlace, type PlannedMount, placeMounts } from "./places.ts";
import {
  extendSnapshot,
  type ReadTree,
  readChanges,
  readTree,
  type Snapshot,
  type TreeChanges,
  takeSnapshot,
} from "./read-back.ts";

/** The operations by name; `signal` ends those that take long. */
export interface Operations {
  materialise(
    request: { readonly entries: readonly TreeEntry[]; readonly directory: string } & MaterialiseOptions,
    signal: AbortSignal,
  ): Promise<Materialised>;
  placeMounts(request: {
    readonly root: string;
    readonly mounts: readonly PlannedMount[];
  }): Promise<readonly MountPlace[]>;
  /** Remembers what is in a directory, for `readChanges`. */
  watch(request: { readonly directory: string }): Promise<null>;
  /** Reads what has changed since `watch`, or since the last time. */
  readChanges(request: { readonly directory: string }, signal: AbortSignal): Promise<TreeChanges>;
  readTree(request: { readonly directory: string }, signal: AbortSignal): Promise<ReadTree>;
  remove(request: { readonly path: string }): Promise<null>;
}

/** Makes the operations, for a cache. */
export function createOperations(cacheRoot: string): Operations {
  const cache: CacheDirectory = new Cache(cacheRoot);
  const snapshots = new Map<string, Snapshot>();
  return {
    materialise: ({ entries, directory, ...options }, signal) =>
      materialiseTree(entries, directory, options, signal),
    placeMounts: async ({ root, mounts }) => {
      const { places, made } = placeMounts(root, mounts);
      // Mount points are no doing of a program.
      const snapshot = snapshots.get(root);
      if (snapshot !== undefined) snapshots.set(root, extendSnapshot(snapshot, root, made));
      return places;
    },
    watch: async ({ directory }) => {
      snapshots.set(directory, takeSnapshot(directory));
      return null;
    },
    readChanges: async ({ directory }, signal) => {
      const before = snapshots.get(directory) ?? new Map();
      const { changes, now } = await readChanges(directory, before, cache, signal);
      snapshots.set(directory, now);
      return changes;
    },
    readTree: ({ directory }, signal) => readTree(directory, cache, signal),
    remove: async ({ path }) => {
      removeAnything(path);
      return null;
    },
  };
}

/** Milliseconds between tries to remove a directory, and how many there are. */
const REMOVAL = { pause: 50, tries: 20 };

/**
 * Removes a tree while others that die may be about to remove parts of it as well. rm(1) also knows how to remove what
 * has a longer path than Node can name; a directory that nobody may enter is opened first.
 */
export function removeAnything(path: string): void {
  for (let tries = 0; tries < REMOVAL.tries; tries++) {
    spawnSync("rm", ["-rf", "--", path], { stdio: "ignore" });
    if (!existsSync(path) || removeTree(path)) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REMOVAL.pause);
  }
}
