// What a project or source distribution needs to be built, and the packages of Debian that provide it.
// Specifications: PEP 517, PEP 518.

import { PythonFormatError } from "./errors.ts";
import { createMarkerEnvironment, evaluateMarker } from "./marker.ts";
import type { BuildSystem } from "./project.ts";
import { parseRequirement } from "./requirement.ts";
import type { PythonPlatform } from "./tags.ts";

/** Distributions that Debian names otherwise than `python3-NAME`; those of undefined it does not have. */
const DEBIAN_NAMES: Readonly<Record<string, string | undefined>> = {
  cython: "cython3",
  "flit-core": "flit",
  "meson-python": "python3-mesonpy",
  "poetry-core": "python3-poetry-core",
  maturin: undefined,
  "uv-build": undefined,
};

/** What every distribution of a name that begins so is called at Debian. */
const KNOWN = new Set([
  "cffi",
  "cython",
  "flit-core",
  "hatch-vcs",
  "hatchling",
  "meson-python",
  "numpy",
  "packaging",
  "pbr",
  "pdm-pep517",
  "pkgconfig",
  "poetry-core",
  "pybind11",
  "setuptools",
  "setuptools-rust",
  "setuptools-scm",
  "versioneer",
  "wheel",
]);

/** Normalised names of what a build system asks for on a platform, each once; a backend of the project's own included. */
export function listBuildRequirements(system: BuildSystem, platform: PythonPlatform): string[] {
  const environment = createMarkerEnvironment(platform);
  const names = system.requires
    .map(parseRequirement)
    .filter(({ marker }) => evaluateMarker(marker, environment))
    .map(({ name }) => name);
  return [...new Set(names)];
}

/** Whether Tare builds a project itself: those of uv's own backend consist of files that are copied. */
export function isBuiltByTare({ backend }: BuildSystem): boolean {
  return backend === "uv_build";
}

/** What must be among the packages of the build; undefined where Debian has nothing of the kind. */
function debianPackageOf(name: string): string | undefined {
  if (Object.hasOwn(DEBIAN_NAMES, name)) return DEBIAN_NAMES[name];
  return KNOWN.has(name) ? `python3-${name}` : undefined;
}

/** What builds are offered: names of Debian's packages, and whether there is more that cannot be looked into. */
export interface BuildTools {
  readonly packages: readonly string[];
  /** Dependency groups of the lock, or derivations: what they provide shows when something is built. */
  readonly hasOthers: boolean;
}

/** The packages of Debian with which a project is built. Those of setuptools before 70 are no good without wheel. */
export function listDebianPackages(system: BuildSystem, platform: PythonPlatform): string[] {
  if (isBuiltByTare(system)) return [];
  const names = listBuildRequirements(system, platform);
  const all = names.includes("setuptools") && !names.includes("wheel") ? [...names, "wheel"] : names;
  return all.flatMap((name) => debianPackageOf(name) ?? []);
}

/**
 * Refuses what cannot be built with what there is.
 *
 * @param what `docopt 0.6.2`, for messages.
 * @throws {PythonFormatError} `BACKEND_MISSING`
 */
export function checkBuildTools(
  what: string,
  system: BuildSystem,
  tools: BuildTools,
  platform: PythonPlatform,
): void {
  if (isBuiltByTare(system) || tools.hasOthers) return;
  const given = new Set(tools.packages.map((name) => name.replace(/=.*$/, "")));
  const missing = listBuildRequirements(system, platform).filter((name) => {
    const wanted = debianPackageOf(name);
    return wanted === undefined ? !given.has(`python3-${name}`) && !given.has(name) : !given.has(wanted);
  });
  if (missing.length === 0) return;
  throw new PythonFormatError(
    "BACKEND_MISSING",
    `build ${what}`,
    `its build needs ${missing.join(" and ")}, and nothing among buildInputs is known to be that`,
    { hint: describeBuildTools(system, platform) },
  );
}

/** What a user writes to have something built. */
export function describeBuildTools(system: BuildSystem, platform: PythonPlatform): string {
  const packages = listDebianPackages(system, platform).map((name) => `packages["${name}"]`);
  const unknown = listBuildRequirements(system, platform).filter(
    (name) => debianPackageOf(name) === undefined,
  );
  if (unknown.length === 0) return `Write buildInputs: [${packages.join(", ")}]`;
  const others = `Debian is not known to have ${unknown.join(", ")}: lock what the build needs as a dependency group (uv add --group build ${unknown.join(" ")}), and write buildGroups: ["build"]`;
  return packages.length === 0 ? others : `${others} and buildInputs: [${packages.join(", ")}]`;
}
