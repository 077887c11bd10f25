// What an update changed, package by package: two sections of a lock in, data for people and `--json` out.

import { compareVersions } from "../../formats/debian-version.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { LockChange, LockSection } from "../../model/lock.ts";

/**
 * Lists what differs between two sections, sorted by name.
 *
 * @param before Undefined when there was no such section: everything is added.
 * @param after Undefined when there is none any more: everything is removed.
 */
export function describeChanges(
  before: LockSection | undefined,
  after: LockSection | undefined,
): LockChange[] {
  const old = new Map(Object.entries(before?.packages ?? {}));
  const next = new Map(Object.entries(after?.packages ?? {}));
  const names = [...new Set([...old.keys(), ...next.keys()])].sort(compareStrings);
  return names.flatMap((name): LockChange[] => {
    const from = old.get(name);
    const to = next.get(name);
    if (from === undefined) return [{ kind: "added", name, to: to!.version }];
    if (to === undefined) return [{ kind: "removed", name, from: from.version }];
    const order = compareVersions(from.version, to.version);
    if (order === 0 && from.version === to.version && from.sha256 === to.sha256) return [];
    const kind = order < 0 ? "upgraded" : order > 0 ? "downgraded" : "replaced";
    return [{ kind, name, from: from.version, to: to.version }];
  });
}
