// What a program of the image is shown when it is run: the image as it is; and, for one that is left out of it or does
// not start without what is left out, the programs and libraries of its packages as well.

import { createHash } from "node:crypto";
import type { ProgramRun } from "../model/root-file-system.ts";
import type { TreeEntry } from "../model/tree.ts";
import { createTree, type Tree } from "../model/tree.ts";
import type { Root } from "./root.ts";

/**
 * Programs, and libraries and modules where every program finds them (Debian's policies for Perl and Python); plug-ins
 * are elsewhere, and must not be taken for present.
 */
const NEEDED =
  /^(?:usr\/)?(?:(?:s?bin|libexec|lib(?:32|64|x32)?|lib\/[^/]+-linux-[^/]+)\/[^/]+$|(?:share|lib\/[^/]+-linux-[^/]+)\/perl(?:5|-base)?\/|lib\/python3[^/]*\/)/;

/**
 * The tree of a sandbox.
 *
 * @param besides Ids of the units whose files are shown beside the image; undefined for the image alone.
 */
export function programTree(
  root: Root,
  runs: readonly ProgramRun[],
  besides: ReadonlySet<string> | undefined,
): Tree {
  const image = root.list().map(({ entry }) => entry);
  if (besides === undefined) return { entries: image };
  const programs = new Set(runs.map(({ program }) => root.resolve(`/${program}`, true)));
  const needed = root.listAbsent().flatMap(({ entry, unit }) => {
    const isShown = besides.has(unit) && (NEEDED.test(entry.path) || programs.has(entry.path));
    return isShown ? [entry] : [];
  });
  return addBeside(image, needed);
}

function addBeside(image: readonly TreeEntry[], beside: readonly TreeEntry[]): Tree {
  const files = createTree([...beside, ...image]).entries;
  // A file of a package that the image replaces by a link, or the like, takes what is below it along.
  const directories = new Set<string>(
    files.flatMap(({ path, type }) => (type === "directory" ? [path] : [])),
  );
  const taken = new Set<string>(files.flatMap(({ path, type }) => (type === "directory" ? [] : [path])));
  const isReachable = ({ path }: TreeEntry) => {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const parent = path.slice(0, slash);
      if (taken.has(parent)) return false;
      if (directories.has(parent)) return true;
    }
    return true;
  };
  return { entries: files.filter(isReachable) };
}

/** The same for trees that no program can tell from each other. */
export function computeTreeKey(tree: Tree): string {
  const hash = createHash("sha256");
  for (const entry of tree.entries) {
    const { type, path, mode, uid, gid } = entry;
    const what =
      entry.type === "file"
        ? [entry.content.sha256, entry.inode ?? ""]
        : entry.type === "symlink"
          ? [entry.target]
          : [];
    hash.update(`${JSON.stringify([type, path, mode, uid, gid, ...what])}\n`);
  }
  return hash.digest("hex");
}
