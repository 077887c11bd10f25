// What inference reports of the files that it keeps: entries, where chains begin, what was dropped, what is wanting.
// An index and a mark for each kept file in, parts of a closure out. Pure.

import { comparePaths } from "../model/bytes.ts";
import type {
  ClosureStart,
  DanglingReference,
  DroppedObject,
  DroppedScript,
  PrunedClass,
} from "../model/closure.ts";
import type { TreeEntry } from "../model/tree.ts";
import type { KindTable } from "./kind-table.ts";
import type { ReasonRecorder } from "./reasons.ts";
import type { TokenIndex, UnitView } from "./token-index.ts";

/** Kinds of what the image itself asks for. */
const STARTS: ReadonlySet<string> = new Set(["root", "entrypoint", "keep"]);
const MADE_AT_RUN_TIME = /^(?:proc|dev|sys|run|tmp|var\/run|etc\/alternatives)(?:\/|$)/;

/** Kept files and the directories above them; directories that are shipped empty stay with their unit. */
export function listEntries(unit: UnitView, kept: Uint8Array, isComplete: boolean): TreeEntry[] {
  const files = unit.files.filter((_, i) => kept[unit.first + i] === 1);
  if (files.length === 0 && !isComplete) return [];
  const needed = new Set<string>();
  const populated = new Set<string>();
  for (const { path } of files) addParents(needed, path);
  for (const { path } of unit.files) addParents(populated, path);
  const directories = unit.directories.filter(({ path }) => needed.has(path) || !populated.has(path));
  for (const { path } of directories) addParents(needed, path);
  const above = unit.directories.filter(({ path }) => needed.has(path));
  return [...new Set([...above, ...directories, ...files])].sort((a, b) => comparePaths(a.path, b.path));
}

/** Whether every file of a unit is kept. */
export function isWhole(unit: UnitView, kept: Uint8Array): boolean {
  for (let file = unit.first; file < unit.end; file++) {
    if (kept[file] === 0) return false;
  }
  return true;
}

/** Files of a class that were left out because nothing names them; empty when there is none. */
export function countMissing(
  name: string,
  index: TokenIndex,
  kept: Uint8Array,
  isOfClass: (unit: UnitView, file: number) => boolean,
): PrunedClass[] {
  let files = 0;
  let size = 0;
  for (const unit of index.units) {
    for (let file = unit.first; file < unit.end; file++) {
      if (kept[file] === 1 || !isOfClass(unit, file)) continue;
      const entry = index.entryOf(file);
      files++;
      if (entry.type === "file") size += entry.size;
    }
  }
  return files === 0 ? [] : [{ name, files, size }];
}

/** Objects of which the image itself asks for a file. */
export function listStarts(index: TokenIndex, kept: Uint8Array, reasons: ReasonRecorder): ClosureStart[] {
  const starts: ClosureStart[] = [];
  for (const unit of index.units) {
    for (let file = unit.first; file < unit.end; file++) {
      const reason = kept[file] === 1 ? reasons.at(file) : undefined;
      if (reason === undefined || !STARTS.has(reason.kind)) continue;
      starts.push({ object: unit.object.id, kind: reason.kind });
      break;
    }
  }
  return starts;
}

/** Declared objects that are not in the image. */
export function listDroppedObjects(index: TokenIndex, included: ReadonlySet<string>): DroppedObject[] {
  const known = new Set(index.units.map(({ object }) => object.id));
  const declaredBy = new Map<string, string[]>();
  for (const { object } of index.units) {
    if (!included.has(object.id)) continue;
    for (const id of new Set(object.declaredReferences)) {
      if (!included.has(id) && known.has(id)) declaredBy.set(id, [...(declaredBy.get(id) ?? []), object.id]);
    }
  }
  return index.units
    .filter((unit) => unit.declared && !included.has(unit.object.id))
    .map(({ object }) => ({ id: object.id, declaredBy: declaredBy.get(object.id) ?? [] }));
}

/**
 * Scripts that were left out.
 *
 * @param isPresent Whether a unit is in the image: a script of another was not dropped but never there.
 */
export function listDroppedScripts(
  index: TokenIndex,
  kept: Uint8Array,
  dropped: ReadonlySet<number>,
  isPresent: (unit: number) => boolean,
): DroppedScript[] {
  const scripts: DroppedScript[] = [];
  for (const file of [...dropped].sort((a, b) => a - b)) {
    if (kept[file] === 1) continue;
    const { unit } = index.view(file);
    const tokens = index.usesOf(file).find(({ kind }) => kind === "shebang")?.tokens ?? [];
    const interpreter = tokens.find((token) => token.startsWith("env "))?.slice(4) ?? `/${tokens[0] ?? ""}`;
    if (!isPresent(unit.number)) continue;
    scripts.push({ object: unit.object.id, path: index.entryOf(file).path, interpreter });
  }
  return scripts;
}

/** What kept files cannot do without, and no kept file is. */
export function listDangling(index: TokenIndex, kept: Uint8Array, kinds: KindTable): DanglingReference[] {
  const dangling: DanglingReference[] = [];
  for (let file = 0; file < kept.length; file++) {
    if (kept[file] === 0) continue;
    const view = index.view(file);
    for (const { kind: name, tokens } of index.usesOf(file)) {
      if (name !== "shebang" && !kinds.hard.has(name)) continue;
      for (const kind of kinds.followersOf(name)) {
        for (const token of tokens) {
          if (name === "symlink" && MADE_AT_RUN_TIME.test(token)) continue;
          const targets = kind.find?.(token, view, index) ?? index.offering(name, token);
          if (targets.some((target) => kept[target] === 1) || isDirectory(index, name, token)) continue;
          dangling.push({
            object: view.unit.object.id,
            path: index.entryOf(file).path,
            kind: name,
            token: kinds.show(name, token),
          });
        }
      }
    }
  }
  return dangling;
}

function isDirectory(index: TokenIndex, kind: string, token: string): boolean {
  return kind === "symlink" && index.ownersOf(index.resolve(token)).length > 0;
}

function addParents(into: Set<string>, path: string): void {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const parent = path.slice(0, end);
    if (into.has(parent)) return;
    into.add(parent);
  }
}
