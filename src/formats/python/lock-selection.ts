// Which packages of a lock are installed for a platform, a set of extras and of dependency groups.

import { compareStrings } from "../../model/bytes.ts";
import { didYouMean } from "../../model/suggest.ts";
import { PythonFormatError } from "./errors.ts";
import type { LockedPackage, PythonLock, UvDependency, UvPackage } from "./lock.ts";
import { createMarkerEnvironment, evaluateMarker, type MarkerEnvironment } from "./marker.ts";
import { normalizeName } from "./names.ts";
import { unknownName } from "./project.ts";
import { formatSpecifiers, matchesSpecifiers } from "./specifier.ts";
import type { PythonPlatform } from "./tags.ts";
import { sourceKey, type UvLock } from "./uv-lock.ts";
import { parseVersion } from "./version.ts";

/** What of a lock is wanted. */
export interface LockSelection {
  readonly platform: PythonPlatform;
  /** Names of extras of the project. */
  readonly extras: readonly string[];
  /** Names of dependency groups. */
  readonly groups: readonly string[];
  /** The project whose dependencies are wanted; undefined is the one at the lock file, or the only one. */
  readonly project?: string | undefined;
}

/**
 * Picks the packages to install.
 *
 * @returns Each name once, sorted; the project itself is among them where the lock has it (its source is a directory).
 * @throws {PythonFormatError} `LOCK_PLATFORM`, `EXTRA_UNKNOWN`, `GROUP_UNKNOWN` or `LOCK_INVALID`
 *
 * Pure.
 */
export function selectPackages(lock: PythonLock, selection: LockSelection): LockedPackage[] {
  checkPython(lock, selection.platform);
  const environment: MarkerEnvironment = {
    ...createMarkerEnvironment(selection.platform),
    extras: new Set(selection.extras.map(normalizeName)),
    groups: new Set(selection.groups.map(normalizeName)),
  };
  const packages =
    lock.kind === "uv"
      ? selectOfUv(lock, environment, selection)
      : lock.kind === "pylock"
        ? selectOfPylock(lock, environment, selection.platform)
        : selectOfRequirements(lock, environment);
  return packages.sort((a, b) => compareStrings(a.name, b.name));
}

function checkPython({ requiresPython, file }: PythonLock, { python }: PythonPlatform): void {
  if (requiresPython === undefined || matchesSpecifiers(requiresPython, parseVersion(python))) return;
  throw new PythonFormatError(
    "LOCK_PLATFORM",
    `use ${file} for Python ${python}`,
    `it is made for Python ${formatSpecifiers(requiresPython)}`,
    { hint: "Take Python from another suite, or change requires-python in pyproject.toml and lock again" },
  );
}

function selectOfPylock(
  lock: Extract<PythonLock, { kind: "pylock" }>,
  environment: MarkerEnvironment,
  platform: PythonPlatform,
): LockedPackage[] {
  refuseUnknown("extra", environment.extras, lock.extras, lock);
  refuseUnknown("group", environment.groups, [...lock.groups, ...lock.defaultGroups], lock);
  const wanted = { ...environment, groups: new Set([...environment.groups, ...lock.defaultGroups]) };
  if (lock.environments?.some((marker) => evaluateMarker(marker, wanted)) === false) {
    throw new PythonFormatError(
      "LOCK_PLATFORM",
      `use ${lock.file} for Python ${platform.python} on Linux ${platform.architecture}`,
      "none of its environments is that platform",
    );
  }
  const chosen = lock.packages.filter(({ marker }) => evaluateMarker(marker, wanted));
  for (const { name, requiresPython } of chosen) {
    if (requiresPython !== undefined && !matchesSpecifiers(requiresPython, parseVersion(platform.python))) {
      throw new PythonFormatError(
        "LOCK_PLATFORM",
        `install ${name} of ${lock.file}`,
        `it is for Python ${formatSpecifiers(requiresPython)}, and the image has ${platform.python}`,
      );
    }
  }
  return refuseTwice(chosen, lock);
}

function selectOfRequirements(
  lock: Extract<PythonLock, { kind: "requirements" }>,
  environment: MarkerEnvironment,
): LockedPackage[] {
  const hint = "A requirements file has neither: name the file that was exported with what you want";
  for (const extra of environment.extras) throw unknownName("extra", extra, [], hint);
  for (const group of environment.groups) throw unknownName("group", group, [], hint);
  const chosen = lock.pins
    .filter(({ marker }) => evaluateMarker(marker, environment))
    .map((pin) => pin.package);
  const same = new Map(chosen.map((one) => [`${one.name} ${one.version} ${sourceKey(one.source)}`, one]));
  return refuseTwice([...same.values()], lock);
}

function refuseTwice(packages: LockedPackage[], { file }: PythonLock): LockedPackage[] {
  const byName = new Map<string, LockedPackage>();
  for (const one of packages) {
    const other = byName.get(one.name);
    if (other !== undefined && one.name !== "") {
      throw new PythonFormatError(
        "LOCK_INVALID",
        `use ${file}`,
        `it asks for ${one.name} ${other.version ?? ""} and ${one.version ?? ""} at once, one version was expected`,
      );
    }
    byName.set(one.name, one);
  }
  return packages;
}

function refuseUnknown(
  kind: "extra" | "group",
  asked: Iterable<string>,
  known: readonly string[],
  { file }: PythonLock,
): void {
  for (const name of asked) {
    if (known.includes(name)) continue;
    const again = file.endsWith("uv.lock")
      ? "Name it in pyproject.toml and run `uv lock`"
      : `Make ${file} again with it, as \`uv export --extra NAME\` or \`--group NAME\` does, and do not name it here`;
    throw unknownName(kind, name, [...new Set(known)].sort(compareStrings), didYouMean(name, known) ?? again);
  }
}

/** Normalised names of the dependency groups that can be asked for. */
export function listGroups(lock: PythonLock, project: string | undefined): string[] {
  if (lock.kind === "requirements") return [];
  if (lock.kind === "pylock") return [...new Set([...lock.groups, ...lock.defaultGroups])];
  const root = findProject(lock, project);
  return [...new Set([...(root?.groups.keys() ?? []), ...(root?.metadata?.groups.keys() ?? [])])];
}

/** The project that a uv.lock is asked about; undefined when that is not clear. */
export function findProject(lock: UvLock, name: string | undefined): UvPackage | undefined {
  const projects = lock.packages.filter(({ source }) => source.kind === "directory");
  if (name !== undefined) return projects.find((one) => one.name === normalizeName(name));
  return (
    projects.find(({ source }) => source.kind === "directory" && source.path === ".") ??
    (projects.length === 1 ? projects[0] : undefined)
  );
}

function selectOfUv(lock: UvLock, environment: MarkerEnvironment, selection: LockSelection): LockedPackage[] {
  const root = findProject(lock, selection.project);
  if (root === undefined) {
    const projects = lock.packages.flatMap(({ name, source }) => (source.kind === "directory" ? [name] : []));
    throw new PythonFormatError(
      "LOCK_INVALID",
      `install ${selection.project === undefined ? "the project" : `the project "${selection.project}"`} of ${lock.file}`,
      projects.length === 0 ? "the lock has no project" : `the lock has ${projects.join(", ")}`,
      { hint: didYouMean(selection.project ?? "", projects) },
    );
  }
  refuseUnknown("extra", environment.extras, [...root.extras.keys(), ...(root.metadata?.extras ?? [])], lock);
  refuseUnknown(
    "group",
    environment.groups,
    [...root.groups.keys(), ...(root.metadata?.groups.keys() ?? [])],
    lock,
  );
  return new UvWalk(lock, root, environment).run();
}

/** Follows the edges of a uv.lock from a project on. */
class UvWalk {
  readonly #lock: UvLock;
  readonly #root: UvPackage;
  readonly #wanted: MarkerEnvironment;
  readonly #environment: MarkerEnvironment;
  readonly #byName: ReadonlyMap<string, readonly UvPackage[]>;
  /** What was followed of each package: the empty text for its own dependencies, else an extra. */
  readonly #done = new Map<UvPackage, Set<string>>();

  constructor(lock: UvLock, root: UvPackage, wanted: MarkerEnvironment) {
    this.#lock = lock;
    this.#root = root;
    this.#wanted = wanted;
    this.#environment = { ...wanted, extras: conflictMarkers(root.name, wanted) };
    this.#byName = Map.groupBy(lock.packages, ({ name }) => name);
  }

  run(): LockedPackage[] {
    const queue: { readonly at: UvPackage; readonly edges: readonly UvDependency[] }[] = [];
    const enter = (at: UvPackage, extras: Iterable<string>) => {
      const done = this.#done.get(at) ?? new Set();
      this.#done.set(at, done);
      for (const extra of ["", ...extras]) {
        if (done.has(extra)) continue;
        done.add(extra);
        queue.push({ at, edges: extra === "" ? at.dependencies : (at.extras.get(extra) ?? []) });
      }
    };
    enter(this.#root, this.#wanted.extras);
    for (const group of this.#wanted.groups)
      queue.push({ at: this.#root, edges: this.#root.groups.get(group) ?? [] });
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const edge of next.edges) {
        if (evaluateMarker(edge.marker, this.#environment)) enter(this.#resolve(next.at, edge), edge.extras);
      }
    }
    return refuseTwice([...this.#done.keys()], this.#lock);
  }

  #resolve(from: UvPackage, edge: UvDependency): UvPackage {
    const candidates = (this.#byName.get(edge.name) ?? []).filter(
      ({ version, source }) =>
        (edge.version === undefined || version === edge.version) &&
        (edge.sourceKey === undefined || sourceKey(source) === edge.sourceKey),
    );
    if (candidates.length === 1) return candidates[0]!;
    throw new PythonFormatError(
      "LOCK_INVALID",
      `use ${this.#lock.file}`,
      `${from.name} asks for ${edge.name} ${edge.version ?? ""}`.trimEnd() +
        (candidates.length === 0 ? ", and the lock does not have it" : ", and the lock has it several times"),
      { hint: "Run `uv lock`" },
    );
  }
}

/**
 * What the markers of a uv.lock with conflicting extras ask: they name a project's extra as `extra-5-depot-new`, its
 * group as `group-5-depot-dev`, the number being the length of the project's name.
 */
function conflictMarkers(project: string, { extras, groups }: MarkerEnvironment): ReadonlySet<string> {
  const scope = `${project.length}-${project}`;
  return new Set([
    ...extras,
    `project-${scope}`,
    ...[...extras].map((extra) => `extra-${scope}-${extra}`),
    ...[...groups].map((group) => `group-${scope}-${group}`),
  ]);
}
