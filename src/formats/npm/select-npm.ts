// A lock of npm → the packages that one image gets: without those for development, and without optional ones that are
// for another platform together with what only they need. As `npm ci --omit=dev` chooses.

import { NodeLockError } from "./errors.ts";
import type { PackageOrigin } from "./origin.ts";
import { checkProjectPath, readOrigin } from "./origin.ts";
import type { NpmLock, NpmLockEntry } from "./package-lock.ts";
import { engineProblem, type NodePlatform, platformProblem } from "./platform.ts";

export type OmittedGroup = "dev" | "optional" | "peer";

export interface SelectOptions {
  readonly platform: NodePlatform;
  /** Groups of dependencies that are left out; default: those for development. */
  readonly omit?: readonly OmittedGroup[] | undefined;
}

/** One package in a node_modules. */
export interface NpmPlacement {
  readonly entry: NpmLockEntry;
  /** Undefined for what the tarball of another package holds. */
  readonly origin: PackageOrigin | undefined;
}

/** A directory of the project that is linked into node_modules. */
export interface NpmLink {
  readonly entry: NpmLockEntry;
  /** What it leads to. */
  readonly target: NpmLockEntry;
  /** Path of the target, relative to the project. */
  readonly targetPath: string;
}

export interface NpmSelection {
  readonly packages: readonly NpmPlacement[];
  readonly links: readonly NpmLink[];
  /** For people: packages that say they are not for this Node. */
  readonly warnings: readonly string[];
}

interface Edge {
  readonly to: NpmLockEntry;
  readonly required: boolean;
}

/**
 * Chooses what is installed.
 *
 * @throws {NodeLockError} `PLATFORM_MISMATCH`, `INTEGRITY_MISSING`, `BAD_INTEGRITY`, `DEPENDENCY_UNSUPPORTED` or
 *   `NODE_LOCK_INVALID`, for what would be installed only.
 */
export function selectNpmPackages(lock: NpmLock, options: SelectOptions): NpmSelection {
  const omit: ReadonlySet<OmittedGroup> = new Set(options.omit ?? ["dev"]);
  const graph = new Graph(lock);
  const unfit = graph.withRequirers(
    [...lock.entries.values()].filter(
      (entry) =>
        entry.optional &&
        (platformProblem(entry.manifest, options.platform) ??
          engineProblem(entry.manifest, options.platform)) !== undefined,
    ),
  );
  const all = graph.reach(new Set());
  const fit = graph.reach(unfit);
  const packages: NpmPlacement[] = [];
  const links: NpmLink[] = [];
  const warnings: string[] = [];
  for (const entry of lock.entries.values()) {
    if (!isPlaced(entry) || isOmitted(entry, omit) || unfit.has(entry)) continue;
    if (all.has(entry) && !fit.has(entry)) continue;
    if (entry.link) {
      links.push(toLink(entry, lock));
      continue;
    }
    const warning = checkFit(entry, options.platform);
    if (warning !== undefined) warnings.push(warning);
    packages.push({ entry, origin: entry.inBundle ? undefined : originOf(entry, lock) });
  }
  return { packages, links, warnings };
}

/** Whether an entry lies in a node_modules: everything else is the project's own. */
function isPlaced({ path, extraneous }: NpmLockEntry): boolean {
  return !extraneous && /(?:^|\/)node_modules\//.test(path);
}

function isOmitted(entry: NpmLockEntry, omit: ReadonlySet<OmittedGroup>): boolean {
  return (
    (entry.dev && omit.has("dev")) ||
    (entry.optional && omit.has("optional")) ||
    (entry.peer && omit.has("peer")) ||
    (entry.devOptional && omit.has("dev") && omit.has("optional"))
  );
}

function toLink(entry: NpmLockEntry, lock: NpmLock): NpmLink {
  const targetPath = checkProjectPath(entry.resolved ?? "", entry.name);
  const target = lock.entries.get(targetPath);
  if (target === undefined) {
    throw new NodeLockError(
      "NODE_LOCK_INVALID",
      `Cannot install ${entry.name}: ${lock.name} links it to "${targetPath}", which is not in the lock`,
      { hint: "Run npm install --package-lock-only" },
    );
  }
  return { entry, target, targetPath };
}

/** Refuses what is for another platform; what is only for another Node gives a warning, as with npm. */
function checkFit(entry: NpmLockEntry, platform: NodePlatform): string | undefined {
  const label = `${entry.name} ${entry.version ?? ""}`.trim();
  const problem = platformProblem(entry.manifest, platform);
  if (problem !== undefined) {
    throw new NodeLockError("PLATFORM_MISMATCH", `Cannot install ${label}: ${problem}`, {
      hint: "Make it an optional dependency, or build an image for its platform",
    });
  }
  const engine = engineProblem(entry.manifest, platform);
  return engine === undefined ? undefined : `${label}: ${engine}`;
}

function originOf(entry: NpmLockEntry, lock: NpmLock): PackageOrigin {
  const { name, version, resolved, integrity } = entry;
  const remake = "npm install --package-lock-only";
  return readOrigin({ name, version, resolved, integrity, remake, lockName: lock.name });
}

/** Who needs whom, found as Node finds modules: in the nearest node_modules upwards. */
class Graph {
  readonly #entries: ReadonlyMap<string, NpmLockEntry>;
  readonly #edges = new Map<NpmLockEntry, readonly Edge[]>();

  constructor(lock: NpmLock) {
    this.#entries = lock.entries;
    for (const entry of lock.entries.values()) this.#edges.set(entry, this.#edgesOf(entry));
  }

  #edgesOf(entry: NpmLockEntry): Edge[] {
    if (entry.link) {
      const target = this.#entries.get(entry.resolved ?? "");
      return target === undefined ? [] : [{ to: target, required: true }];
    }
    const { manifest } = entry;
    const required = { ...manifest.dependencies, ...(isPlaced(entry) ? {} : manifest.devDependencies) };
    const names = new Map<string, boolean>();
    for (const name of Object.keys(manifest.peerDependencies)) {
      names.set(name, !manifest.optionalPeers.includes(name));
    }
    for (const name of Object.keys(required)) names.set(name, true);
    for (const name of Object.keys(manifest.optionalDependencies)) names.set(name, false);
    return [...names].flatMap(([name, isRequired]) => {
      const to = this.#resolve(entry.path, name);
      return to === undefined ? [] : [{ to, required: isRequired }];
    });
  }

  #resolve(from: string, name: string): NpmLockEntry | undefined {
    for (let directory = from; ; directory = directory.slice(0, Math.max(0, directory.lastIndexOf("/")))) {
      if (!/(?:^|\/)node_modules$/.test(directory)) {
        const found = this.#entries.get(`${directory === "" ? "" : `${directory}/`}node_modules/${name}`);
        if (found !== undefined) return found;
      }
      if (directory === "") return undefined;
    }
  }

  /** What is reached from the project and its directories without passing through `without`. */
  reach(without: ReadonlySet<NpmLockEntry>): Set<NpmLockEntry> {
    const reached = new Set(
      [...this.#entries.values()].filter((entry) => entry.path === "" || isWorkspaceLink(entry)),
    );
    for (const entry of reached) {
      for (const { to } of this.#edges.get(entry)!) if (!without.has(to)) reached.add(to);
    }
    return reached;
  }

  /** Packages and all that cannot be without them, up to whoever takes them as optional. */
  withRequirers(packages: readonly NpmLockEntry[]): Set<NpmLockEntry> {
    const requirers = new Map<NpmLockEntry, NpmLockEntry[]>();
    for (const [from, edges] of this.#edges) {
      for (const { to, required } of edges) {
        if (required && from.optional) requirers.set(to, [...(requirers.get(to) ?? []), from]);
      }
    }
    const set = new Set(packages);
    for (const entry of set) for (const from of requirers.get(entry) ?? []) set.add(from);
    return set;
  }
}

/** Workspaces are linked whether the project depends on them or not. */
function isWorkspaceLink({ link, dev, optional }: NpmLockEntry): boolean {
  return link && !dev && !optional;
}
