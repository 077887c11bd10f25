// Version specifiers: `>=1.2, !=1.3.*, <2`. Specification: PEP 440, "Version specifiers".
// Whether pre-releases may be chosen is not asked here: a lock has chosen already.

import { PythonFormatError } from "./errors.ts";
import {
  comparePublicVersions,
  compareVersions,
  formatVersion,
  isPrerelease,
  tryParseVersion,
  type Version,
} from "./version.ts";

export type SpecifierOperator = "==" | "!=" | "<=" | ">=" | "<" | ">" | "~=" | "===";

export type Specifier =
  | { readonly operator: "==="; readonly text: string }
  | {
      readonly operator: Exclude<SpecifierOperator, "===">;
      readonly version: Version;
      /** True for `==1.2.*` and `!=1.2.*`. */
      readonly isPrefix: boolean;
    };

/** All of them have to be met; an empty set admits every version. */
export type SpecifierSet = readonly Specifier[];

const SPECIFIER = /^\s*(===|==|!=|<=|>=|<|>|~=)\s*(\S+)\s*$/;

/** Parses one specifier; undefined when it is none. */
export function tryParseSpecifier(text: string): Specifier | undefined {
  const [, operator, operand] = SPECIFIER.exec(text) ?? [];
  if (operator === undefined || operand === undefined) return undefined;
  if (operator === "===") return /[;)]/.test(operand) ? undefined : { operator, text: operand };
  const isPrefix = operand.endsWith(".*");
  const version = tryParseVersion(isPrefix ? operand.slice(0, -2) : operand);
  const isEquality = operator === "==" || operator === "!=";
  if (version === undefined) return undefined;
  if (isPrefix && (!isEquality || hasSuffix(version))) return undefined;
  if (version.local !== undefined && !isEquality) return undefined;
  if (operator === "~=" && version.release.length < 2) return undefined;
  return { operator: operator as Exclude<SpecifierOperator, "===">, version, isPrefix };
}

function hasSuffix(version: Version): boolean {
  return isPrerelease(version) || version.post !== undefined || version.local !== undefined;
}

/**
 * Parses a set of specifiers, separated by commas.
 *
 * @throws {PythonFormatError} `SPECIFIER_INVALID`
 */
export function parseSpecifiers(text: string): SpecifierSet {
  return text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const specifier = tryParseSpecifier(part);
      if (specifier !== undefined) return specifier;
      throw new PythonFormatError(
        "SPECIFIER_INVALID",
        `read the version specifier "${text.slice(0, 120)}"`,
        `"${part.trim().slice(0, 80)}" is none, one such as ">=1.2" was expected`,
      );
    });
}

/** Writes a set in one form: sorted, normal versions, no blanks. */
export function formatSpecifiers(set: SpecifierSet): string {
  return [...new Set(set.map(formatSpecifier))].sort().join(",");
}

function formatSpecifier(specifier: Specifier): string {
  if (specifier.operator === "===") return `===${specifier.text}`;
  return `${specifier.operator}${formatVersion(specifier.version)}${specifier.isPrefix ? ".*" : ""}`;
}

/** Whether a version meets all specifiers of a set; pre-releases count as any version. */
export function matchesSpecifiers(set: SpecifierSet, version: Version): boolean {
  return set.every((specifier) => matchesSpecifier(specifier, version));
}

export function matchesSpecifier(specifier: Specifier, candidate: Version): boolean {
  if (specifier.operator === "===") return formatVersion(candidate) === specifier.text.toLowerCase();
  const { operator, version, isPrefix } = specifier;
  switch (operator) {
    case "==":
      return isPrefix ? hasPrefix(candidate, version.epoch, version.release) : isEqual(candidate, version);
    case "!=":
      return isPrefix ? !hasPrefix(candidate, version.epoch, version.release) : !isEqual(candidate, version);
    case "<=":
      return comparePublicVersions(candidate, version) <= 0;
    case ">=":
      return comparePublicVersions(candidate, version) >= 0;
    case "~=":
      return (
        comparePublicVersions(candidate, version) >= 0 &&
        hasPrefix(candidate, version.epoch, version.release.slice(0, -1))
      );
    case "<":
      return (
        compareVersions(candidate, version) < 0 &&
        // `<2.0` does not mean 2.0's own pre-releases, the first of which would be 2.0.dev0.
        (isPrerelease(version) || compareVersions(candidate, { ...version, dev: 0n }) < 0)
      );
    case ">":
      return (
        compareVersions(candidate, version) > 0 &&
        !isPostReleaseOf(candidate, version) &&
        !(candidate.local !== undefined && comparePublicVersions(candidate, version) === 0)
      );
  }
}

function isEqual(candidate: Version, version: Version): boolean {
  const order = version.local === undefined ? comparePublicVersions : compareVersions;
  return order(candidate, version) === 0;
}

function hasPrefix(candidate: Version, epoch: bigint, prefix: readonly bigint[]): boolean {
  return (
    candidate.epoch === epoch && prefix.every((number, index) => (candidate.release[index] ?? 0n) === number)
  );
}

function isPostReleaseOf(candidate: Version, version: Version): boolean {
  if (candidate.post === undefined || version.post !== undefined) return false;
  return comparePublicVersions({ ...candidate, post: undefined, dev: undefined }, version) === 0;
}
