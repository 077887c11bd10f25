// What an update changed, package by package: two sections of a lock in, data for people and `--json` out.

import { compare, valid } from "semver";
import { compareStrings } from "../../model/bytes.ts";
import type { LockChange, LockSection } from "../../model/lock.ts";

/** Lists what differs between two sections, sorted by name; see {@link Source.describeChanges}. */
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
    if (from.version === to.version && from.sha256 === to.sha256) return [];
    const order = compareVersions(from.version, to.version);
    const kind = order < 0 ? "upgraded" : order > 0 ? "downgraded" : "replaced";
    return [{ kind, name, from: from.version, to: to.version }];
  });
}

function compareVersions(a: string, b: string): number {
  return valid(a) !== null && valid(b) !== null ? compare(a, b) : compareStrings(a, b);
}
