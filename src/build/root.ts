// The root file system of a build: the tree of its packages as a directory in the cache, made once for each set of them.

import { createTree, type TreeEntry } from "../model/tree.ts";
import { markUsed, trimFolder } from "../platform/cache-entries.ts";
import { makeDirectories, onDisk, temporaryName } from "../platform/disk.ts";
import { possibleMappings } from "../platform/sandbox/identity.ts";
import { openSandbox } from "../platform/sandbox/sandbox.ts";
import { existsInStore, renameDirectory } from "../platform/store-files.ts";
import type { BuildContext } from "./job.ts";

/** Roots are some hundred megabytes each. */
const KEPT_ROOTS = 16;

const running = new Map<string, Promise<string>>();

/**
 * Writes a root file system to the cache, unless it is there.
 *
 * @param key What decides its content.
 * @param compose Gives its entries, in any order; the last of those with one path counts.
 * @returns The absolute path of the directory.
 */
export function prepareBuildRoot(
  key: string,
  compose: () => Promise<readonly TreeEntry[]>,
  context: Pick<BuildContext, "cache" | "progress" | "signal">,
): Promise<string> {
  let promise = running.get(key);
  if (promise === undefined) {
    promise = prepare(key, compose, context);
    running.set(key, promise);
    promise.then(
      () => running.delete(key),
      () => running.delete(key),
    );
  }
  return promise;
}

async function prepare(
  key: string,
  compose: () => Promise<readonly TreeEntry[]>,
  context: Pick<BuildContext, "cache" | "progress" | "signal">,
): Promise<string> {
  const place = context.cache.path("roots", key);
  if (existsInStore(place)) {
    markUsed(place);
    return place;
  }
  const stage = context.progress.stage("preparing the build root");
  const tree = createTree(await compose());
  await using sandbox = await openSandbox(
    context,
    possibleMappings().filter(({ kind }) => kind !== "subordinate"),
  );
  const temporary = temporaryName(place);
  makeDirectories(temporary);
  await sandbox.materialise(tree, temporary);
  // Its own time is that of all trees, long ago.
  markUsed(temporary);
  onDisk(`create ${place}`, () => renameDirectory(temporary, place));
  stage.done(`${tree.entries.length} files and directories`);
  trimFolder(context.cache.root, "roots", { keep: KEPT_ROOTS, idleSeconds: 3600 });
  return place;
}
