// Several trees → one of symbolic links: all directories merged and a link for each file, or, as nix-env makes profiles,
// one link for a directory that only one of them has.

import { posix } from "node:path";
import { type ByteString, decodeByteString, encodeByteString } from "../model/bytes.ts";
import type { StorePath } from "../model/store-path.ts";
import type { TreeInstruction } from "../model/tree-instructions.ts";
import { listTree, type StoreDirectory } from "../platform/directory-entries.ts";
import type { TreeMaker } from "../platform/tree-maker.ts";
import { BuildError } from "./errors.ts";

type JoinInstruction = TreeInstruction & { readonly type: "join" };

/** A tree of the store, and where that really is. */
export interface JoinedTree {
  readonly path: StorePath;
  /** Absolute path. */
  readonly physical: string;
}

/** What is at one path of the result: a directory of several trees, or a thing of one. */
type Node =
  | { readonly kind: "link"; readonly target: string; readonly directory: StoreDirectory | undefined }
  | { readonly kind: "directory"; readonly children: Map<string, Node> };

/** Throws, or says nothing when one of two things at one path is good enough. */
type Refuse = (first: string, second: string, path: string) => void;

/**
 * Joins trees.
 *
 * @param isSame Whether two paths of the store lead to equal files.
 * @throws {BuildError} `BUILTIN_INVALID` when two trees have different files with one name and that is not allowed.
 */
export function joinTrees(
  name: string,
  trees: readonly JoinedTree[],
  described: JoinInstruction,
  maker: TreeMaker,
  isSame: (first: string, second: string) => boolean,
): void {
  const refuse = (first: string, second: string, path: string): void => {
    if (described.collisions === "first" || isSame(first, second)) return;
    throw new BuildError(
      "BUILTIN_INVALID",
      `Cannot join ${show(second)} in ${name}: ${show(first)} has the same place, ${show(path)}`,
      { hint: "Write ignoreCollisions: true to take the first, or leave one of them out" },
    );
  };
  const instruction = {
    ...described,
    pathsToLink: (described.pathsToLink ?? ["/"]).map((path) => encodeByteString(path)),
  };
  const root: Node = { kind: "directory", children: new Map() };
  for (const { path, physical } of trees) {
    const directory = listTree(physical);
    if (directory === undefined) {
      throw new BuildError(
        "BUILTIN_INVALID",
        `Cannot join ${path} in ${name}: it is a file, a directory was expected`,
        {
          hint: "Put the file into a directory: writeTextDir(), writeScriptBin()",
        },
      );
    }
    merge(root, directory, path, "", instruction, refuse);
  }
  const prefix = encodeByteString(instruction.prefix ?? "");
  write(root, prefix, "", instruction, maker);
}

/** Paths are byte strings here. */
function show(path: string): string {
  return decodeByteString(path as ByteString);
}

function merge(
  into: Node & { readonly kind: "directory" },
  directory: StoreDirectory,
  source: string,
  path: string,
  instruction: JoinInstruction,
  refuse: Refuse,
): void {
  for (const entry of directory.entries()) {
    const below = posix.join(path, entry.name);
    if (!isWanted(below, instruction)) continue;
    const target = `${source}/${entry.name}`;
    const existing = into.children.get(entry.name);
    if (existing === undefined) {
      into.children.set(entry.name, { kind: "link", target, directory: entry.directory });
      continue;
    }
    const merged = toDirectory(existing, below, instruction, refuse);
    if (merged !== undefined && entry.directory !== undefined) {
      into.children.set(entry.name, merged);
      merge(merged, entry.directory, target, below, instruction, refuse);
    } else {
      refuse(existing.kind === "link" ? existing.target : "a directory of the others", target, below);
    }
  }
}

/** A directory that so far is one link, opened so that others can be merged into it. */
function toDirectory(
  node: Node,
  path: string,
  instruction: JoinInstruction,
  refuse: Refuse,
): (Node & { readonly kind: "directory" }) | undefined {
  if (node.kind === "directory") return node;
  if (node.directory === undefined) return undefined;
  const opened = { kind: "directory" as const, children: new Map<string, Node>() };
  merge(opened, node.directory, node.target, path, instruction, refuse);
  return opened;
}

/** Whether a path is below one of `pathsToLink`, or above one. */
function isWanted(path: string, { pathsToLink = ["/"] }: JoinInstruction): boolean {
  return pathsToLink.some((wanted) => {
    const other = wanted.replace(/^\/+|\/+$/g, "");
    return other === "" || path === other || path.startsWith(`${other}/`) || other.startsWith(`${path}/`);
  });
}

function write(
  node: Node,
  path: string,
  place: string,
  instruction: JoinInstruction,
  maker: TreeMaker,
): void {
  if (node.kind === "link") {
    const isFolded = instruction.foldDirectories === true && isWhole(place, instruction);
    if (node.directory === undefined || isFolded) {
      maker.symlink(path, node.target);
      return;
    }
    const opened = { kind: "directory" as const, children: new Map<string, Node>() };
    merge(opened, node.directory, node.target, place, instruction, () => {});
    write(opened, path, place, instruction, maker);
    return;
  }
  maker.directory(path);
  for (const [name, child] of node.children) {
    write(child, posix.join(path, name), posix.join(place, name), instruction, maker);
  }
}

/** Whether all that is below a path is wanted, so that one link may stand for it. */
function isWhole(path: string, { pathsToLink = ["/"] }: JoinInstruction): boolean {
  return pathsToLink.some((wanted) => {
    const other = wanted.replace(/^\/+|\/+$/g, "");
    return other === "" || path === other || path.startsWith(`${other}/`);
  });
}
