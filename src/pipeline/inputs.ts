// What of this machine an image is made from: where to look for changes.

import { dirname, join } from "node:path";
import { compareStrings, decodeByteString, ROOT_PATH } from "../model/bytes.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import { listTree, type StoreDirectory } from "../platform/directory-entries.ts";
import { pathKind } from "../platform/files.ts";
import type { WatchedPaths } from "../platform/watch.ts";
import { localImagePath } from "./build-inputs.ts";
import type { Evaluated } from "./evaluate.ts";

/**
 * Where to look for changes of an image.
 *
 * @param evaluated In a round, so that the modules are known.
 */
export function listWatched({ specs, modules, lockFile }: Evaluated): WatchedPaths {
  const { files, directories } = listInputs(specs);
  return { files: [...files, ...modules, lockFile], directories };
}

/** Where the local files and source trees of some images are; directories that a filter leaves out are not among them. */
export function listInputs(specs: readonly ImageSpec[]): WatchedPaths {
  const files = new Set<string>();
  const directories = new Set<string>();
  const addTree = (path: string, include: readonly string[] | undefined) => {
    if (pathKind(path) !== "directory") files.add(path);
    else for (const directory of listDirectories(path, include)) directories.add(directory);
  };
  for (const spec of specs) {
    for (const { path } of spec.files) files.add(path);
    for (const node of Object.values(spec.graph)) {
      if (node.kind === "source") addTree(node.path, node.include);
      else if (node.kind === "import") addImport(node.path, files);
    }
    const { base } = spec;
    if (base?.kind === "image") {
      const below = listInputs([base.spec]);
      for (const path of below.files) files.add(path);
      for (const path of below.directories) directories.add(path);
    } else if (base !== undefined) {
      const path = localImagePath(base.reference);
      if (path !== undefined) files.add(pathKind(path) === "directory" ? join(path, "index.json") : path);
    }
  }
  return { files, directories };
}

/** A project is known by its own files, not by what is installed in it: those that lie beside its lock. */
function addImport(path: string, files: Set<string>): void {
  const directory = pathKind(path) === "directory" ? path : dirname(path);
  const tree = listTree(directory);
  for (const { name, directory: below } of tree?.entries() ?? []) {
    if (below === undefined) files.add(join(directory, decodeByteString(name)));
  }
}

function listDirectories(root: string, include: readonly string[] | undefined): string[] {
  const chosen = include && new Set(include);
  const found: string[] = [];
  const visit = (directory: StoreDirectory, path: string, below: string): void => {
    found.push(path);
    for (const { name, directory: inner } of directory.entries()) {
      const at = below === ROOT_PATH ? name : `${below}/${name}`;
      if (inner === undefined || (chosen !== undefined && !chosen.has(at))) continue;
      visit(inner, join(path, decodeByteString(name)), at);
    }
  };
  const tree = listTree(root);
  if (tree !== undefined) visit(tree, root, ROOT_PATH);
  return found.sort(compareStrings);
}
