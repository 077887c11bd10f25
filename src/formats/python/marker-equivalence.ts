// Whether two markers mean the same: tools that lock write them in another form than people do.

import {
  evaluateMarker,
  type Marker,
  type MarkerEnvironment,
  type MarkerVariable,
  type TextVariable,
} from "./marker.ts";
import { normalizeName } from "./names.ts";
import { formatSpecifiers, matchesSpecifiers, type SpecifierSet } from "./specifier.ts";
import { parseVersion, tryParseVersion } from "./version.ts";

/** More environments than this are not tried: the markers then count as equivalent. */
const MOST_ENVIRONMENTS = 20_000;

/** A text that no marker names. */
const OTHER = "other";

/**
 * Whether two markers hold in the same environments, tried on every environment that they tell apart.
 *
 * @param requiresPython Versions of Python that do not count, since the project does not run there.
 *
 * Pure.
 */
export function areMarkersEquivalent(
  a: Marker | undefined,
  b: Marker | undefined,
  requiresPython: SpecifierSet,
): boolean {
  const literals = new Map<MarkerVariable, Set<string>>();
  collectLiterals(a, literals);
  collectLiterals(b, literals);
  const pythons = listPythons([
    ...(literals.get("python_version") ?? []),
    ...(literals.get("python_full_version") ?? []),
    ...(literals.get("implementation_version") ?? []),
  ]).filter((version) => matchesSpecifiers(requiresPython, parseVersion(version)));
  const extras = ["", ...(literals.get("extra") ?? []), ...(literals.get("extras") ?? [])];
  const groups = ["", ...(literals.get("dependency_groups") ?? [])];
  const texts = [...literals].filter(
    ([name]) => !/^(?:python_(?:full_)?version|implementation_version|extras?|dependency_groups)$/.test(name),
  ) as [TextVariable, Set<string>][];
  let count = Math.max(1, pythons.length) * extras.length * groups.length;
  for (const [, values] of texts) count *= values.size + 1;
  if (count > MOST_ENVIRONMENTS) return true;
  for (const variables of combineTexts(texts)) {
    for (const python of pythons) {
      for (const extra of extras) {
        for (const group of groups) {
          const environment = createEnvironment(variables, python, extra, group);
          if (evaluateMarker(a, environment) !== evaluateMarker(b, environment)) return false;
        }
      }
    }
  }
  return true;
}

/** Whether two sets of specifiers admit the same versions of Python. */
export function admitSamePythons(a: SpecifierSet, b: SpecifierSet): boolean {
  if (formatSpecifiers(a) === formatSpecifiers(b)) return true;
  const named = [...a, ...b].flatMap((one) =>
    one.operator === "===" ? [one.text] : [one.version.release.join(".")],
  );
  return listPythons(named)
    .map(parseVersion)
    .every((version) => matchesSpecifiers(a, version) === matchesSpecifiers(b, version));
}

function collectLiterals(marker: Marker | undefined, found: Map<MarkerVariable, Set<string>>): void {
  if (marker === undefined) return;
  if (marker.kind !== "comparison") {
    for (const operand of marker.operands) collectLiterals(operand, found);
    return;
  }
  const { left, right } = marker;
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (one.kind !== "variable") continue;
    const values = found.get(one.name) ?? new Set();
    if (other.kind === "literal") values.add(other.value);
    found.set(one.name, values);
  }
}

/** Versions of Python around those that are named: all minor versions, and micro versions beside each. */
function listPythons(named: readonly string[]): string[] {
  const minors = new Set(["2.7", ...Array.from({ length: 24 }, (_, index) => `3.${index}`)]);
  const micros = new Set([0, 999]);
  for (const text of named.flatMap((one) => one.split(/[\s,|]+/))) {
    const [major = 0n, minor = 0n, micro = 0n] = tryParseVersion(text.replace(/\.\*$/, ""))?.release ?? [];
    if (major > 0n) minors.add(`${major}.${minor}`);
    for (const near of [Number(micro) - 1, Number(micro), Number(micro) + 1]) if (near >= 0) micros.add(near);
  }
  return [...minors].flatMap((minor) => [...micros].map((micro) => `${minor}.${micro}`));
}

function* combineTexts(
  texts: readonly [TextVariable, Set<string>][],
): Generator<Partial<Record<TextVariable, string>>> {
  const [first, ...rest] = texts;
  if (first === undefined) {
    yield {};
    return;
  }
  const [name, values] = first;
  for (const others of combineTexts(rest)) {
    for (const value of [...values, OTHER]) yield { ...others, [name]: value };
  }
}

function createEnvironment(
  variables: Partial<Record<TextVariable, string>>,
  python: string,
  extra: string,
  group: string,
): MarkerEnvironment {
  const known: Record<TextVariable, string> = {
    os_name: OTHER,
    sys_platform: OTHER,
    platform_machine: OTHER,
    platform_python_implementation: OTHER,
    platform_release: OTHER,
    platform_system: OTHER,
    platform_version: OTHER,
    implementation_name: OTHER,
    ...variables,
    python_version: python.split(".").slice(0, 2).join("."),
    python_full_version: python,
    implementation_version: python,
  };
  const toSet = (name: string) => new Set(name === "" ? [] : [normalizeName(name)]);
  return { variables: known, extras: toSet(extra), groups: toSet(group) };
}
