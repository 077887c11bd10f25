// Requests → tare.lock: read, made or completed. The only step that asks what is newest.

import { compareStrings } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { Context } from "../model/context.ts";
import { type Lock, type LockChange, type LockSection, sectionKey } from "../model/lock.ts";
import { writeFileAtomically } from "../platform/disk.ts";
import { readText } from "../platform/files.ts";
import type { Evaluated } from "./evaluate.ts";
import {
  groupRequests,
  listBuildRequests,
  missingNames,
  type RequestGroup,
  readRequests,
  sectionOf,
  withBases,
} from "./requests.ts";
import { loadSource } from "./sources.ts";

export interface Locked {
  readonly lock: Lock;
  /** What was there before; undefined on first use. */
  readonly previous: Lock | undefined;
  /** Whether the file was written. */
  readonly written: boolean;
}

/**
 * Reads the lock, and makes or completes it as the mode allows.
 *
 * @param mode `frozen`: as it is or not at all. `use`: made or completed when it lacks something. `update`: all is
 *   resolved anew.
 * @param options `allowOlder`: releases may be older than those of the lock.
 * @throws {LockError} `LOCK_MISSING` or `LOCK_INCOMPLETE` when frozen; `LOCK_ROLLBACK` when resolved; `LOCK_INVALID` always.
 */
export async function resolveLock(
  { specs, lockFile }: Evaluated,
  mode: "frozen" | "use" | "update",
  context: Context,
  options: { readonly allowOlder?: boolean } = {},
): Promise<Locked> {
  const { formatLock, LockError, parseLock, refuseRollbacks } = await import("../formats/lock-file.ts");
  context.cache.tidy();
  const text = readText(lockFile);
  const previous = text === undefined ? undefined : parseLock(text, lockFile);
  const asked = await Promise.all(
    specs
      .flatMap(withBases)
      .map(async (one) => [...(await readRequests(one, context)).requests, ...listBuildRequests(one)]),
  );
  const groups = groupRequests(asked.flat());
  if (groups.length === 0 && previous === undefined) {
    return { lock: { version: 1, sections: [] }, previous, written: false };
  }
  const missing = groups.flatMap((group) => missingNames(previous, group));
  if (mode === "frozen" && previous === undefined) {
    throw new LockError(
      "LOCK_MISSING",
      `Cannot build from ${lockFile}: there is no such file, and --frozen forbids to make it`,
      {
        hint: "Run tare lock, and commit tare.lock",
      },
    );
  }
  if (mode === "frozen" && missing.length > 0) {
    throw new LockError(
      "LOCK_INCOMPLETE",
      `Cannot build from ${lockFile}: it does not pin ${missing.join(", ")}`,
      {
        hint: "Run tare lock, and commit tare.lock",
      },
    );
  }
  if (previous !== undefined && missing.length === 0 && mode !== "update") {
    return { lock: previous, previous, written: false };
  }
  const sections: LockSection[] = [];
  for (const group of groups) {
    const section = sectionOf(previous, group);
    if (section !== undefined && missingNames(previous, group).length === 0 && mode !== "update")
      sections.push(section);
    else
      sections.push(
        await (await loadSource(group.source)).lock(group.scope, group.names, group.mirrors, context),
      );
  }
  if (mode !== "update") sections.push(...sectionsOfOtherArchitectures(previous, groups));
  const lock: Lock = { version: 1, sections };
  if (options.allowOlder !== true) refuseRollbacks(previous, lock, lockFile);
  const next = formatLock(lock);
  const written = next !== text?.replaceAll("\r\n", "\n");
  if (written) writeFileAtomically(lockFile, next);
  return { lock: parseLock(next, lockFile), previous, written };
}

/** What was locked for an architecture that is not asked for this time, but was with --platform. */
function sectionsOfOtherArchitectures(
  lock: Lock | undefined,
  groups: readonly RequestGroup[],
): LockSection[] {
  const withoutArchitecture = ({ source, scope }: Pick<RequestGroup, "source" | "scope">) =>
    formatCanonicalJson({ source, scope: { ...scope, architecture: undefined } });
  const alike = new Set(groups.map(withoutArchitecture));
  return (lock?.sections ?? []).filter(
    (section) =>
      alike.has(withoutArchitecture(section)) &&
      groups.every((group) => sectionKey(group) !== sectionKey(section)),
  );
}

/** What differs between the lock before and now: by source and scope, then by name. */
export async function describeLockChanges({ lock, previous }: Locked): Promise<LockChange[]> {
  const sections = [...lock.sections, ...(previous?.sections ?? [])];
  const keys = [...new Set(sections.map(sectionKey))].sort(compareStrings);
  const find = (where: Lock | undefined, key: string) =>
    where?.sections.find((section) => sectionKey(section) === key);
  const changes = keys.map(async (key) => {
    const source = await loadSource(sections.find((section) => sectionKey(section) === key)!.source);
    return source.describeChanges(find(previous, key), find(lock, key));
  });
  return (await Promise.all(changes)).flat();
}
