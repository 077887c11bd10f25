// Follows a path through symbolic links, as Linux does below a root directory. Pure: what is at a path is asked for.

import { type BytePath, joinPath, parentPath, ROOT_PATH } from "./bytes.ts";

/** Links followed in one lookup, as in Linux. */
const MOST_LINKS = 40;

export type Walk =
  | { readonly kind: "arrived"; readonly path: BytePath }
  /** The canonical path of the first thing that is not there, and the components behind it. */
  | { readonly kind: "missing"; readonly path: BytePath; readonly rest: readonly string[] }
  /** Links lead round in a circle. */
  | { readonly kind: "circular" };

export interface WalkOptions {
  /** Whether a link at the very end is followed. */
  readonly followLast: boolean;
  /** Whether what is not there is taken as written, and the walk goes on. */
  readonly throughMissing: boolean;
}

/**
 * Walks a path.
 *
 * @param path Absolute, or relative to the root; `..` stops at the root.
 * @param entryAt What is at a canonical path; links have a target. A file on the way holds nothing.
 */
export function walkPath(
  path: string,
  entryAt: (path: BytePath) => { readonly type: string; readonly target?: string } | undefined,
  { followLast, throughMissing }: WalkOptions,
): Walk {
  const pending = path.split("/").reverse();
  let at = ROOT_PATH;
  let links = 0;
  while (pending.length > 0) {
    const part = pending.pop()!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = parentPath(at);
      continue;
    }
    const next = joinPath(at, part);
    const entry = entryAt(next);
    if (entry === undefined && !throughMissing) {
      return { kind: "missing", path: next, rest: pending.toReversed() };
    }
    if (entry?.type !== "symlink" || (pending.length === 0 && !followLast)) {
      at = next;
      continue;
    }
    if (++links > MOST_LINKS) return { kind: "circular" };
    const target = entry.target!;
    if (target.startsWith("/")) at = ROOT_PATH;
    pending.push(...target.split("/").reverse());
  }
  return { kind: "arrived", path: at };
}
