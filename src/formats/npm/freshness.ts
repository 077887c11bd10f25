// Whether a lock was made for the manifests that are there: the first dependency that differs is named.

import { satisfies, validRange } from "semver";
import { compareStrings } from "../../model/bytes.ts";
import { NodeLockError } from "./errors.ts";
import { DEPENDENCY_GROUPS, type Dependencies, type DependencyGroup, type Manifest } from "./manifest.ts";
import type { NpmLock, NpmLockEntry } from "./package-lock.ts";
import type { PnpmImporter, PnpmLock } from "./pnpm-lock.ts";

/** The manifests of a project and of its workspaces, by directory relative to it; the project's own is at "". */
export type ProjectManifests = ReadonlyMap<string, Manifest>;

/**
 * Checks that a lock says of every project what its package.json says.
 *
 * @throws {NodeLockError} `LOCK_OUT_OF_DATE`, naming the dependency and what to run.
 */
export function checkFreshness(lock: NpmLock | PnpmLock, manifests: ProjectManifests): void {
  if (lock.kind === "npm") checkNpm(lock, manifests);
  else checkPnpm(lock, manifests);
}

function checkNpm(lock: NpmLock, manifests: ProjectManifests): void {
  const fail = (problem: string) => outOfDate(lock.name, problem, "npm install --package-lock-only");
  for (const [path, manifest] of manifests) {
    const entry = lock.entries.get(path);
    if (entry === undefined) throw fail(`the workspace ${path} is not in it`);
    for (const group of DEPENDENCY_GROUPS) {
      const problem = compareGroup(group, manifest[group], entry.manifest[group], (name, wanted) =>
        satisfiesRange(lockedVersion(lock, path, name), wanted),
      );
      if (problem !== undefined) throw fail(`${fileOf(path)} ${problem}`);
    }
  }
  for (const entry of lock.entries.values()) {
    const path = entry.link ? entry.resolved : undefined;
    if (path !== undefined && isInProject(path) && !manifests.has(path)) {
      throw fail(`it links ${entry.name} to ${path}, where there is no package.json`);
    }
  }
}

function isInProject(path: string): boolean {
  return path !== ".." && !path.startsWith("../") && !path.startsWith("/");
}

function lockedVersion(lock: NpmLock, path: string, name: string): string | undefined {
  const at = (prefix: string): NpmLockEntry | undefined => lock.entries.get(`${prefix}node_modules/${name}`);
  return (at(path === "" ? "" : `${path}/`) ?? at(""))?.version;
}

/** A changed range that what is locked satisfies changes nothing, as with `npm ci`. */
function satisfiesRange(version: string | undefined, range: string): boolean {
  return version !== undefined && validRange(range) !== null && satisfies(version, range);
}

function checkPnpm(lock: PnpmLock, manifests: ProjectManifests): void {
  const fail = (problem: string) => outOfDate(lock.name, problem, "pnpm install --lockfile-only");
  for (const [path, manifest] of manifests) {
    const importer = lock.importers.get(path);
    if (importer === undefined) {
      if (DEPENDENCY_GROUPS.every((group) => Object.keys(manifest[group]).length === 0)) continue;
      throw fail(`the project ${fileOf(path)} is not in it`);
    }
    for (const group of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
      const problem = compareGroup(
        group,
        without(wantedOf(manifest, group), lock.overrides),
        without(lockedOf(importer, group, manifest), lock.overrides),
        () => false,
      );
      if (problem !== undefined) throw fail(`${fileOf(path)} ${problem}`);
    }
  }
  for (const path of lock.importers.keys()) {
    if (!manifests.has(path)) throw fail(`it has the project ${path}, where there is no package.json`);
  }
}

/** As pnpm reads a manifest: what is in several groups is optional rather than needed, and needed rather than dev. */
function wantedOf(manifest: Manifest, group: Exclude<DependencyGroup, "peerDependencies">): Dependencies {
  if (group !== "devDependencies") return manifest[group];
  const stronger = new Set(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }));
  return without(manifest.devDependencies, stronger);
}

/** What the lock has; peers that pnpm installs by itself are dependencies there, and are nobody's mistake. */
function lockedOf(
  importer: PnpmImporter,
  group: Exclude<DependencyGroup, "peerDependencies">,
  manifest: Manifest,
): Dependencies {
  const entries = [...importer[group]].map(([name, { specifier }]) => [name, specifier] as const);
  return Object.fromEntries(
    entries.filter(
      ([name, specifier]) =>
        Object.hasOwn(manifest[group], name) ||
        !Object.hasOwn(manifest.peerDependencies, name) ||
        manifest.peerDependencies[name] !== specifier,
    ),
  );
}

function without(dependencies: Dependencies, names: ReadonlySet<string>): Dependencies {
  return Object.fromEntries(Object.entries(dependencies).filter(([name]) => !names.has(name)));
}

/** The first difference of a group, as the end of a sentence about the package.json; undefined when there is none. */
function compareGroup(
  group: DependencyGroup,
  wanted: Dependencies,
  locked: Dependencies,
  isHarmless: (name: string, wanted: string) => boolean,
): string | undefined {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(locked)])].sort(compareStrings);
  for (const name of names) {
    const [mine, theirs] = [specifierOf(wanted, name), specifierOf(locked, name)];
    if (mine === theirs) continue;
    if (mine === undefined) return `does not name ${name} in ${group}, where the lock has it`;
    if (theirs === undefined) return `names ${name} ${mine} in ${group}, where the lock does not have it`;
    if (!isHarmless(name, mine)) return `wants ${name} ${mine}, the lock was made for ${theirs}`;
  }
  return undefined;
}

function specifierOf(dependencies: Dependencies, name: string): string | undefined {
  return Object.hasOwn(dependencies, name) ? dependencies[name] : undefined;
}

function fileOf(path: string): string {
  return path === "" ? "package.json" : `${path}/package.json`;
}

function outOfDate(lockName: string, problem: string, remake: string): NodeLockError {
  return new NodeLockError(
    "LOCK_OUT_OF_DATE",
    `Cannot install from ${lockName}: it is out of date, ${problem}`,
    { hint: `Run ${remake}, and commit ${lockName}` },
  );
}
