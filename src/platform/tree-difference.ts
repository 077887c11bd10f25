// Two trees on disk → what differs between them, by path.

import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { type BytePath, decodeByteString, ROOT_PATH } from "../model/bytes.ts";
import { entryPath, listEntries } from "./directory-entries.ts";
import { onDisk } from "./disk.ts";

export interface TreeDifference {
  readonly path: BytePath;
  readonly kind: "only-first" | "only-second" | "type" | "mode" | "target" | "content";
  /** Offset of the first byte that differs, and the bytes there; for contents. */
  readonly offset?: number;
  readonly first?: string;
  readonly second?: string;
}

/** Bytes that are shown on each side. */
const SHOWN = 16;

/** Lists what differs, in the order of paths. */
export function listDifferences(first: string, second: string): TreeDifference[] {
  const differences: TreeDifference[] = [];
  const compare = (path: BytePath): void => {
    const [a, b] = [first, second].map((root) =>
      onDisk(`look at ${root}`, () => lstatSync(entryPath(root, path))),
    );
    const typeOf = (stats: typeof a) => (stats!.isDirectory() ? "d" : stats!.isSymbolicLink() ? "l" : "f");
    if (typeOf(a) !== typeOf(b)) differences.push({ path, kind: "type" });
    else if (typeOf(a) === "l") {
      const [from, to] = [first, second].map((root) =>
        readlinkSync(entryPath(root, path), { encoding: "latin1" }),
      );
      if (from !== to) differences.push({ path, kind: "target", first: from!, second: to! });
    } else if (typeOf(a) === "f") {
      if (((a!.mode ^ b!.mode) & 0o111) !== 0) differences.push({ path, kind: "mode" });
      compareContents(path);
    } else compareDirectories(path);
  };
  const compareContents = (path: BytePath): void => {
    const [from, to] = [first, second].map((root) =>
      onDisk(`read ${root}`, () => readFileSync(entryPath(root, path))),
    );
    if (from!.equals(to!)) return;
    let offset = 0;
    while (offset < from!.length && from![offset] === to![offset]) offset++;
    const excerpt = (bytes: Buffer) => bytes.subarray(offset, offset + SHOWN).toString("latin1");
    differences.push({ path, kind: "content", offset, first: excerpt(from!), second: excerpt(to!) });
  };
  const compareDirectories = (path: BytePath): void => {
    const [from, to] = [first, second].map(
      (root) => new Map(listEntries(root, path).map((item) => [item.name, item])),
    );
    for (const [name, item] of from!) {
      if (to!.has(name)) compare(item.path);
      else differences.push({ path: item.path, kind: "only-first" });
    }
    for (const [name, item] of to!)
      if (!from!.has(name)) differences.push({ path: item.path, kind: "only-second" });
  };
  compare(ROOT_PATH);
  return differences;
}

/** Links that are followed before a path is given up. */
const MOST_LINKS = 40;

/**
 * Whether two paths lead to files with the same bytes and the same permission to be executed.
 *
 * @param locate Where an absolute path, as links say it, really is; undefined when it is not to be looked at.
 */
export function leadToSameFile(
  first: string,
  second: string,
  locate: (path: string) => string | undefined,
): boolean {
  const [a, b] = [first, second].map((path) => findFile(path, locate));
  if (a === undefined || b === undefined) return false;
  if (a === b) return true;
  return onDisk(`compare ${a} with ${b}`, () => {
    const [from, to] = [lstatSync(a), lstatSync(b)];
    if (from.size !== to.size || ((from.mode ^ to.mode) & 0o100) !== 0) return false;
    return readFileSync(a).equals(readFileSync(b));
  });
}

function findFile(path: string, locate: (path: string) => string | undefined): string | undefined {
  let current = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const place = locate(current);
    const stats = place === undefined ? undefined : lstatSync(place, { throwIfNoEntry: false });
    if (stats?.isFile()) return place;
    if (!stats?.isSymbolicLink()) return undefined;
    current = posix.resolve(posix.dirname(current), readlinkSync(place!));
  }
  return undefined;
}

/** Says each difference in one line. */
export function formatDifferences(differences: readonly TreeDifference[]): string[] {
  const show = (bytes = ""): string => JSON.stringify(bytes);
  return differences.map(({ path, kind, offset, first, second }) => {
    const name = path === ROOT_PATH ? "the output itself" : decodeByteString(path);
    const texts: Readonly<Record<TreeDifference["kind"], string>> = {
      "only-first": "only the first has it",
      "only-second": "only the second has it",
      type: "of another type",
      mode: "executable in one of them",
      target: `a link to ${show(first)}, then to ${show(second)}`,
      content: `at byte ${offset} ${show(first)}, then ${show(second)}`,
    };
    return `${name}: ${texts[kind]}`;
  });
}
