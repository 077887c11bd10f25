// Debian versions: syntax and order, exactly as dpkg has them. Source: deb-version(7); dpkg's lib/dpkg/version.c.

import { ControlError } from "./deb822.ts";

/** A version taken apart. */
export interface DebianVersion {
  /** 0 when it is not written. */
  readonly epoch: number;
  readonly upstream: string;
  /** Empty for a native version; dpkg holds it equal to `0`. */
  readonly revision: string;
}

/** How a version is related to another in a dependency. */
export type VersionRelation = "<<" | "<=" | "=" | ">=" | ">>";

const LARGEST_EPOCH = 2 ** 31 - 1;

/**
 * Takes a version apart.
 *
 * @throws {ControlError} `BAD_VERSION` when dpkg would not accept it.
 */
export function parseVersion(text: string): DebianVersion {
  const fail = (problem: string): never => {
    throw new ControlError("BAD_VERSION", `Cannot parse the version "${text}": ${problem}`);
  };
  const colon = text.indexOf(":");
  let epoch = 0;
  if (colon >= 0) {
    const digits = text.slice(0, colon);
    if (!/^\d+$/.test(digits)) fail("the epoch is no number");
    epoch = Number(digits);
    if (epoch > LARGEST_EPOCH) fail(`the epoch is larger than ${LARGEST_EPOCH}`);
  }
  const dash = text.lastIndexOf("-");
  const end = dash > colon ? dash : text.length;
  const upstream = text.slice(colon + 1, end);
  const revision = text.slice(end + 1);
  if (upstream === "") fail("the upstream version is empty");
  if (!/^\d[A-Za-z0-9.+~:-]*$/.test(upstream))
    fail("the upstream version must begin with a digit and consist of letters, digits and .+~:-");
  if (dash > colon && !/^[A-Za-z0-9.+~]+$/.test(revision))
    fail("the revision must consist of letters, digits and .+~");
  return { epoch, upstream, revision };
}

/** Why a text is no version, or undefined when it is one. */
export function versionProblem(text: string): string | undefined {
  try {
    parseVersion(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Orders two versions as `dpkg --compare-versions` does.
 *
 * @returns Negative when `a` is older, 0 when they are equal to dpkg (`1.0` and `1.0-0` are), positive when newer.
 *
 * Pure and total: on text that is no version the order is still consistent.
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0;
  const colonA = a.indexOf(":");
  const colonB = b.indexOf(":");
  const epochs = epochOf(a, colonA) - epochOf(b, colonB);
  if (epochs !== 0) return epochs;
  const dashA = a.lastIndexOf("-");
  const dashB = b.lastIndexOf("-");
  const endA = dashA > colonA ? dashA : a.length;
  const endB = dashB > colonB ? dashB : b.length;
  return (
    compareParts(a, colonA + 1, endA, b, colonB + 1, endB) ||
    compareParts(a, endA + 1, a.length, b, endB + 1, b.length)
  );
}

function epochOf(version: string, colon: number): number {
  return colon <= 0 ? 0 : Number(version.slice(0, colon)) || 0;
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** `~` is before the end, the end before letters, letters before everything else. */
function weight(code: number): number {
  if (code === 0x7e) return -1;
  if ((code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)) return code;
  return code + 256;
}

/** Compares the stretches `a[i, endA)` and `b[j, endB)`: by turns what is no number, and numbers. */
function compareParts(a: string, i: number, endA: number, b: string, j: number, endB: number): number {
  while (i < endA || j < endB) {
    for (;;) {
      const x = i < endA ? a.charCodeAt(i) : -1;
      const y = j < endB ? b.charCodeAt(j) : -1;
      const textA = x >= 0 && !isDigit(x);
      const textB = y >= 0 && !isDigit(y);
      if (!textA && !textB) break;
      const difference = (textA ? weight(x) : 0) - (textB ? weight(y) : 0);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    while (i < endA && a.charCodeAt(i) === 0x30) i++;
    while (j < endB && b.charCodeAt(j) === 0x30) j++;
    let first = 0;
    while (i < endA && j < endB && isDigit(a.charCodeAt(i)) && isDigit(b.charCodeAt(j))) {
      if (first === 0) first = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    if (i < endA && isDigit(a.charCodeAt(i))) return 1;
    if (j < endB && isDigit(b.charCodeAt(j))) return -1;
    if (first !== 0) return first;
  }
  return 0;
}

/** Whether `version` stands in `relation` to `reference`: `satisfies("1.2", ">=", "1.1")`. */
export function satisfies(version: string, relation: VersionRelation, reference: string): boolean {
  const order = compareVersions(version, reference);
  switch (relation) {
    case "<<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "=":
      return order === 0;
    case ">=":
      return order >= 0;
    case ">>":
      return order > 0;
  }
}

/**
 * How often a version was updated after the release of its suite, as Debian counts in it: 6 for `5:7.0.15-1~deb12u6`,
 * 0 for the version that was released.
 */
export function countStableUpdates(version: string): number {
  return Number(/[+~]deb\d+u(\d{1,6})/.exec(version)?.[1] ?? 0);
}
