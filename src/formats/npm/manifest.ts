// package.json: text → what installing needs of it. Of packages that others published, what has the wrong type is
// passed over, as npm does; the project's own must be right.

import { posix } from "node:path";
import { NodeLockError } from "./errors.ts";
import type { PlatformConstraint } from "./platform.ts";

/** The groups of dependencies that a lock file repeats. */
export const DEPENDENCY_GROUPS = [
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
] as const;

export type DependencyGroup = (typeof DEPENDENCY_GROUPS)[number];

/** By name: a range, a tag, a URL, `workspace:*`… */
export type Dependencies = Readonly<Record<string, string>>;

export interface Manifest extends PlatformConstraint {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly dependencies: Dependencies;
  readonly devDependencies: Dependencies;
  readonly optionalDependencies: Dependencies;
  readonly peerDependencies: Dependencies;
  /** Names of the peer dependencies that may be absent. */
  readonly optionalPeers: readonly string[];
  /** Names of dependencies that the package's own tarball holds. */
  readonly bundled: readonly string[];
  /** Commands by name: the path in the package, without `..`. */
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  /** False: there is no implied `node-gyp rebuild`. */
  readonly gypfile: boolean | undefined;
  /** Patterns of directories. */
  readonly workspaces: readonly string[];
  /** What of an application belongs to it: patterns of paths; undefined is everything. */
  readonly files: readonly string[] | undefined;
  /** The module that the package is, as written. */
  readonly main: string | undefined;
  /** `pnpm@10.4.0`. */
  readonly packageManager?: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a package.json.
 *
 * @param name How messages call it: its path.
 * @throws {NodeLockError} `MANIFEST_INVALID` when it is no JSON object.
 */
export function parseManifest(text: string, name: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new NodeLockError(
      "MANIFEST_INVALID",
      `Cannot read ${name}: it is no JSON (${(cause as Error).message})`,
      { cause },
    );
  }
  if (!isFields(value)) {
    throw new NodeLockError("MANIFEST_INVALID", `Cannot read ${name}: it is no JSON object`);
  }
  return readManifest(value);
}

/** What a parsed package.json says, or an entry of package-lock.json, whose fields have the same names. */
export function readManifest(fields: Fields): Manifest {
  const name = textOf(fields["name"]);
  const optionalDependencies = recordOf(fields["optionalDependencies"]);
  const dependencies = Object.entries(recordOf(fields["dependencies"]));
  return {
    name,
    version: textOf(fields["version"]),
    // What is in both is optional.
    dependencies: toRecord(dependencies.filter(([key]) => !Object.hasOwn(optionalDependencies, key))),
    devDependencies: recordOf(fields["devDependencies"]),
    optionalDependencies,
    peerDependencies: recordOf(fields["peerDependencies"]),
    optionalPeers: readOptionalPeers(fields["peerDependenciesMeta"]),
    bundled: listOf(fields["bundleDependencies"]) ?? listOf(fields["bundledDependencies"]) ?? [],
    bin: normalizeBin(fields["bin"], name),
    scripts: recordOf(fields["scripts"]),
    gypfile: typeof fields["gypfile"] === "boolean" ? fields["gypfile"] : undefined,
    workspaces: readWorkspaces(fields["workspaces"]),
    files: Array.isArray(fields["files"]) ? (listOf(fields["files"]) ?? []) : undefined,
    main: textOf(fields["main"]),
    packageManager: textOf(fields["packageManager"]),
    os: listOf(fields["os"]),
    cpu: listOf(fields["cpu"]),
    libc: listOf(fields["libc"]),
    nodeRange: isFields(fields["engines"]) ? textOf(fields["engines"]["node"]) : undefined,
  };
}

/**
 * The commands of a package by name, as npm understands `bin`: one path (the command has the package's name, without
 * its scope), or paths by name. Directories in names, and what climbs out of the package, are cut off.
 */
export function normalizeBin(
  bin: unknown,
  packageName: string | undefined,
): Readonly<Record<string, string>> {
  const entries: readonly (readonly [string, unknown])[] =
    typeof bin === "string"
      ? packageName === undefined
        ? []
        : [[packageName, bin]]
      : Array.isArray(bin)
        ? bin.filter((item) => typeof item === "string").map((item: string) => [posix.basename(item), item])
        : isFields(bin)
          ? Object.entries(bin)
          : [];
  return toRecord(
    entries.flatMap(([key, value]): (readonly [string, string])[] => {
      if (typeof value !== "string" || value.includes("\0") || key.includes("\0")) return [];
      const command = posix.join("/", posix.basename(key.replace(/[\\:]/g, "/"))).slice(1);
      const target = posix.join("/", value.replaceAll("\\", "/")).slice(1).replace(/\/$/, "");
      return command === "" || target === "" ? [] : [[command, target]];
    }),
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function listOf(value: unknown): readonly string[] | undefined {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((item) => typeof item === "string");
  return texts.length === 0 ? undefined : texts;
}

function recordOf(value: unknown): Readonly<Record<string, string>> {
  if (!isFields(value)) return {};
  return toRecord(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** As `Object.fromEntries`, which makes own properties whatever their names. */
function toRecord(entries: Iterable<readonly [string, string]>): Readonly<Record<string, string>> {
  return Object.fromEntries(entries);
}

function readOptionalPeers(meta: unknown): string[] {
  if (!isFields(meta)) return [];
  return Object.entries(meta).flatMap(([name, value]) =>
    isFields(value) && value["optional"] === true ? [name] : [],
  );
}

function readWorkspaces(value: unknown): readonly string[] {
  return listOf(isFields(value) ? value["packages"] : value) ?? [];
}
