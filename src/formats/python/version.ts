// Versions of Python distributions. Specification: PEP 440, with its normalisation and its order.

import { PythonFormatError } from "./errors.ts";

export interface Version {
  readonly epoch: bigint;
  /** At least one number. */
  readonly release: readonly bigint[];
  readonly pre: readonly [phase: "a" | "b" | "rc", number: bigint] | undefined;
  readonly post: bigint | undefined;
  readonly dev: bigint | undefined;
  /** Segments after `+`: numbers, and lower-case words. */
  readonly local: readonly (bigint | string)[] | undefined;
}

const VERSION =
  /^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d+)?)?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d+)?)?(?:[-_.]?(dev)[-_.]?(\d+)?)?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$/i;

const PHASES: Readonly<Record<string, "a" | "b" | "rc">> = {
  alpha: "a",
  a: "a",
  beta: "b",
  b: "b",
  preview: "rc",
  pre: "rc",
  c: "rc",
  rc: "rc",
};

/** Longer texts are no versions of anybody. */
const LONGEST = 512;

/** Parses a version; undefined when it is none. */
export function tryParseVersion(text: string): Version | undefined {
  const match = text.length > LONGEST ? null : VERSION.exec(text);
  if (match === null) return undefined;
  const [, epoch, release, phase, preNumber, implicitPost, post, postNumber, dev, devNumber, local] = match;
  return {
    epoch: BigInt(epoch ?? 0),
    release: release!.split(".").map(BigInt),
    pre: phase === undefined ? undefined : [PHASES[phase.toLowerCase()]!, BigInt(preNumber ?? 0)],
    post:
      implicitPost === undefined && post === undefined ? undefined : BigInt(implicitPost ?? postNumber ?? 0),
    dev: dev === undefined ? undefined : BigInt(devNumber ?? 0),
    local: local
      ?.toLowerCase()
      .split(/[-_.]/)
      .map((segment) => (/^\d+$/.test(segment) ? BigInt(segment) : segment)),
  };
}

/**
 * Parses a version.
 *
 * @throws {PythonFormatError} `VERSION_INVALID`
 */
export function parseVersion(text: string): Version {
  const version = tryParseVersion(text);
  if (version !== undefined) return version;
  throw new PythonFormatError(
    "VERSION_INVALID",
    `read the version "${text.slice(0, 80)}"`,
    'it is none, a version such as "1.2.3" or "2.0rc1" was expected',
  );
}

/** Writes a version in its normal form: `1.0RC-1` is `1.0rc1`. */
export function formatVersion(version: Version): string {
  const { local } = version;
  return formatPublicVersion(version) + (local === undefined ? "" : `+${local.join(".")}`);
}

/** A version without its local part. */
export function formatPublicVersion({ epoch, release, pre, post, dev }: Version): string {
  return [
    epoch === 0n ? "" : `${epoch}!`,
    release.join("."),
    pre === undefined ? "" : pre.join(""),
    post === undefined ? "" : `.post${post}`,
    dev === undefined ? "" : `.dev${dev}`,
  ].join("");
}

/** Whether a version is a pre-release or a development release. */
export function isPrerelease({ pre, dev }: Version): boolean {
  return pre !== undefined || dev !== undefined;
}

/** Orders versions as PEP 440 does; 0 for those that are equal, such as `1.0` and `1`. */
export function compareVersions(a: Version, b: Version): number {
  return comparePublicVersions(a, b) || compareLocal(a.local, b.local);
}

/** Orders versions without looking at their local parts. */
export function comparePublicVersions(a: Version, b: Version): number {
  return (
    compare(a.epoch, b.epoch) ||
    compareReleases(a.release, b.release) ||
    comparePhases(phaseOf(a), phaseOf(b)) ||
    compare(a.post ?? -1n, b.post ?? -1n) ||
    compareDev(a.dev, b.dev)
  );
}

/** Orders release numbers; those that are missing count as 0. */
function compareReleases(a: readonly bigint[], b: readonly bigint[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compare(a[i] ?? 0n, b[i] ?? 0n);
    if (order !== 0) return order;
  }
  return 0;
}

function compare(a: bigint | string | number, b: bigint | string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A development release alone comes before the first alpha, a final release after the last candidate. */
function phaseOf({ pre, post, dev }: Version): readonly [string, bigint] {
  if (pre !== undefined) return pre;
  return post === undefined && dev !== undefined ? ["", 0n] : ["z", 0n];
}

function comparePhases(a: readonly [string, bigint], b: readonly [string, bigint]): number {
  return compare(a[0], b[0]) || compare(a[1], b[1]);
}

function compareDev(a: bigint | undefined, b: bigint | undefined): number {
  if (a === undefined || b === undefined) return compare(Number(a === undefined), Number(b === undefined));
  return compare(a, b);
}

/** No local part comes first, words before numbers, the shorter before the longer. */
function compareLocal(a: Version["local"], b: Version["local"]): number {
  if (a === undefined || b === undefined) return compare(Number(a !== undefined), Number(b !== undefined));
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!];
    const order = typeof x === typeof y ? compare(x, y) : typeof x === "string" ? -1 : 1;
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
