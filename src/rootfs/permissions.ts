// Owners and modes that image.ts gives to files of some units: a root file system in, the same with these out. Pure.

import { type BytePath, decodeByteString } from "../model/bytes.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import type { DirectoryEntry, TreeEntry } from "../model/tree.ts";

/** Whose files get which attributes. */
export interface PermissionRule {
  /** Ids. */
  readonly units: ReadonlySet<string>;
  /** Looked for in absolute paths. */
  readonly regex: string;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Applies rules in their order; of several for one file the last counts. A directory is the same in all units. */
export function applyPermissions(
  rootFileSystem: RootFileSystem,
  rules: readonly PermissionRule[],
): RootFileSystem {
  if (rules.length === 0) return rootFileSystem;
  const changed = new Map<BytePath, TreeEntry>();
  const compiled = rules.map((rule) => ({ ...rule, pattern: new RegExp(rule.regex) }));
  for (const { id, entries } of rootFileSystem.units) {
    const own = compiled.filter(({ units }) => units.has(id));
    if (own.length === 0) continue;
    for (const entry of entries) {
      const path = `/${decodeByteString(entry.path)}`;
      const after = own.filter(({ pattern }) => pattern.test(path)).reduce(withRule, entry);
      if (after !== entry) changed.set(entry.path, after);
    }
  }
  const renew = <Entry extends TreeEntry>(entry: Entry): Entry => {
    const other = changed.get(entry.path);
    return other?.type === entry.type ? (other as Entry) : entry;
  };
  const renewMap = <Entry extends TreeEntry>(map: ReadonlyMap<BytePath, Entry>): Map<BytePath, Entry> =>
    new Map([...map].map(([path, entry]) => [path, renew(entry)]));
  return {
    ...rootFileSystem,
    units: rootFileSystem.units.map((unit) => ({ ...unit, entries: unit.entries.map(renew) })),
    merged: renewMap(rootFileSystem.merged),
    directories: renewMap<DirectoryEntry>(rootFileSystem.directories),
  };
}

function withRule(entry: TreeEntry, { mode, uid, gid }: PermissionRule): TreeEntry {
  const owner = { uid: uid ?? entry.uid, gid: gid ?? entry.gid };
  return entry.type === "symlink" ? { ...entry, ...owner } : { ...entry, ...owner, mode: mode ?? entry.mode };
}
