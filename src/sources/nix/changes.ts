// What an update changed: store paths are compared by what they are called without version, since the paths themselves
// always differ.

import { compareStrings } from "../../model/bytes.ts";
import type { LockChange, LockSection, Pin } from "../../model/lock.ts";
import { nameOf, type StorePath } from "../../model/store-path.ts";
import { versionOf } from "./lock.ts";

/** Lists what differs between two sections, sorted by name; see {@link Source.describeChanges}. */
export function describeChanges(
  before: LockSection | undefined,
  after: LockSection | undefined,
): LockChange[] {
  const old = groupByTitle(before);
  const next = groupByTitle(after);
  const titles = [...new Set([...old.keys(), ...next.keys()])].sort(compareStrings);
  return titles.flatMap((title): LockChange[] => {
    const gone = (old.get(title) ?? []).filter(({ name }) => !Object.hasOwn(after?.packages ?? {}, name));
    const come = (next.get(title) ?? []).filter(({ name }) => !Object.hasOwn(before?.packages ?? {}, name));
    const [from, to] = [gone[0], come[0]];
    if (gone.length === 1 && come.length === 1) return [describeReplacement(title, from!, to!)];
    return [
      ...gone.map(({ version }): LockChange => ({ kind: "removed", name: title, from: version })),
      ...come.map(({ version }): LockChange => ({ kind: "added", name: title, to: version })),
    ];
  });
}

function groupByTitle(section: LockSection | undefined): Map<string, Pin[]> {
  return Map.groupBy(Object.values(section?.packages ?? {}), ({ name }) => titleOf(name as StorePath));
}

/** The name without its version. */
function titleOf(path: StorePath): string {
  const version = versionOf(path);
  const name = nameOf(path);
  return version === undefined ? name : name.slice(0, -version.length - 1);
}

function describeReplacement(name: string, { version: from }: Pin, { version: to }: Pin): LockChange {
  const order = compareVersions(from, to);
  const kind = from === to || order === 0 ? "replaced" : order < 0 ? "upgraded" : "downgraded";
  return { kind, name, from, to };
}

/** As Nix compares versions: numbers as numbers, and before any number what has letters. */
function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.match(/\d+|[A-Za-z]+/g) ?? [];
  const [x, y] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const [left = "", right = ""] = [x[i], y[i]];
    const numbers = [left, right].map((part) => (/^\d+$/.test(part) ? Number(part) : undefined));
    const order =
      numbers[0] !== undefined && numbers[1] !== undefined
        ? numbers[0] - numbers[1]
        : numbers[0] !== undefined
          ? 1
          : numbers[1] !== undefined
            ? -1
            : compareStrings(left, right);
    if (order !== 0) return order;
  }
  return 0;
}
