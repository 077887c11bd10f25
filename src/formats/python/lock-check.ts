// Whether a lock fits the pyproject.toml beside it: uv.lock remembers what that file said; of other locks it is asked
// whether they hold what the project depends on.

import { PythonFormatError } from "./errors.ts";
import type { LockedPackage, PythonLock, UvPackage, UvRequirement } from "./lock.ts";
import { findProject } from "./lock-selection.ts";
import { createMarkerEnvironment, evaluateMarker, type Marker } from "./marker.ts";
import { admitSamePythons, areMarkersEquivalent } from "./marker-equivalence.ts";
import type { PythonProject } from "./project.ts";
import { formatRequirement, type Requirement } from "./requirement.ts";
import { formatSpecifiers, matchesSpecifiers } from "./specifier.ts";
import type { PythonPlatform } from "./tags.ts";
import type { UvLock } from "./uv-lock.ts";
import { tryParseVersion } from "./version.ts";

/**
 * Refuses a lock that was made for another state of the project.
 *
 * @param selected What {@link selectPackages} chose, without extras and groups, for locks that are no uv.lock.
 * @throws {PythonFormatError} `LOCK_OUT_OF_DATE`, naming the dependency and what to run.
 */
export function checkLockFitsProject(
  lock: PythonLock,
  project: PythonProject,
  selected: readonly LockedPackage[],
  platform: PythonPlatform,
): void {
  const problem =
    lock.kind === "uv"
      ? findUvProblem(lock, project)
      : findMissing(project.dependencies ?? [], selected, platform);
  if (problem === undefined) return;
  throw new PythonFormatError("LOCK_OUT_OF_DATE", `use ${lock.file}`, `it is out of date: ${problem}`, {
    hint: HINTS[lock.kind],
  });
}

const HINTS: Readonly<Record<PythonLock["kind"], string>> = {
  uv: "Run `uv lock`",
  pylock:
    "Make it again with the tool that wrote it: `uv export --format pylock.toml -o pylock.toml`, or `pip lock`",
  requirements:
    "Make it again with the tool that wrote it: `pip-compile --generate-hashes`, or `uv export --format requirements-txt -o requirements.txt`",
};

function findMissing(
  dependencies: readonly Requirement[],
  selected: readonly LockedPackage[],
  platform: PythonPlatform,
): string | undefined {
  const environment = createMarkerEnvironment(platform);
  const byName = new Map(selected.map((one) => [one.name, one]));
  for (const requirement of dependencies) {
    if (!evaluateMarker(requirement.marker, environment)) continue;
    const locked = byName.get(requirement.name);
    if (locked === undefined)
      return `pyproject.toml asks for "${requirement.text}", and the lock does not have it`;
    const version = locked.version === undefined ? undefined : tryParseVersion(locked.version);
    if (version !== undefined && !matchesSpecifiers(requirement.specifiers, version))
      return `pyproject.toml asks for "${requirement.text}", and the lock has ${locked.name} ${locked.version}`;
  }
  return undefined;
}

function findUvProblem(lock: UvLock, project: PythonProject): string | undefined {
  const root = findProject(lock, project.name);
  if (root === undefined)
    return project.name === undefined ? undefined : `it does not have the project "${project.name}"`;
  return findPythonProblem(lock, project) ?? findRequirementProblem(root, project, lock);
}

function findPythonProblem(lock: UvLock, { requiresPython, uv }: PythonProject): string | undefined {
  // In a workspace, requires-python of the lock is what all projects have in common.
  if (
    requiresPython === undefined ||
    lock.requiresPython === undefined ||
    uv.isWorkspace ||
    lock.members.length > 1
  )
    return undefined;
  if (admitSamePythons(requiresPython, lock.requiresPython)) return undefined;
  return `pyproject.toml has requires-python "${formatSpecifiers(requiresPython)}", and the lock is for "${formatSpecifiers(lock.requiresPython)}"`;
}

interface World {
  readonly project: PythonProject;
  readonly lock: UvLock;
}

/** A requirement of pyproject.toml with the marker that it has in metadata. */
interface Scoped {
  readonly requirement: Requirement;
  readonly marker: Marker | undefined;
  readonly where: string;
}

function findRequirementProblem(root: UvPackage, project: PythonProject, lock: UvLock): string | undefined {
  const { metadata } = root;
  if (metadata === undefined) {
    const [first] = project.dependencies ?? [];
    return first === undefined
      ? undefined
      : `pyproject.toml asks for "${first.text}", and the lock does not have it`;
  }
  const compare = (wanted: readonly Scoped[], locked: readonly UvRequirement[]) =>
    compareRequirements(wanted, locked, { project, lock });
  if (project.dependencies !== undefined && project.extras !== undefined) {
    const wanted = [
      ...project.dependencies.map((requirement) => ({ requirement, marker: requirement.marker, where: "" })),
      ...[...project.extras].flatMap(([extra, requirements]) =>
        requirements.map((requirement) => ({
          requirement,
          marker: withExtra(requirement.marker, extra),
          where: ` in the extra "${extra}"`,
        })),
      ),
    ];
    const problem = compare(wanted, metadata.requires);
    if (problem !== undefined) return problem;
  }
  for (const group of new Set([...project.groups.keys(), ...metadata.groups.keys()])) {
    const where = ` in the group "${group}"`;
    const wanted = (project.groups.get(group) ?? []).map((requirement) => ({
      requirement,
      marker: requirement.marker,
      where,
    }));
    const problem = compare(wanted, metadata.groups.get(group) ?? []);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function withExtra(marker: Marker | undefined, extra: string): Marker {
  const isExtra: Marker = {
    kind: "comparison",
    left: { kind: "variable", name: "extra" },
    operator: "==",
    right: { kind: "literal", value: extra },
  };
  return marker === undefined ? isExtra : { kind: "and", operands: [marker, isExtra] };
}

function compareRequirements(
  wanted: readonly Scoped[],
  locked: readonly UvRequirement[],
  world: World,
): string | undefined {
  const left = new Set(locked);
  for (const { requirement, marker, where } of wanted) {
    const same = locked.filter((one) => isSameRequirement(requirement, marker, one, world));
    if (same.length === 0) {
      const other = locked.find(({ name }) => name === requirement.name);
      const known =
        other === undefined ? "the lock does not have it" : `the lock was made for "${describe(other)}"`;
      return `pyproject.toml asks for "${requirement.text}"${where}, and ${known}`;
    }
    for (const one of same) left.delete(one);
  }
  const [stale] = left;
  return stale === undefined
    ? undefined
    : `the lock was made for "${describe(stale)}", and pyproject.toml does not ask for that any more`;
}

function isSameRequirement(
  requirement: Requirement,
  marker: Marker | undefined,
  locked: UvRequirement,
  { project, lock }: World,
): boolean {
  if (requirement.name !== locked.name || requirement.extras.join() !== locked.extras.join()) return false;
  const hasOwnSource = requirement.url !== undefined || project.uv.sources.has(requirement.name);
  // Projects of a workspace may have their sources from its root.
  if (locked.hasOwnSource !== hasOwnSource && (hasOwnSource || lock.members.length <= 1)) return false;
  if (
    locked.specifiers !== undefined &&
    formatSpecifiers(locked.specifiers) !== formatSpecifiers(requirement.specifiers)
  )
    return false;
  return areMarkersEquivalent(marker, locked.marker, lock.requiresPython ?? []);
}

function describe({ name, extras, specifiers }: UvRequirement): string {
  return formatRequirement({
    text: "",
    name,
    extras,
    specifiers: specifiers ?? [],
    url: undefined,
    marker: undefined,
  });
}
