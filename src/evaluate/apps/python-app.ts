// `pythonApp`: a project as it is in, an environment that runs it out: its dependencies, which change seldom, in a store
// path of their own.

import { join } from "node:path";
import {
  checkBuildTools,
  isBuiltByTare,
  listBuildRequirements,
  listDebianPackages,
} from "../../formats/python/build-requirements.ts";
import {
  type BuildSystem,
  LEGACY_BUILD_SYSTEM,
  type PythonProject,
  parseProject,
} from "../../formats/python/project.ts";
import { GENERATED_NAMES } from "../../formats/python/project-files.ts";
import { type EntryPoint, parseEntryPoint } from "../../formats/python/wheel-metadata.ts";
import { checkOptions, type Rule, TEXT } from "../../model/options.ts";
import { pathKind } from "../../platform/files.ts";
import {
  checkName,
  createDerivation,
  type Derivation,
  isOutput,
  isRequest,
  type Output,
} from "../derivation.ts";
import { writeTextDir } from "../trivial-builders.ts";
import { openProject, PROJECT_SOURCE, type Project, type ProjectSource, readProjectText } from "./project.ts";
import { LOCK_PATH, pythonEnv, toPath } from "./python-env.ts";
import {
  buildSources,
  compile,
  DEBIAN_PATH,
  describeEnvironment,
  LOCK_OPTIONS,
  type PythonLockOptions,
} from "./python-parts.ts";
import { describePython, type ImagePython, PYTHON } from "./python-platform.ts";

/** What an application consists of. */
export interface PythonAppOptions extends PythonLockOptions {
  /** The project's directory: `"."`, or `path(".", { filter })` for some of its files. */
  readonly src: ProjectSource;
  /** The end of the store path's name. Default: the project's own name, else `app`. */
  readonly name?: string;
  /** The lock, where it is not in `src`: a file, or the directory of the project that it belongs to. */
  readonly lock?: string | URL;
  /** Programs besides those that the project has: `{ serve: "app.main:run" }` becomes `bin/serve`. */
  readonly entry?: Readonly<Record<string, string>>;
  /**
   * True: the project is built and installed as a package; false: its files are taken as they are, into `app`, and its
   * modules can be imported. Default: as uv decides, by `[build-system]` and `tool.uv.package` of pyproject.toml.
   */
  readonly package?: boolean;
}

const OPTIONS: Readonly<Record<keyof PythonAppOptions, Rule>> = {
  ...LOCK_OPTIONS,
  python: PYTHON,
  src: PROJECT_SOURCE,
  name: TEXT,
  lock: LOCK_PATH,
  entry: {
    expected: 'an object of functions such as { serve: "app.main:run" }',
    accepts: (value) =>
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      Object.entries(value).every(([name, point]) => toEntryPoint(name, point) !== undefined),
  },
  package: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
};

/** Locks are no part of what they are locks of. */
const LOCKS = ["uv.lock", "pylock.toml", "poetry.lock", "pdm.lock"];

/**
 * An application of Python: the project in `src` with what its lock pins. `bin` has the programs of both; they and
 * `bin/python` find the modules of both.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; {AppError} `PROJECT_MISSING`; {PythonFormatError}
 *   `PROJECT_INVALID` or `BACKEND_MISSING`.
 *
 * @example
 * const app = pythonApp({ src: "." });
 * export default buildLayeredImage({ name: "web", config: { Entrypoint: [`${app}/bin/gunicorn`, "app:app"] } });
 */
export function pythonApp(options: PythonAppOptions): Derivation<PythonAppOptions> {
  checkOptions("pythonApp()", options, OPTIONS);
  const directory = openProject("pythonApp()", options.src, [...GENERATED_NAMES, ...LOCKS]);
  const python = describePython("pythonApp()", options.python);
  const about = readPyproject(directory);
  const name = options.name ?? about?.name ?? "app";
  checkName(name);
  const { src: _, entry = {}, package: isPackage, name: _name, ...lockOptions } = options;
  const lock = toPath(options.lock ?? directory.path);
  const base = pythonEnv({ ...lockOptions, lock, name: `${name}-env` });
  const system = findBuildSystem(about, isPackage);
  const contents =
    system === undefined
      ? takeAsItIs(directory, about, lockOptions, python)
      : buildPackage(name, directory, system, lock, lockOptions, python);
  const scripts = Object.entries(entry).map(([script, point]) => toEntryPoint(script, point)!);
  const modules = pathKind(join(directory.directory, "src")) === "directory" ? "/src" : "";
  const node = describeEnvironment(
    name,
    { ...contents, base, scripts: [...(contents.scripts ?? []), ...scripts] },
    python,
    options.systemSitePackages === true,
    { PATH: `${base}/bin:${DEBIAN_PATH}`, PYTHONPATH: `${directory.source}${system ? modules : ""}` },
  );
  return createDerivation(node, options, pythonApp);
}

function readPyproject(project: Project): PythonProject | undefined {
  const text = readProjectText(project, "pyproject.toml");
  return text === undefined ? undefined : parseProject(text, join(project.path, "pyproject.toml"));
}

/** What builds the project; undefined when it is no package. */
function findBuildSystem(
  about: PythonProject | undefined,
  isPackage: boolean | undefined,
): BuildSystem | undefined {
  if (isPackage ?? about?.uv.isPackage ?? about?.buildSystem !== undefined)
    return about?.buildSystem ?? LEGACY_BUILD_SYSTEM;
  return undefined;
}

interface Contents {
  readonly parts: readonly Output[];
  readonly source?: Output;
  readonly scripts?: readonly EntryPoint[];
}

/** An application that is no package: what pyproject.toml calls its scripts are programs all the same. */
function takeAsItIs(
  { source }: Project,
  about: PythonProject | undefined,
  { bytecode = false }: PythonLockOptions,
  python: ImagePython,
): Contents {
  const points = [...(about?.scripts ?? []), ...(about?.guiScripts ?? [])];
  return {
    parts: bytecode ? [compile([[`${source}`, "app"]], python)] : [],
    source,
    scripts: points.flatMap(([name, point]) => toEntryPoint(name, point) ?? []),
  };
}

function buildPackage(
  name: string,
  { source }: Project,
  system: BuildSystem,
  lock: string,
  options: PythonLockOptions,
  python: ImagePython,
): Contents {
  const { platform, request } = python;
  const { buildInputs = [], buildGroups = [], bytecode = false } = options;
  const own = listDebianPackages(system, platform).map((one) => ({ ...request, name: one }));
  const inputs = [...buildInputs, ...(buildGroups.length > 0 ? [] : own)];
  const tools = {
    packages: inputs.filter(isRequest).map((input) => input.name),
    hasOthers: buildGroups.length > 0 || buildInputs.some(isOutput),
  };
  checkBuildTools(`the project ${name}`, system, tools, platform);
  const requires = isBuiltByTare(system) ? [] : listBuildRequirements(system, platform);
  const { backend, backendPath } = system;
  const list = writeTextDir(
    "sources.json",
    JSON.stringify([{ name, path: `${source}`, backend, backendPath, requires }]),
  );
  const built = buildSources(name, list, lock, { ...options, buildInputs: inputs }, python);
  const site = `lib/python${python.minor}/site-packages`;
  return { parts: bytecode ? [built, compile([[`${built}/${site}`, site]], python)] : [built] };
}

function toEntryPoint(name: string, point: unknown): EntryPoint | undefined {
  if (typeof point !== "string" || /[=\s]/.test(name)) return undefined;
  try {
    return parseEntryPoint(`${name} = ${point}`);
  } catch {
    return undefined;
  }
}
