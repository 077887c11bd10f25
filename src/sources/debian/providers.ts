// Who ships a file, for messages: the archive's Contents indices are asked, and what nobody ships is left out.

import type { Context } from "../../model/context.ts";
import type { RequestScope } from "../../model/image-spec.ts";
import { MirrorSet } from "./fetch.ts";
import { findOwners } from "./find-packages.ts";
import { listMirrors, listSnapshotMirrors } from "./mirrors.ts";
import { fetchRelease } from "./release.ts";
import { readScope } from "./scope.ts";
import { readMirrorSettings } from "./settings.ts";
import { suitesOf } from "./suites.ts";

/**
 * Names the packages that ship files; see {@link Source.findProviders}.
 *
 * The release file is fetched in any case: it says which index is meant.
 */
export async function findProviders(
  requestScope: RequestScope,
  requests: readonly string[],
  mirrors: readonly string[],
  context: Context,
  cachedOnly: boolean,
): Promise<Map<string, string[]>> {
  const scope = readScope(requestScope);
  const settings = readMirrorSettings(mirrors);
  // Updates change no sonames and few paths, and their indices are partial.
  const [suite] = suitesOf(scope.suite);
  const set = new MirrorSet(
    scope.snapshot === undefined
      ? listMirrors(suite!, settings)
      : listSnapshotMirrors(suite!.archive, scope.snapshot, settings),
  );
  const { release } = await fetchRelease(suite!, set, scope.snapshot, context);
  const reading = cachedOnly ? { ...context, offline: true } : context;
  return findOwners(requests, [{ suite: suite!, release, mirrors: set }], scope, reading);
}
