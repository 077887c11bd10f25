// package-lock.json and npm-shrinkwrap.json of versions 2 and 3: text → the packages by their place.
// Specification: npm's documentation, "package-lock.json". All input is hostile.

import * as z from "zod";
import { bytePathProblem, encodeByteString } from "../../model/bytes.ts";
import { NodeLockError } from "./errors.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { isPackageName } from "./names.ts";

/** One place of the lock: a package in a node_modules, a workspace, the project itself. */
export interface NpmLockEntry {
  /** Relative to the project: `node_modules/a/node_modules/b`, `packages/c`; empty for the project. */
  readonly path: string;
  /** What the package calls itself, which differs from the last part of the path for aliases. */
  readonly name: string;
  readonly version: string | undefined;
  /** A URL; for a link, the path that it leads to. */
  readonly resolved: string | undefined;
  readonly integrity: string | undefined;
  readonly link: boolean;
  readonly inBundle: boolean;
  readonly dev: boolean;
  readonly optional: boolean;
  readonly devOptional: boolean;
  readonly peer: boolean;
  readonly extraneous: boolean;
  readonly hasInstallScript: boolean;
  /** Dependencies, commands and platforms. */
  readonly manifest: Manifest;
}

export interface NpmLock {
  readonly kind: "npm";
  /** How messages call it: the name of its file. */
  readonly name: string;
  readonly version: 2 | 3;
  /** By path, in the order of the file; the project's own is always there. */
  readonly entries: ReadonlyMap<string, NpmLockEntry>;
}

const Flag = z.boolean().optional().catch(undefined);

const EntryShape = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  link: Flag,
  inBundle: Flag,
  dev: Flag,
  optional: Flag,
  devOptional: Flag,
  peer: Flag,
  extraneous: Flag,
  hasInstallScript: Flag,
});

const REMAKE = "npm install --package-lock-only";

/**
 * Reads a lock file of npm.
 *
 * @param name How messages call it: `package-lock.json`.
 * @throws {NodeLockError} `NODE_LOCK_INVALID` or `LOCK_VERSION_UNSUPPORTED`.
 */
export function parsePackageLock(text: string, name: string): NpmLock {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw invalid(name, `it is no JSON (${(cause as Error).message})`, cause);
  }
  const lock = z
    .looseObject({ lockfileVersion: z.unknown().optional(), packages: z.unknown().optional() })
    .safeParse(value);
  if (!lock.success) throw invalid(name, "it is no JSON object");
  const version = checkVersion(lock.data.lockfileVersion, name);
  const packages = lock.data.packages;
  if (typeof packages !== "object" || packages === null || Array.isArray(packages)) {
    throw invalid(name, "it has no packages");
  }
  const entries = new Map<string, NpmLockEntry>();
  for (const [path, fields] of Object.entries(packages)) entries.set(path, readEntry(path, fields, name));
  if (!entries.has("")) throw invalid(name, "the project itself is not among its packages");
  for (const entry of entries.values()) checkLink(entry, entries, name);
  return { kind: "npm", name, version, entries };
}

function checkVersion(version: unknown, name: string): 2 | 3 {
  if (version === 2 || version === 3) return version;
  if (typeof version === "number" && version > 3) {
    throw new NodeLockError(
      "LOCK_VERSION_UNSUPPORTED",
      `Cannot read ${name}: it has version ${version}, this Tare knows versions 2 and 3`,
      { hint: "Use a newer Tare, or make the lock with npm install --lockfile-version 3" },
    );
  }
  throw new NodeLockError(
    "LOCK_VERSION_UNSUPPORTED",
    `Cannot read ${name}: it has version ${version === undefined ? 1 : JSON.stringify(version)}, version 2 or 3 was expected`,
    { hint: `Run ${REMAKE} --lockfile-version 3 with npm 7 or newer, and commit ${name}` },
  );
}

function readEntry(path: string, fields: unknown, name: string): NpmLockEntry {
  const parsed = EntryShape.safeParse(fields);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(name, `at "${path}": ${[...(issue?.path ?? []), issue?.message].join(": ")}`);
  }
  const entry = parsed.data;
  const placed = nameAt(path, name);
  const ownName = entry.name ?? placed ?? path.slice(path.lastIndexOf("/") + 1);
  if (placed !== undefined && !isPackageName(ownName)) {
    throw invalid(name, `at "${path}": "${ownName}" is no name of a package`);
  }
  return {
    path,
    name: ownName,
    version: entry.version,
    resolved: entry.resolved,
    integrity: entry.integrity,
    link: entry.link === true,
    inBundle: entry.inBundle === true,
    dev: entry.dev === true,
    optional: entry.optional === true,
    devOptional: entry.devOptional === true,
    peer: entry.peer === true,
    extraneous: entry.extraneous === true,
    hasInstallScript: entry.hasInstallScript === true,
    manifest: readManifest({ ...entry, name: ownName }),
  };
}

/** The name that a path in a node_modules gives; undefined for the project and its directories. */
function nameAt(path: string, lockName: string): string | undefined {
  if (path === "") return undefined;
  // Directories beside the project are refused when they would be installed, not before.
  const problem = bytePathProblem(encodeByteString(path.replace(/^(?:\.\.\/)+/, "")));
  if (problem !== undefined) throw invalid(lockName, `at "${path}": ${problem}`);
  const match = /^(?:.*\/)?node_modules\/(.+)$/.exec(path);
  if (match === null) return undefined;
  if (!isPackageName(match[1]!)) throw invalid(lockName, `at "${path}": no package can lie there`);
  return match[1];
}

function checkLink(
  { path, link, resolved }: NpmLockEntry,
  entries: ReadonlyMap<string, NpmLockEntry>,
  name: string,
): void {
  if (!link) return;
  if (resolved === undefined) throw invalid(name, `at "${path}": it is a link to nowhere`);
  for (const other of entries.keys()) {
    if (other.startsWith(`${path}/`)) {
      throw invalid(name, `at "${other}": it lies below the link ${path}`);
    }
  }
}

function invalid(name: string, problem: string, cause?: unknown): NodeLockError {
  return new NodeLockError("NODE_LOCK_INVALID", `Cannot read ${name}: ${problem}`, {
    cause,
    hint: `Restore ${name} from version control, or run ${REMAKE}`,
  });
}
