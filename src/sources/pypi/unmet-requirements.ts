// Whether wheels have what they ask for, by their own metadata: what `pip check` looks at.

import { PythonFormatError } from "../../formats/python/errors.ts";
import { createMarkerEnvironment, evaluateMarker } from "../../formats/python/marker.ts";
import { normalizeName } from "../../formats/python/names.ts";
import { parseRequirement, type Requirement } from "../../formats/python/requirement.ts";
import { matchesSpecifiers } from "../../formats/python/specifier.ts";
import type { PythonPlatform } from "../../formats/python/tags.ts";
import { parseVersion } from "../../formats/python/version.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { UnpackedWheel } from "./wheel-tree.ts";

/** A requirement that an environment does not meet. */
export interface UnmetRequirement {
  /** The distribution that asks, as it writes its name. */
  readonly by: string;
  /** As it writes it. */
  readonly requirement: string;
  /** Version that is there instead; undefined when there is none. */
  readonly found: string | undefined;
}

/**
 * Lists what wheels ask for and do not have, sorted. Extras count when another wheel of the environment asks for them.
 * Requirements that are no requirements are passed over: what old tools wrote into metadata cannot be mended here.
 *
 * @param others Names of distributions that are there without being wheels: projects, source distributions.
 */
export function findUnmetRequirements(
  wheels: readonly UnpackedWheel[],
  platform: PythonPlatform,
  others: readonly string[] = [],
): UnmetRequirement[] {
  const byName = new Map(wheels.map((wheel) => [normalizeName(wheel.metadata.name), wheel]));
  const known = new Set(others.map(normalizeName));
  const extras = new Map<string, Set<string>>();
  const queue = [...byName.keys()];
  const unmet = new Map<string, UnmetRequirement>();
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const { metadata } = byName.get(name)!;
    const environment = {
      ...createMarkerEnvironment(platform),
      extras: extras.get(name) ?? new Set<string>(),
    };
    for (const requirement of metadata.requires.flatMap(tryToParse)) {
      if (!evaluateMarker(requirement.marker, environment)) continue;
      const target = byName.get(requirement.name);
      if (isMet(requirement, target, known)) {
        if (target !== undefined && addExtras(extras, requirement)) queue.push(requirement.name);
        continue;
      }
      const one = { by: metadata.name, requirement: requirement.text, found: target?.metadata.version };
      unmet.set(`${one.by} ${one.requirement}`, one);
    }
  }
  const sorted = [...unmet].sort(([a], [b]) => compareStrings(a, b));
  return sorted.map(([, one]) => one);
}

function tryToParse(text: string): Requirement[] {
  try {
    return [parseRequirement(text)];
  } catch (error) {
    if (error instanceof PythonFormatError) return [];
    throw error;
  }
}

function isMet(
  requirement: Requirement,
  target: UnpackedWheel | undefined,
  known: ReadonlySet<string>,
): boolean {
  if (target === undefined) return known.has(requirement.name);
  return matchesSpecifiers(requirement.specifiers, parseVersion(target.metadata.version));
}

/** @returns Whether an extra is asked for that was not before. */
function addExtras(extras: Map<string, Set<string>>, { name, extras: asked }: Requirement): boolean {
  const known = extras.get(name) ?? new Set();
  const before = known.size;
  for (const extra of asked) known.add(extra);
  extras.set(name, known);
  return known.size > before;
}
