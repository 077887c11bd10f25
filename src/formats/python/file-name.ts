// File names of wheels and source distributions. Specifications: PEP 427 (wheels), PEP 625 (sdists).

import { compareStrings } from "../../model/bytes.ts";
import { PythonFormatError } from "./errors.ts";
import { isName, normalizeName } from "./names.ts";
import { tryParseVersion, type Version } from "./version.ts";

/** What the name of a wheel says: `{distribution}-{version}(-{build})?-{python}-{abi}-{platform}.whl`. */
export interface WheelFileName {
  readonly fileName: string;
  /** Normalised. */
  readonly name: string;
  readonly version: Version;
  /** `[number, rest]`; undefined without a build tag. */
  readonly build: readonly [number: number, rest: string] | undefined;
  /** Each `python-abi-platform`, compressed sets written out. */
  readonly tags: readonly string[];
}

/** Compressed sets larger than this are an attack. */
const MOST_TAGS = 2000;

/** Whether a file name ends as a wheel's does. */
export function isWheelFileName(fileName: string): boolean {
  return fileName.endsWith(".whl");
}

/**
 * Parses the file name of a wheel.
 *
 * @throws {PythonFormatError} `FILE_NAME_INVALID`
 */
export function parseWheelFileName(fileName: string): WheelFileName {
  const wheel = tryParseWheelFileName(fileName);
  if (wheel !== undefined) return wheel;
  throw new PythonFormatError(
    "FILE_NAME_INVALID",
    `read the wheel's name "${fileName.slice(0, 200)}"`,
    "it is none, NAME-VERSION-PYTHON-ABI-PLATFORM.whl was expected",
  );
}

function tryParseWheelFileName(fileName: string): WheelFileName | undefined {
  if (!isWheelFileName(fileName) || /[/\\\0]/.test(fileName) || fileName.length > 255) return undefined;
  const parts = fileName.slice(0, -4).split("-");
  if (parts.length !== 5 && parts.length !== 6) return undefined;
  const [name, versionText] = parts as [string, string];
  const version = tryParseVersion(versionText.replaceAll("_", "-"));
  const build = parts.length === 6 ? /^(\d{1,15})(.*)$/.exec(parts[2]!) : undefined;
  if (!isName(name) || version === undefined || build === null) return undefined;
  const sets = parts.slice(-3).map((set) => set.toLowerCase().split("."));
  if (sets.some((set) => set.includes("")) || sets.reduce((size, set) => size * set.length, 1) > MOST_TAGS)
    return undefined;
  const [pythons, abis, platforms] = sets as [string[], string[], string[]];
  return {
    fileName,
    name: normalizeName(name),
    version,
    build: build === undefined ? undefined : [Number(build[1]), build[2]!],
    tags: pythons.flatMap((python) =>
      abis.flatMap((abi) => platforms.map((platform) => `${python}-${abi}-${platform}`)),
    ),
  };
}

/**
 * The wheel that pip would take: the one with the best tag, then the highest build tag.
 *
 * @param ranks Of {@link rankSupportedTags}.
 * @returns Undefined when none can be used.
 */
export function chooseWheel<T extends { readonly wheel: WheelFileName }>(
  wheels: readonly T[],
  ranks: ReadonlyMap<string, number>,
): T | undefined {
  const usable = wheels.flatMap((candidate) => {
    const rank = Math.min(...candidate.wheel.tags.map((tag) => ranks.get(tag) ?? Number.POSITIVE_INFINITY));
    return rank === Number.POSITIVE_INFINITY ? [] : [{ candidate, rank }];
  });
  usable.sort(
    (a, b) =>
      a.rank - b.rank ||
      compareBuilds(b.candidate.wheel.build, a.candidate.wheel.build) ||
      compareStrings(a.candidate.wheel.fileName, b.candidate.wheel.fileName),
  );
  return usable[0]?.candidate;
}

function compareBuilds(a: WheelFileName["build"], b: WheelFileName["build"]): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return a[0] - b[0] || compareStrings(a[1], b[1]);
}

const SDIST =
  /^(?<name>.+?)-(?<version>[^-]+(?:-\d+)?)(?<extension>\.tar\.gz|\.tgz|\.zip|\.tar\.bz2|\.tar\.xz)$/;

/** What the name of a source distribution says. */
export interface SdistFileName {
  readonly fileName: string;
  /** Normalised. */
  readonly name: string;
  readonly version: Version;
  readonly extension: string;
}

/** Parses the file name of a source distribution; undefined when it is none. Old ones have `-` in their names. */
export function tryParseSdistFileName(fileName: string): SdistFileName | undefined {
  if (/[/\\\0]/.test(fileName) || fileName.length > 255) return undefined;
  const extension = SDIST.exec(fileName)?.groups?.["extension"];
  if (extension === undefined) return undefined;
  const stem = fileName.slice(0, -extension.length);
  // The version begins after the last hyphen, or at an earlier one when it has a post-release of the form 1.0-1.
  for (let at = stem.lastIndexOf("-"); at > 0; at = stem.lastIndexOf("-", at - 1)) {
    const version = tryParseVersion(stem.slice(at + 1));
    if (version !== undefined && isName(stem.slice(0, at)))
      return { fileName, name: normalizeName(stem.slice(0, at)), version, extension };
  }
  return undefined;
}
