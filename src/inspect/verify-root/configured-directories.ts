// /etc/ld.so.conf with what it includes → the directories that ldconfig would put into the cache.

import { parseLdSoConf } from "../../formats/ld-so-conf.ts";
import { compileShellPattern, toPatternChars } from "../../formats/posix-pattern.ts";
import type { BytePath } from "../../model/bytes.ts";
import type { RootView } from "../root-view.ts";

const LARGEST_CONF = 1 << 20;
const DEEPEST_INCLUDE = 8;

/** Canonical paths of directories that exist. */
export function readConfiguredDirectories(root: RootView): ReadonlySet<BytePath> {
  const directories = new Set<BytePath>();
  const read = (file: string, depth: number) => {
    const text = root.readSmall(file, LARGEST_CONF)?.toString("latin1") ?? "";
    for (const line of parseLdSoConf(text)) {
      if (line.kind === "directory") {
        const directory = root.findDirectory(line.path);
        if (directory !== undefined) directories.add(directory);
      } else if (depth < DEEPEST_INCLUDE) {
        for (const included of matchFiles(root, file, line.pattern)) read(included, depth + 1);
      }
    }
  };
  read("/etc/ld.so.conf", 0);
  return directories;
}

/** Paths that match a pattern whose last component alone has wildcards, sorted. */
function matchFiles(root: RootView, from: string, pattern: string): string[] {
  const absolute = pattern.startsWith("/") ? pattern : `${from.slice(0, from.lastIndexOf("/"))}/${pattern}`;
  const folder = absolute.slice(0, absolute.lastIndexOf("/"));
  const expression = compileShellPattern(toPatternChars(absolute.slice(folder.length + 1)), "path");
  const directory = root.findDirectory(folder);
  if (directory === undefined || expression === undefined) return [];
  return root
    .names(directory)
    .filter((name) => expression.test(name))
    .map((name) => `${folder}/${name}`);
}
