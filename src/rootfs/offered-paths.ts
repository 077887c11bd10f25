// What installing packages makes beside their files: a composed root file system in, the paths that no tree has out,
// each with the file that is found there. Inference lets a name of such a path count as a name of the file.

import type { BytePath } from "../model/bytes.ts";
import { resolveLinkTarget } from "../model/bytes.ts";
import type { OfferedPath } from "../model/closure.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import type { FileEntry } from "../model/tree.ts";

const MAX_LINKS = 16;

/**
 * Lists the links and configuration files that were made because of an object.
 *
 * A link leads to the file at its end. A file that was written leads to the object's own file with the same bytes: its
 * template; one whose bytes no file of the object has is left out.
 */
export function listOfferedPaths(rootFileSystem: RootFileSystem): OfferedPath[] {
  const templates = new Map<string, ReadonlyMap<string, BytePath>>();
  const files = new Map(rootFileSystem.units.map(({ id, entries }) => [id, entries]));
  const templatesOf = (object: string): ReadonlyMap<string, BytePath> => {
    let found = templates.get(object);
    if (found === undefined) {
      const own = (files.get(object) ?? []).filter((entry): entry is FileEntry => entry.type === "file");
      found = new Map(own.map((entry) => [entry.content.sha256, entry.path]));
      templates.set(object, found);
    }
    return found;
  };
  return rootFileSystem.report.flatMap(({ action, path, because }): OfferedPath[] => {
    if (path === undefined || because === undefined) return [];
    const entry = rootFileSystem.merged.get(path);
    if (action === "link" && entry?.type === "symlink") {
      const target = followLinks(rootFileSystem, path);
      return target === undefined ? [] : [{ object: because, path, target }];
    }
    if (action === "write" && entry?.type === "file") {
      const target = templatesOf(because).get(entry.content.sha256);
      return target === undefined ? [] : [{ object: because, path, target }];
    }
    return [];
  });
}

/** The path at the end of a chain of links; undefined for a chain that ends nowhere. */
function followLinks({ merged }: RootFileSystem, path: BytePath): BytePath | undefined {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const entry = merged.get(at);
    if (entry === undefined) return undefined;
    if (entry.type !== "symlink") return at;
    at = resolveLinkTarget(at, entry.target);
  }
  return undefined;
}
