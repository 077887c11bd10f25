// A lock of npm → the plan of its node_modules: the paths of the lock, links of workspaces, `.bin` directories.

import { compareStrings } from "../../model/bytes.ts";
import { type NodeModulesPlan, type PlacedCommands, relativeTarget } from "./layout.ts";
import type { NpmLock, NpmLockEntry } from "./package-lock.ts";
import { type SelectOptions, selectNpmPackages } from "./select-npm.ts";

/** Plans what `npm ci` installs; errors are those of {@link selectNpmPackages}. */
export function planNpm(lock: NpmLock, options: SelectOptions): NodeModulesPlan {
  const { packages, links, warnings } = selectNpmPackages(lock, options);
  const byPath = (a: { entry: NpmLockEntry }, b: { entry: NpmLockEntry }) =>
    compareStrings(a.entry.path, b.entry.path);
  const sorted = packages.toSorted(byPath);
  const sortedLinks = links.toSorted(byPath);
  return {
    manager: "npm",
    packages: sorted.map(({ entry, origin }) => ({
      path: entry.path,
      name: entry.name,
      version: entry.version,
      origin,
      hasInstallScript: entry.hasInstallScript,
    })),
    links: sortedLinks.map(({ entry, targetPath }) => ({
      path: entry.path,
      target: relativeTarget(entry.path, targetPath),
    })),
    commands: [
      ...sorted.map(({ entry }) => commandsOf(entry.path, entry.path, entry)),
      ...sortedLinks.map(({ entry, target, targetPath }) => commandsOf(entry.path, targetPath, target)),
    ].filter(({ commands }) => Object.keys(commands ?? {}).length > 0),
    warnings,
  };
}

function commandsOf(via: string, path: string, { manifest }: NpmLockEntry): PlacedCommands {
  const modules = via.slice(0, via.lastIndexOf("node_modules/") + "node_modules".length);
  return { directory: `${modules}/.bin`, via, path, commands: manifest.bin };
}
