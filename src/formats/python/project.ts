// pyproject.toml as far as an image needs it. Specifications: PEP 621 (project), PEP 735 (dependency groups), PEP 518
// and 517 (build system), and uv's own table where it changes what a lock says.

import { PythonFormatError } from "./errors.ts";
import { isName, normalizeName } from "./names.ts";
import { parseRequirement, type Requirement } from "./requirement.ts";
import { parseSpecifiers, type SpecifierSet } from "./specifier.ts";
import { parseTomlTable, type TomlTable } from "./toml-table.ts";

/** What builds a project: PEP 517. */
export interface BuildSystem {
  /** Requirements of the build itself, as written. */
  readonly requires: readonly string[];
  /** Import path of the backend: `hatchling.build`. */
  readonly backend: string;
  /** Directories of the project that the backend itself is in. */
  readonly backendPath: readonly string[];
}

/** What PEP 517 says for projects that name no backend. */
export const LEGACY_BUILD_SYSTEM: BuildSystem = {
  requires: ["setuptools>=40.8.0"],
  backend: "setuptools.build_meta:__legacy__",
  backendPath: [],
};

export interface PythonProject {
  /** Normalised; undefined when the file has no table `project`. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** Undefined when any Python will do. */
  readonly requiresPython: SpecifierSet | undefined;
  /** Undefined when they are computed when the project is built. */
  readonly dependencies: readonly Requirement[] | undefined;
  /** By normalised name of the extra; undefined when they are computed when the project is built. */
  readonly extras: ReadonlyMap<string, readonly Requirement[]> | undefined;
  /** By normalised name, groups that are included written out. */
  readonly groups: ReadonlyMap<string, readonly Requirement[]>;
  readonly scripts: ReadonlyMap<string, string>;
  readonly guiScripts: ReadonlyMap<string, string>;
  /** Undefined when the file does not say. */
  readonly buildSystem: BuildSystem | undefined;
  readonly uv: UvSettings;
}

/** The table `tool.uv`, as far as it says what a lock holds. */
export interface UvSettings {
  /** False for a project that is not installed itself; undefined when it is not said. */
  readonly isPackage: boolean | undefined;
  /** Normalised names whose source is not the default index. */
  readonly sources: ReadonlySet<string>;
  readonly isWorkspace: boolean;
}

/**
 * Parses a pyproject.toml.
 *
 * @param file Its name, for messages.
 * @throws {PythonFormatError} `PROJECT_INVALID`
 */
export function parseProject(text: string, file = "pyproject.toml"): PythonProject {
  const root = parseTomlTable(text, { code: "PROJECT_INVALID", name: file });
  const project = root.table("project");
  const uv = root.table("tool")?.table("uv");
  const dynamic = new Set(project?.texts("dynamic") ?? []);
  const requiresPython = project?.text("requires-python");
  const name = project?.text("name");
  if (project !== undefined && (name === undefined || !isName(name)))
    throw project.error("name", name === undefined ? "it is missing" : `"${name}" is no name`);
  return {
    name: name === undefined ? undefined : normalizeName(name),
    version: project?.text("version"),
    requiresPython:
      requiresPython === undefined
        ? undefined
        : project!.parse("requires-python", requiresPython, parseSpecifiers),
    dependencies: dynamic.has("dependencies") ? undefined : readRequirements(project, "dependencies"),
    extras: dynamic.has("optional-dependencies") ? undefined : readExtras(project),
    groups: readGroups(root, uv),
    scripts: project?.textMap("scripts") ?? new Map(),
    guiScripts: project?.textMap("gui-scripts") ?? new Map(),
    buildSystem: readBuildSystem(root),
    uv: {
      isPackage: uv?.boolean("package"),
      sources: new Set(uv?.table("sources")?.keys().map(normalizeName) ?? []),
      isWorkspace: uv?.has("workspace") === true,
    },
  };
}

function readRequirements(table: TomlTable | undefined, key: string): Requirement[] {
  return (table?.texts(key) ?? []).map((text) => table!.parse(key, text, parseRequirement));
}

function readExtras(project: TomlTable | undefined): Map<string, readonly Requirement[]> {
  const table = project?.table("optional-dependencies");
  return new Map((table?.keys() ?? []).map((name) => [normalizeName(name), readRequirements(table, name)]));
}

function readGroups(root: TomlTable, uv: TomlTable | undefined): Map<string, readonly Requirement[]> {
  const table = root.table("dependency-groups");
  const names = new Map<string, string>();
  for (const name of table?.keys() ?? []) {
    const normal = normalizeName(name);
    if (names.has(normal)) throw table!.error(name, `the group "${normal}" is defined twice`);
    names.set(normal, name);
  }
  const resolve = (group: string, within: readonly string[]): Requirement[] => {
    const name = names.get(group)!;
    return (table!.mixed(name) ?? []).flatMap((item) => {
      if (typeof item === "string") return [table!.parse(name, item, parseRequirement)];
      const included = normalizeName(item.requiredText("include-group"));
      if (!names.has(included)) throw item.error("include-group", `there is no group "${included}"`);
      if (within.includes(included))
        throw item.error("include-group", `the group "${included}" includes itself`);
      return resolve(included, [...within, included]);
    });
  };
  const groups = new Map([...names.keys()].map((group) => [group, resolve(group, [group])]));
  // What `dev` was called before there were dependency groups.
  const legacy = readRequirements(uv, "dev-dependencies");
  if (legacy.length > 0) groups.set("dev", [...(groups.get("dev") ?? []), ...legacy]);
  return groups;
}

function readBuildSystem(root: TomlTable): BuildSystem | undefined {
  const table = root.table("build-system");
  if (table === undefined) return undefined;
  const requires = table.texts("requires");
  if (requires === undefined) throw table.error("requires", "it is missing");
  return {
    requires,
    backend: table.text("build-backend") ?? LEGACY_BUILD_SYSTEM.backend,
    backendPath: table.texts("backend-path") ?? [],
  };
}

/** The build system of a pyproject.toml, or the legacy one where there is no such file or it does not say. */
export function parseBuildSystem(text: string | undefined, file: string): BuildSystem {
  if (text === undefined) return LEGACY_BUILD_SYSTEM;
  return (
    readBuildSystem(parseTomlTable(text, { code: "PROJECT_INVALID", name: file })) ?? LEGACY_BUILD_SYSTEM
  );
}

/** Thrown where a project is asked for what it does not have. */
export function unknownName(
  kind: "extra" | "group",
  name: string,
  known: readonly string[],
  hint: string | undefined,
): PythonFormatError {
  const listed = known.length === 0 ? `there are no ${kind}s` : `the ${kind}s are ${known.join(", ")}`;
  return new PythonFormatError(
    kind === "extra" ? "EXTRA_UNKNOWN" : "GROUP_UNKNOWN",
    `install the ${kind === "extra" ? "extra" : "dependency group"} "${name}"`,
    `the lock does not have it, ${listed}`,
    { hint },
  );
}
