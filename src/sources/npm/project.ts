// A directory with a package.json and a lock file → the lock, checked to belong to the manifests that are there.

import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import { NodeLockError } from "../../formats/npm/errors.ts";
import { checkFreshness, type ProjectManifests } from "../../formats/npm/freshness.ts";
import { type Manifest, parseManifest } from "../../formats/npm/manifest.ts";
import { parseNpmrc } from "../../formats/npm/npmrc.ts";
import { type NpmLock, parsePackageLock } from "../../formats/npm/package-lock.ts";
import { type PnpmLock, parsePnpmLock } from "../../formats/npm/pnpm-lock.ts";
import { readSmallFile } from "../../platform/files.ts";
import { NpmError } from "./errors.ts";
import { listWorkspaces } from "./workspaces.ts";

/** A project of npm or pnpm, whose lock says what its manifests say. */
export interface NodeProject {
  /** Absolute path. */
  readonly directory: string;
  readonly lock: NpmLock | PnpmLock;
  /** The project's own is at "". */
  readonly manifests: ProjectManifests;
  /** For people: settings that are not followed. */
  readonly warnings: readonly string[];
}

const LARGEST_LOCK = 128 * 2 ** 20;
const LARGEST_MANIFEST = 4 * 2 ** 20;

/** In the order in which npm prefers them. */
const NPM_LOCKS = ["npm-shrinkwrap.json", "package-lock.json"] as const;
const PNPM_LOCK = "pnpm-lock.yaml";

const PNPM_WORKSPACE = "pnpm-workspace.yaml";

/** The documents in a project's directory that decide what is installed, beside the package.json files. */
export const PROJECT_DOCUMENTS = [...NPM_LOCKS, PNPM_LOCK, PNPM_WORKSPACE, ".npmrc"] as const;

/**
 * Reads a project.
 *
 * @param directory Absolute path.
 * @throws {NpmError} `LOCK_NOT_FOUND`
 * @throws {NodeLockError} When the lock cannot be read, or is out of date.
 */
export function readNodeProject(directory: string): NodeProject {
  const manifest = readManifestFile(directory, "");
  if (manifest === undefined) {
    throw new NpmError("LOCK_NOT_FOUND", `Cannot install ${directory}: it has no package.json`, {
      hint: "Name the directory that holds package.json and its lock file",
    });
  }
  const lock = readLock(directory, manifest);
  const workspace = lock.kind === "npm" ? undefined : readPnpmWorkspace(directory);
  const patterns = workspace === undefined ? manifest.workspaces : listTexts(workspace["packages"]);
  const paths = new Set(["", ...listWorkspaces(directory, patterns), ...listLockedDirectories(lock)]);
  const manifests = new Map<string, Manifest>();
  for (const path of paths) {
    const found = path === "" ? manifest : readManifestFile(directory, path);
    if (found !== undefined) manifests.set(path, found);
  }
  checkFreshness(lock, manifests);
  const warnings = workspace === undefined ? [] : listIgnoredSettings(directory, workspace);
  return { directory, lock, manifests, warnings };
}

function readLock(directory: string, manifest: Manifest): NpmLock | PnpmLock {
  const readers = [
    ...NPM_LOCKS.map((name) => ({ name, parse: parsePackageLock })),
    { name: PNPM_LOCK, parse: parsePnpmLock },
  ];
  // Where both are, package.json says which of them counts.
  if (manifest.packageManager?.startsWith("pnpm@") === true) readers.reverse();
  for (const { name, parse } of readers) {
    const text = readText(directory, name, LARGEST_LOCK);
    if (text !== undefined) return parse(text, name);
  }
  throw new NpmError(
    "LOCK_NOT_FOUND",
    `Cannot install ${directory}: it has neither package-lock.json, npm-shrinkwrap.json nor pnpm-lock.yaml`,
    { hint: "Run npm install --package-lock-only, and commit package-lock.json" },
  );
}

/** Directories of the project that the lock knows: workspaces and `file:` dependencies. */
function listLockedDirectories(lock: NpmLock | PnpmLock): string[] {
  const paths =
    lock.kind === "npm" ? [...lock.entries.values()].map(directoryOf) : [...lock.importers.keys()];
  return paths.filter(
    (path) => path !== undefined && path !== "" && !/^(?:\.\.(?:\/|$)|\/)/.test(path),
  ) as string[];
}

function directoryOf({
  link,
  resolved,
  path,
}: {
  link: boolean;
  resolved: string | undefined;
  path: string;
}) {
  if (link) return resolved;
  return /(?:^|\/)node_modules\//.test(path) ? undefined : path;
}

function readPnpmWorkspace(directory: string): Readonly<Record<string, unknown>> {
  const name = PNPM_WORKSPACE;
  const text = readText(directory, name, LARGEST_MANIFEST);
  if (text === undefined) return {};
  try {
    const value: unknown = parseYaml(text, { maxAliasCount: 100, logLevel: "error" });
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch (cause) {
    throw new NodeLockError(
      "MANIFEST_INVALID",
      `Cannot read ${name}: ${(cause as Error).message.split("\n")[0]}`,
      { cause },
    );
  }
}

function listTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Settings with which pnpm would make another node_modules: what is not declared would be found all the same. */
function listIgnoredSettings(directory: string, workspace: Readonly<Record<string, unknown>>): string[] {
  const npmrc = parseNpmrc(readText(directory, ".npmrc", LARGEST_MANIFEST) ?? "", () => undefined);
  const linker = workspace["nodeLinker"] ?? npmrc.get("node-linker") ?? "isolated";
  const hoist = workspace["shamefullyHoist"] ?? npmrc.get("shamefully-hoist") ?? false;
  const settings = [
    ...(linker === "isolated" ? [] : [`node-linker=${String(linker)}`]),
    ...(String(hoist) === "true" ? ["shamefully-hoist=true"] : []),
    ...(workspace["publicHoistPattern"] === undefined ? [] : ["public-hoist-pattern"]),
  ];
  return settings.map(
    (setting) => `pnpm's ${setting} is not followed: packages find what they declare, and nothing else`,
  );
}

function readManifestFile(directory: string, path: string): Manifest | undefined {
  const name = path === "" ? "package.json" : `${path}/package.json`;
  const text = readText(directory, name, LARGEST_MANIFEST);
  return text === undefined ? undefined : parseManifest(text, name);
}

function readText(directory: string, name: string, maxSize: number): string | undefined {
  const bytes = readSmallFile(join(directory, name), maxSize);
  if (bytes !== "too-large") return bytes?.toString("utf8");
  throw new NodeLockError("MANIFEST_INVALID", `Cannot read ${name}: it is larger than ${maxSize} bytes`);
}
