// A project's lock → trees for the store: the site-packages that its wheels make, not placed yet; and what has to be
// built before it can be installed, source distributions and projects of this machine, with a list of it.

import { createHash } from "node:crypto";
import { join } from "node:path";
import * as z from "zod";
import {
  checkBuildTools,
  describeBuildTools,
  listBuildRequirements,
} from "../../formats/python/build-requirements.ts";
import { UNPLACED_PREFIX } from "../../formats/python/environment.ts";
import { listGroups, selectPackages } from "../../formats/python/lock-selection.ts";
import { normalizeName } from "../../formats/python/names.ts";
import { isGenerated } from "../../formats/python/project-files.ts";
import { type PythonPlatform, pythonMinor } from "../../formats/python/tags.ts";
import {
  type BytePath,
  decodeByteString,
  encodeByteString,
  joinPath,
  parentPath,
  ROOT_PATH,
  toBytePath,
} from "../../model/bytes.ts";
import { formatCanonicalJson } from "../../model/canonical-json.ts";
import type { Context } from "../../model/context.ts";
import { InternalError } from "../../model/errors.ts";
import { createTree, type FileEntry, type Tree, type TreeEntry } from "../../model/tree.ts";
import { listEntries, readLinkTarget } from "../../platform/directory-entries.ts";
import { isExecutable, readSmallFile } from "../../platform/files.ts";
import { PypiError } from "./errors.ts";
import { type LockedProject, readPythonLock } from "./read-lock.ts";
import { type PythonDistribution, realisePythonLock } from "./realise.ts";
import { installSitePackages } from "./site-packages.ts";
import { findUnmetRequirements } from "./unmet-requirements.ts";

const Options = z.strictObject({
  /** `wheels`: what is installed as it is; `sources`: what is built first. */
  what: z.enum(["wheels", "sources"]),
  platform: z.strictObject({
    architecture: z.enum(["amd64", "arm64"]),
    python: z.string(),
    glibc: z.string(),
  }),
  extras: z.array(z.string()),
  groups: z.array(z.string()),
  /** Groups that are taken when the lock has them. */
  optionalGroups: z.array(z.string()),
  indexes: z.array(z.string()),
  /** Names of distributions that may be absent, or of other versions than others ask for. */
  allowUnmet: z.array(z.string()),
  /** With what sources are built; null: nobody builds them. */
  tools: z.nullable(z.strictObject({ packages: z.array(z.string()), hasOthers: z.boolean() })),
});

/** Plain data, as the functions for image.ts write it. */
export type PythonImportOptions = z.infer<typeof Options>;

/** A line of the list of sources. */
export interface SourceToBuild {
  readonly name: string;
  /** Of the archive or directory, relative to the list. */
  readonly path: string;
  readonly backend: string;
  readonly backendPath: readonly string[];
  /** Normalised names of distributions that must be there. */
  readonly requires: readonly string[];
}

/** Name of the list in the tree of sources. */
export const SOURCES_LIST = "sources.json";

/** Bytes of a source distribution or a file of a project. */
const LARGEST_FILE = 2 ** 30;

/**
 * Makes a tree of a lock; see {@link Source.importTree}.
 *
 * @param path Absolute path of the project's directory or its lock file.
 * @throws {PypiError} `SOURCE_NOT_BUILT`, `GIT_UNSUPPORTED`, `REQUIREMENT_UNMET`, and what {@link realisePythonLock} throws;
 *   {PythonFormatError} `BACKEND_MISSING` and others.
 */
export async function importPythonLock(path: string, options: unknown, context: Context): Promise<Tree> {
  const parsed = parseOptions(options);
  const locked = readPythonLock(path);
  const distributions = await realisePythonLock(locked, selectionOf(locked, parsed), context);
  const installed = distributions.filter((one) => !isProjectItself(one, locked));
  return parsed.what === "wheels"
    ? installWheels(installed, parsed, locked, context)
    : gatherSources(installed, parsed);
}

/** See {@link Source.identifyImport}: what the lock and pyproject.toml say, and the projects of this machine it names. */
export async function identifyPythonLock(path: string, options: unknown): Promise<string> {
  const locked = readPythonLock(path);
  const selection = selectionOf(locked, parseOptions(options));
  const local = selectPackages(locked.lock, selection).flatMap(({ name, source }) => {
    const isOther = source.kind === "directory" && source.install !== "none" && name !== locked.project?.name;
    return isOther ? hashDirectory(join(locked.directory, source.path)) : [];
  });
  return formatCanonicalJson([toPlain(locked.lock), toPlain(locked.project ?? null), local]);
}

function parseOptions(options: unknown): PythonImportOptions {
  const parsed = Options.safeParse(options);
  if (!parsed.success)
    throw new InternalError(`an import of pypi has the options ${JSON.stringify(options)}`);
  return parsed.data;
}

function selectionOf({ lock, project }: LockedProject, options: PythonImportOptions) {
  const { platform, extras, groups, optionalGroups, indexes } = options;
  const known = new Set(listGroups(lock, project?.name));
  const optional = optionalGroups.filter((group) => known.has(normalizeName(group)));
  return {
    platform,
    extras,
    groups: [...new Set([...groups, ...optional])],
    indexes,
    ...(lock.kind === "uv" && { project: project?.name }),
  };
}

/** What is locked, as it comes of a lock's parser: maps and sets become lists. */
function toPlain(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(([key, item]) => [key, toPlain(item)]);
  if (value instanceof Set) return [...value];
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}

/** The project whose dependencies are wanted is installed by whoever packs it, or not at all. */
function isProjectItself(one: PythonDistribution, { project }: LockedProject): boolean {
  return one.kind === "directory" && (one.install === "none" || one.name === project?.name);
}

// ─── wheels ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function installWheels(
  distributions: readonly PythonDistribution[],
  { platform, allowUnmet, tools }: PythonImportOptions,
  { lock }: LockedProject,
  context: Context,
): Tree {
  const wheels = distributions.filter((one) => one.kind === "wheel");
  const others = distributions.filter((one) => one.kind !== "wheel");
  if (tools === null) for (const other of others) refuseUnbuilt(other, platform);
  const allowed = [...others.map(({ name }) => name), ...allowUnmet];
  refuseUnmet(wheels, platform, allowed, lock.file);
  const { tree, replaced } = installSitePackages(wheels, {
    python: pythonMinor(platform).join("."),
    prefix: UNPLACED_PREFIX,
  });
  for (const { path, of, by } of replaced)
    context.progress.note(`${decodeByteString(path)} of ${of} is replaced by that of ${by}`);
  return unplace(tree);
}

/** Takes the prefix off, and what only an environment with a place has. */
function unplace({ entries }: Tree): Tree {
  const prefix = toBytePath(UNPLACED_PREFIX);
  const below = entries.flatMap((entry): TreeEntry[] => {
    if (entry.type === "directory") return [];
    const path = entry.path.slice(prefix.length + 1) as BytePath;
    const isOfEnvironment = path === "pyvenv.cfg" || (entry.type === "symlink" && parentPath(path) === "bin");
    return isOfEnvironment ? [] : [{ ...entry, path }];
  });
  return withDirectories(below);
}

function refuseUnbuilt(one: PythonDistribution, platform: PythonPlatform): void {
  refuseGit(one);
  if (one.kind !== "sdist" && one.kind !== "directory") return;
  const what =
    one.kind === "sdist"
      ? `the lock has no wheel of it for Python ${pythonMinor(platform).join(".")} on ${platform.architecture}`
      : `it is a project of this machine, ${one.directory}`;
  throw new PypiError(
    "SOURCE_NOT_BUILT",
    `Cannot install ${describe(one)}: ${what}, and it was not said with what it is built`,
    { hint: describeBuildTools(one.buildSystem, platform) },
  );
}

function refuseGit(one: PythonDistribution): void {
  if (one.kind !== "git") return;
  throw new PypiError(
    "GIT_UNSUPPORTED",
    `Cannot install ${describe(one)}: the lock takes it from ${one.url}, only files with a hash can be fetched`,
    { hint: "Depend on a release of an index, or on an archive: NAME @ https://…/archive/COMMIT.tar.gz" },
  );
}

function describe({ name, version }: PythonDistribution): string {
  return version === undefined ? name : `${name} ${version}`;
}

function refuseUnmet(
  wheels: readonly (PythonDistribution & { readonly kind: "wheel" })[],
  platform: PythonPlatform,
  allowed: readonly string[],
  file: string,
): void {
  const names = new Set(allowed.map(normalizeName));
  const unmet = findUnmetRequirements(wheels, platform, allowed).filter(
    ({ requirement }) => !names.has(normalizeName(/^[A-Za-z0-9._-]+/.exec(requirement)?.[0] ?? "")),
  );
  const [first, ...others] = unmet;
  if (first === undefined) return;
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  const found = first.found === undefined ? "it is not there" : `${first.found} is there`;
  throw new PypiError(
    "REQUIREMENT_UNMET",
    `Cannot install the packages of ${file}: ${first.by} asks for ${first.requirement}, and ${found}${more}`,
    { hint: "Lock again; where that is as it should be, name what is missing: allowUnmet: [NAME]" },
  );
}

// ─── sources ────────────────────────────────────────────────────────────────────────────────────────────────────────

function gatherSources(
  distributions: readonly PythonDistribution[],
  { platform, tools }: PythonImportOptions,
): Tree {
  const entries: TreeEntry[] = [];
  const list: SourceToBuild[] = [];
  for (const one of distributions) {
    refuseGit(one);
    if (one.kind !== "sdist" && one.kind !== "directory") continue;
    const { name, buildSystem } = one;
    if (tools !== null) checkBuildTools(describe(one), buildSystem, tools, platform);
    const { backend, backendPath } = buildSystem;
    const requires = listBuildRequirements(buildSystem, platform);
    if (one.kind === "sdist") {
      const path = `${name}/${one.fileName}`;
      entries.push(createFile(encodeByteString(path) as string as BytePath, readFile(one.file), false));
      list.push({ name, path, backend, backendPath, requires });
    } else {
      const path = toBytePath(`${name}/source`);
      entries.push(...readDirectory(one.directory, path));
      list.push({ name, path, backend, backendPath, requires });
    }
  }
  const text = formatCanonicalJson(list, 2);
  entries.push(createFile(toBytePath(SOURCES_LIST), Buffer.from(`${text}\n`), false));
  return withDirectories(entries);
}

function readFile(file: string): Buffer {
  const bytes = readSmallFile(file, LARGEST_FILE);
  if (bytes instanceof Buffer) return bytes;
  throw new PypiError(
    "SDIST_INVALID",
    `Cannot read ${file}: ${bytes === undefined ? "it is gone" : `it is larger than ${LARGEST_FILE} bytes`}`,
  );
}

/** The entries of a project's directory, without what tools make in it. */
function readDirectory(root: string, to: BytePath, directory: BytePath = ROOT_PATH): TreeEntry[] {
  return listEntries(root, directory).flatMap(({ name, path, type }): TreeEntry[] => {
    if (name === ".git" || isGenerated(name)) return [];
    const own = { path: joinPath(to, path), uid: 0, gid: 0 };
    const place = join(root, decodeByteString(path));
    if (type === "directory") return [{ ...own, type, mode: 0o755 }, ...readDirectory(root, to, path)];
    if (type === "symlink") return [{ ...own, type, mode: 0o777, target: readLinkTarget(root, path) }];
    return type === "file" ? [createFile(own.path, readFile(place), isExecutable(place))] : [];
  });
}

function hashDirectory(root: string): string[] {
  return readDirectory(root, ROOT_PATH).map((entry) => {
    const what = entry.type === "file" ? entry.content.sha256 : entry.type === "symlink" ? entry.target : "";
    return `${entry.path} ${entry.mode.toString(8)} ${what}`;
  });
}

function createFile(path: BytePath, bytes: Buffer, executable: boolean): FileEntry {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const mode = executable ? 0o755 : 0o644;
  return {
    type: "file",
    path,
    mode,
    uid: 0,
    gid: 0,
    size: bytes.length,
    content: { kind: "bytes", bytes, sha256 },
  };
}

/** A tree with all its directories, the root too: what a store holds has them. */
function withDirectories(entries: readonly TreeEntry[]): Tree {
  const directories = new Set<BytePath>([ROOT_PATH]);
  for (const { path } of entries) {
    for (let parent = parentPath(path); !directories.has(parent); parent = parentPath(parent))
      directories.add(parent);
  }
  const made = [...directories].map(
    (path): TreeEntry => ({ type: "directory", path, mode: 0o755, uid: 0, gid: 0 }),
  );
  return createTree([...made, ...entries]);
}
