// What an environment of Python is put together from: nodes of the build graph, none of them public by itself.

import { UNPLACED_PREFIX } from "../../formats/python/environment.ts";
import type { EntryPoint } from "../../formats/python/wheel-metadata.ts";
import { formatCanonicalJson } from "../../model/canonical-json.ts";
import type { DerivationNode } from "../../model/derivation.ts";
import type { Request } from "../../model/image-spec.ts";
import { registerNode } from "../../model/mentions.ts";
import { type Rule, TEXTS } from "../../model/options.ts";
import {
  createOutput,
  createSource,
  type DerivationOptions,
  describeDerivation,
  isOutput,
  isRequest,
  type Output,
} from "../derivation.ts";
import type { ImagePython } from "./python-platform.ts";
import { BUILD_SCRIPT, BYTECODE_SCRIPT } from "./python-scripts.ts";

/** What of a lock is installed, and how what is no wheel is built. */
export interface PythonLockOptions {
  /** Optional dependencies of the project that are wanted: its extras. */
  readonly extras?: readonly string[];
  /** Dependency groups that belong to the image. Default: none, so that what is for development stays out. */
  readonly groups?: readonly string[];
  /**
   * Which Python: a package of Debian's; its suite decides the version and which wheels fit. Default:
   * `debian("bookworm").packages.python3`.
   */
  readonly python?: Request;
  /** Package indexes to ask instead of those of the environment (docs/mirrors.md). They change nothing of what is got. */
  readonly indexes?: readonly string[];
  /**
   * With what source distributions are built: packages of Debian's, derivations. Nothing is built unless this or
   * `buildGroups` is given: what builds is run, though in the sandbox.
   */
  readonly buildInputs?: readonly (Output | Request)[];
  /** Dependency groups of the lock that builds can import: backends that Debian does not have. */
  readonly buildGroups?: readonly string[];
  /** True: with bytecode, compiled in the sandbox, that Python does not compare with the sources. Default: without. */
  readonly bytecode?: boolean;
  /** True: Debian's own Python packages in the image can be imported too. Default: false. */
  readonly systemSitePackages?: boolean;
  /** Names of distributions that may be missing, or have other versions than wheels ask for. */
  readonly allowUnmet?: readonly string[];
}

const FLAG: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

export const LOCK_OPTIONS: Readonly<Record<Exclude<keyof PythonLockOptions, "python">, Rule>> = {
  extras: TEXTS,
  groups: TEXTS,
  indexes: TEXTS,
  buildInputs: {
    expected: "a list of packages and derivations",
    accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
  },
  buildGroups: TEXTS,
  bytecode: FLAG,
  systemSitePackages: FLAG,
  allowUnmet: TEXTS,
};

/** A tree that the source `pypi` makes of a lock. */
function importLock(
  path: string,
  what: "wheels" | "sources",
  options: PythonLockOptions,
  { platform }: ImagePython,
): Output {
  const { extras = [], groups = [], indexes = [], allowUnmet = [], buildInputs, buildGroups = [] } = options;
  const builds = buildInputs !== undefined || buildGroups.length > 0;
  const packages = (buildInputs ?? []).filter(isRequest).map(({ name }) => name);
  const hasOthers = buildGroups.length > 0 || (buildInputs ?? []).some(isOutput);
  return createSource({
    kind: "import",
    name: `python-${what}`,
    source: "pypi",
    path,
    options: {
      what,
      platform,
      extras: [...extras],
      groups: [...groups],
      optionalGroups: [],
      indexes: [...indexes],
      allowUnmet: [...allowUnmet],
      tools: builds ? { packages, hasOthers } : null,
    },
  });
}

/** The trees of what a lock pins, for {@link describeEnvironment}. */
export function listLockParts(path: string, options: PythonLockOptions, python: ImagePython): Output[] {
  const { buildInputs, buildGroups = [] } = options;
  const parts = [importLock(path, "wheels", options, python)];
  if (buildInputs !== undefined || buildGroups.length > 0)
    parts.unshift(
      buildSources("sources", importLock(path, "sources", options, python), path, options, python),
    );
  const trees = parts.map((part) => [
    `${part}/lib/python${python.minor}/site-packages`,
    sitePackages(python),
  ]);
  return options.bytecode === true ? [...parts, compile(trees, python)] : parts;
}

function sitePackages({ minor }: ImagePython): string {
  return `lib/python${minor}/site-packages`;
}

/**
 * Builds distributions in the sandbox, and installs them into a tree without a place.
 *
 * @param sources A tree with a list of them, `sources.json`.
 */
export function buildSources(
  name: string,
  sources: Output,
  lock: string,
  options: PythonLockOptions,
  python: ImagePython,
): Output {
  const { buildInputs = [], buildGroups = [] } = options;
  const { extras: _, ...others } = options;
  const groups =
    buildGroups.length === 0
      ? ""
      : importLock(lock, "wheels", { ...others, groups: buildGroups, buildInputs: [] }, python);
  const programs = buildInputs.filter(isOutput).map((input) => `${input}/bin`);
  return runPython(
    {
      name: `python-${name}`,
      builder: python.interpreter,
      args: ["-c", BUILD_SCRIPT],
      env: { sources, groups, prefix: UNPLACED_PREFIX, PATH: [...programs, DEBIAN_PATH].join(":") },
      inputs: buildInputs,
    },
    python,
  );
}

/** @param trees Directories, and where below an environment their bytecode goes. */
export function compile(trees: readonly (readonly string[])[], python: ImagePython): Output {
  return runPython(
    {
      name: "python-bytecode",
      builder: python.interpreter,
      args: ["-c", BYTECODE_SCRIPT],
      env: { trees: JSON.stringify(trees), PATH: DEBIAN_PATH },
    },
    python,
  );
}

export const DEBIAN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The first second that zip files can say, as nixpkgs' standard environment has it. */
const SOURCE_DATE_EPOCH = "315532800";

function runPython(options: DerivationOptions, { request, platform }: ImagePython): Output {
  const node = describeDerivation({
    ...options,
    architecture: platform.architecture,
    env: { SOURCE_DATE_EPOCH, PYTHONHASHSEED: "0", LC_ALL: "C.UTF-8", HOME: "/build", ...options.env },
    inputs: [request, ...(options.inputs ?? [])],
  });
  return createOutput(registerNode(node), "out");
}

/** Wheels may count on them wherever Python is (PEP 600): in the image only when some file needs them. */
const MANYLINUX_PACKAGES = ["libstdc++6", "libgcc-s1"];

/** What `builtin:python-env` makes an environment of. */
export interface EnvironmentContents {
  readonly parts: readonly Output[];
  readonly base?: Output;
  readonly source?: Output;
  readonly scripts?: readonly EntryPoint[];
}

/**
 * An environment at its place.
 *
 * @param develop Variables of a shell for its development; trees of this machine are where they lie in it.
 */
export function describeEnvironment(
  name: string,
  { parts, base, source, scripts = [] }: EnvironmentContents,
  { minor, interpreter, request }: ImagePython,
  systemSitePackages: boolean,
  develop?: Readonly<Record<string, string>>,
): DerivationNode {
  const environment = {
    python: minor,
    interpreter,
    systemSitePackages,
    parts: parts.map(String),
    ...(base && { base: `${base}` }),
    ...(source && { source: `${source}` }),
    scripts,
  };
  return describeDerivation({
    name,
    builder: "builtin:python-env",
    system: "builtin",
    env: {
      environment: formatCanonicalJson(environment),
      ...(develop && { develop: formatCanonicalJson(develop) }),
      preferLocalBuild: true,
      allowSubstitutes: false,
    },
    inputs: [request, ...MANYLINUX_PACKAGES.map((library) => ({ ...request, name: library }))],
  });
}
