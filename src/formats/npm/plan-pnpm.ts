// A lock of pnpm → the plan of its node_modules: every package in `.pnpm/NAME@VERSION/node_modules/NAME` beside links
// to what it depends on, links from the projects, and the hoisted `.pnpm/node_modules`. As pnpm 10 installs with
// `prefer-symlinked-executables`, so that nothing names the place of the project.

import { posix } from "node:path";
import { compareStrings } from "../../model/bytes.ts";
import { NodeLockError } from "./errors.ts";
import { type NodeModulesPlan, type PlacedCommands, type PlacedLink, relativeTarget } from "./layout.ts";
import { checkProjectPath, readOrigin, unsupported } from "./origin.ts";
import { engineProblem, platformProblem } from "./platform.ts";
import { type PnpmNaming, pnpmDirectoryName } from "./pnpm-directory.ts";
import type { PnpmDependency, PnpmImporter, PnpmLock, PnpmPackage, PnpmTarget } from "./pnpm-lock.ts";
import type { SelectOptions } from "./select-npm.ts";

export interface PlanPnpmOptions extends SelectOptions {
  /** How long names are shortened; default: as the version of the lock suggests. */
  readonly naming?: PnpmNaming | undefined;
  /** Names of the projects of the workspace by path, for `.pnpm/node_modules`. */
  readonly projectNames?: ReadonlyMap<string, string> | undefined;
  /** Commands of the projects, by path. */
  readonly projectCommands?: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined;
}

const STORE = "node_modules/.pnpm";

/**
 * Plans what `pnpm install --prod` installs.
 *
 * @throws {NodeLockError} `PLATFORM_MISMATCH`, `INTEGRITY_MISSING`, `BAD_INTEGRITY`, `DEPENDENCY_UNSUPPORTED` or
 *   `NODE_LOCK_INVALID`, for what would be installed only.
 */
export function planPnpm(lock: PnpmLock, options: PlanPnpmOptions): NodeModulesPlan {
  return new Planner(lock, options).plan();
}

/** Where something is: a selected package, or a directory of the project. */
interface Place {
  readonly path: string;
  readonly package: PnpmPackage | undefined;
}

type Children = ReadonlyMap<string, PnpmTarget>;

class Planner {
  readonly #lock: PnpmLock;
  readonly #options: PlanPnpmOptions;
  readonly #omitted: { readonly dev: boolean; readonly optional: boolean };
  readonly #naming: PnpmNaming;
  /** Whether a package is for the platform. */
  readonly #fits = new Map<string, boolean>();
  readonly #links: PlacedLink[] = [];
  readonly #commands: PlacedCommands[] = [];
  readonly #warnings: string[] = [];

  constructor(lock: PnpmLock, options: PlanPnpmOptions) {
    this.#lock = lock;
    this.#options = options;
    const omit = new Set(options.omit ?? ["dev"]);
    this.#omitted = { dev: omit.has("dev"), optional: omit.has("optional") };
    this.#naming = options.naming ?? (lock.version === 6 ? "md5" : "sha256");
  }

  plan(): NodeModulesPlan {
    const importers = [...this.#lock.importers.values()];
    const levels = this.#walk(importers.map((importer) => this.#childrenOf(importer)));
    const selected = levels
      .map(({ package: found }) => found)
      .sort((a, b) => compareStrings(a.depPath, b.depPath));
    const packages = selected.map((found) => ({
      path: this.#pathOf(found),
      name: found.name,
      version: found.version,
      origin: this.#originOf(found),
      hasInstallScript: undefined,
    }));
    for (const found of selected) this.#linkPackage(found);
    for (const importer of importers) this.#linkImporter(importer);
    this.#hoist(importers, levels);
    return {
      manager: "pnpm",
      packages: packages.sort((a, b) => compareStrings(a.path, b.path)),
      links: this.#links.sort((a, b) => compareStrings(a.path, b.path)),
      commands: this.#commands,
      warnings: this.#warnings,
    };
  }

  /** Visits packages once each, as deep as pnpm finds them first. */
  #walk(roots: readonly Children[]): Visited[] {
    const seen = new Set<string>();
    const step = (children: Iterable<PnpmTarget>): PnpmPackage[] => {
      const found: PnpmPackage[] = [];
      for (const target of children) {
        if (target.kind === "link" || seen.has(target.depPath)) continue;
        seen.add(target.depPath);
        found.push(this.#lock.packages.get(target.depPath)!);
      }
      return found;
    };
    const visited: Visited[] = [];
    // A stack of its own, since the chain of dependencies may be longer than the engine's stack.
    const pending = [{ packages: step(roots.flatMap((children) => [...children.values()])), depth: 0 }];
    for (let level = pending.pop(); level !== undefined; level = pending.pop()) {
      const { packages, depth } = level;
      for (const found of packages) visited.push({ package: found, depth });
      const next = packages.map((found) => ({
        packages: step(this.#childrenOf(found).values()),
        depth: depth + 1,
      }));
      pending.push(...next.reverse());
    }
    return visited;
  }

  /** What a package or a project depends on and gets, by alias. */
  #childrenOf(from: PnpmImporter | PnpmPackage): Children {
    const groups: ReadonlyMap<string, PnpmTarget | PnpmDependency>[] = [];
    if ("devDependencies" in from && !this.#omitted.dev) groups.push(from.devDependencies);
    groups.push(from.dependencies);
    if (!this.#omitted.optional) groups.push(from.optionalDependencies);
    const children = new Map<string, PnpmTarget>();
    for (const [alias, dependency] of groups.flatMap((group) => [...group])) {
      const target = "target" in dependency ? dependency.target : dependency;
      if (target.kind === "link" || this.#isFit(target.depPath)) children.set(alias, target);
    }
    return children;
  }

  #isFit(depPath: string): boolean {
    let fits = this.#fits.get(depPath);
    if (fits === undefined) {
      fits = this.#checkFit(this.#lock.packages.get(depPath)!);
      this.#fits.set(depPath, fits);
    }
    return fits;
  }

  #checkFit(found: PnpmPackage): boolean {
    const { platform } = this.#options;
    const problem = platformProblem(found.manifest, platform);
    const engine = engineProblem(found.manifest, platform);
    if (found.optional) return problem === undefined && engine === undefined;
    const label = labelOf(found);
    if (problem !== undefined) {
      throw new NodeLockError("PLATFORM_MISMATCH", `Cannot install ${label}: ${problem}`, {
        hint: "Make it an optional dependency, or build an image for its platform",
      });
    }
    if (engine !== undefined) this.#warnings.push(`${label}: ${engine}`);
    return true;
  }

  #originOf(found: PnpmPackage) {
    const label = labelOf(found);
    if (found.foreign !== undefined) throw unsupported(label, found.foreign);
    return readOrigin({
      name: found.name,
      version: found.version,
      resolved: found.tarball,
      integrity: found.integrity,
      remake: "pnpm install --lockfile-only",
      lockName: this.#lock.name,
    });
  }

  #directoryOf(found: PnpmPackage): string {
    return `${STORE}/${pnpmDirectoryName(found.depPath, this.#naming)}/node_modules`;
  }

  #pathOf(found: PnpmPackage): string {
    return `${this.#directoryOf(found)}/${found.name}`;
  }

  #placeOf(target: PnpmTarget, from: string): Place {
    if (target.kind === "link") {
      return { path: checkProjectPath(posix.join(from, target.path), target.path), package: undefined };
    }
    const found = this.#lock.packages.get(target.depPath)!;
    return { path: this.#pathOf(found), package: found };
  }

  #linkPackage(found: PnpmPackage): void {
    const directory = this.#directoryOf(found);
    const children = [...this.#childrenOf(found)];
    for (const [alias, target] of children) {
      // A package finds itself in its own directory.
      if (alias !== found.name) this.#link(`${directory}/${alias}`, this.#placeOf(target, "").path);
    }
    const places = children.map(([, target]) => this.#placeOf(target, ""));
    this.#addCommands(`${this.#pathOf(found)}/node_modules/.bin`, places);
  }

  #linkImporter(importer: PnpmImporter): void {
    const modules = posix.join(importer.path, "node_modules");
    const places = [...this.#childrenOf(importer)].map(([alias, target]) => {
      const place = this.#placeOf(target, importer.path);
      this.#link(`${modules}/${alias}`, place.path);
      // Until pnpm 9, the commands of a project lead through its own links.
      return this.#naming === "md5" ? { ...place, via: `${modules}/${alias}` } : place;
    });
    this.#addCommands(`${modules}/.bin`, places);
  }

  /** Gives every package of any name a link in `.pnpm/node_modules`, for what forgets to declare. */
  #hoist(importers: readonly PnpmImporter[], levels: readonly Visited[]): void {
    const root = this.#lock.importers.get("");
    const taken = new Set(root === undefined ? [] : this.#childrenOf(root).keys());
    const direct = new Map<string, Place>();
    for (const [path, name] of this.#options.projectNames ?? []) {
      if (path !== "") direct.set(name, { path, package: undefined });
    }
    for (const importer of importers) {
      for (const [alias, target] of this.#childrenOf(importer)) {
        if (target.kind === "package" && !direct.has(alias)) direct.set(alias, this.#placeOf(target, ""));
      }
    }
    const nodes = levels
      .toSorted((a, b) => a.depth - b.depth || compareStrings(a.package.depPath, b.package.depPath))
      .map(({ package: found }) =>
        [...this.#childrenOf(found)].map(([alias, target]) => [alias, this.#placeOf(target, "")] as const),
      );
    const hoisted: [alias: string, place: Place][] = [];
    for (const [alias, place] of [...direct, ...nodes.flat()]) {
      if (taken.has(alias.toLowerCase())) continue;
      taken.add(alias.toLowerCase());
      hoisted.push([alias, place]);
      this.#link(`${STORE}/node_modules/${alias}`, place.path);
    }
    const places = hoisted.flatMap(([alias, place]) =>
      place.package === undefined ? [] : [{ ...place, via: `${STORE}/node_modules/${alias}` }],
    );
    this.#addCommands(`${STORE}/node_modules/.bin`, places);
  }

  #link(path: string, target: string): void {
    this.#links.push({ path, target: relativeTarget(path, target) });
  }

  /** Commands, those that win first: of the last name, and of it the newest version. */
  #addCommands(directory: string, places: readonly (Place & { readonly via?: string })[]): void {
    const withCommands = places.filter(({ path, package: found }) =>
      found === undefined ? this.#options.projectCommands?.has(path) : found.hasBin,
    );
    const sorted = withCommands.toSorted((a, b) =>
      compareStrings(b.package?.name ?? "", a.package?.name ?? ""),
    );
    for (const { path, via = path, package: found } of sorted) {
      const commands = found === undefined ? this.#options.projectCommands?.get(path) : undefined;
      this.#commands.push({ directory, via, path, commands });
    }
  }
}

interface Visited {
  readonly package: PnpmPackage;
  readonly depth: number;
}

function labelOf({ name, version }: PnpmPackage): string {
  return version === undefined ? name : `${name} ${version}`;
}
