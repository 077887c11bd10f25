// Which wheels a Python can use, best first. Specifications: PEP 425 (tags), PEP 384 (abi3), PEP 600 (manylinux).
// Tags of other C libraries (musllinux) and other systems are never among them.

import type { Architecture } from "../../model/image-spec.ts";

/** The Python of an image and what it runs on: all that choosing a wheel or reading a marker needs. */
export interface PythonPlatform {
  readonly architecture: Architecture;
  /** Version of CPython with its micro version, as `python3 --version` says: `3.11.2`. */
  readonly python: string;
  /** Version of the GNU C library: `2.36`. */
  readonly glibc: string;
}

/** The architecture as uname(2) and wheels name it. */
export const MACHINES: Readonly<Record<Architecture, string>> = { amd64: "x86_64", arm64: "aarch64" };

/** The oldest glibc that manylinux knows for an architecture: 2.5 for x86_64, 2.17 for others. */
const OLDEST_MINOR: Readonly<Record<Architecture, number>> = { amd64: 5, arm64: 17 };

const LEGACY_NAMES: Readonly<Record<number, string>> = {
  17: "manylinux2014",
  12: "manylinux2010",
  5: "manylinux1",
};

/** The two numbers that name a Python in tags and paths: `[3, 11]`. */
export function pythonMinor({
  python,
}: Pick<PythonPlatform, "python">): readonly [major: number, minor: number] {
  const [major, minor] = python.split(".").map(Number);
  return [major!, minor!];
}

/** Platform tags of wheels for a machine with glibc, newest first. */
export function listPlatformTags({ architecture, glibc }: PythonPlatform): string[] {
  const machine = MACHINES[architecture];
  const [major, minor] = glibc.split(".").map(Number);
  const tags: string[] = [];
  for (let version = major === 2 ? minor! : -1; version >= OLDEST_MINOR[architecture]; version--) {
    tags.push(`manylinux_2_${version}_${machine}`);
    const legacy = LEGACY_NAMES[version];
    if (legacy !== undefined) tags.push(`${legacy}_${machine}`);
  }
  return [...tags, `linux_${machine}`];
}

/**
 * All tags that a CPython of Debian can use, best first: the order in which pip prefers wheels.
 *
 * Pure; about 1,500 tags.
 */
export function listSupportedTags(platform: PythonPlatform): string[] {
  const [major, minor] = pythonMinor(platform);
  const platforms = listPlatformTags(platform);
  const own = `cp${major}${minor}`;
  const older = Array.from({ length: minor }, (_, index) => minor - 1 - index);
  const generic = [`py${major}${minor}`, `py${major}`, ...older.map((version) => `py${major}${version}`)];
  const combine = (interpreter: string, abi: string) =>
    platforms.map((tag) => `${interpreter}-${abi}-${tag}`);
  return [
    ...combine(own, own),
    ...combine(own, "abi3"),
    ...combine(own, "none"),
    ...older.filter((version) => version >= 2).flatMap((version) => combine(`cp${major}${version}`, "abi3")),
    ...generic.flatMap((interpreter) => combine(interpreter, "none")),
    `${own}-none-any`,
    ...generic.map((interpreter) => `${interpreter}-none-any`),
  ];
}

/** Rank of each supported tag: 0 is the best. */
export function rankSupportedTags(platform: PythonPlatform): ReadonlyMap<string, number> {
  return new Map(listSupportedTags(platform).map((tag, index) => [tag, index]));
}
