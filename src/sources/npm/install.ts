// A project's lock → its node_modules as one tree: tarballs fetched, checked and unpacked, put where the lock says.

import { join } from "node:path";
import { formatIntegrity } from "../../formats/npm/integrity.ts";
import type { NodeModulesPlan, PlacedPackage } from "../../formats/npm/layout.ts";
import type { PackageOrigin } from "../../formats/npm/origin.ts";
import { planNpm } from "../../formats/npm/plan-npm.ts";
import { planPnpm } from "../../formats/npm/plan-pnpm.ts";
import { platformOf } from "../../formats/npm/platform.ts";
import type { OmittedGroup } from "../../formats/npm/select-npm.ts";
import type { BytePath } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { Architecture } from "../../model/image-spec.ts";
import type { Tree } from "../../model/tree.ts";
import { pathKind, removeFile } from "../../platform/files.ts";
import { inParallel } from "../../platform/parallel.ts";
import { type RegistryConfig, readRegistryConfig } from "./config.ts";
import { NpmError } from "./errors.ts";
import { fetchTarball } from "./fetch.ts";
import { type InstallScript, listInstallScripts } from "./install-scripts.ts";
import { layOut } from "./lay-out.ts";
import type { NodeProject } from "./project.ts";
import { openTarball, readCachedTarball } from "./tarball.ts";

/** Registries do not like more from one client. */
const MOST_DOWNLOADS = 16;

export interface InstallOptions {
  readonly architecture: Architecture;
  /** Where the project's directory is in the tree; default: the tree's root. */
  readonly prefix?: BytePath | undefined;
  /** Groups of dependencies that are left out; default: `["dev"]`. */
  readonly omit?: readonly OmittedGroup[] | undefined;
  /** Version of the Node that will run it, for `engines`; undefined: nothing is left out or told for it. */
  readonly nodeVersion?: string | undefined;
}

/** A package of the tree. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string | undefined;
  /** Relative to the project: `node_modules/express`. */
  readonly path: string;
  /** What its tarball was checked by; undefined for what another tarball holds, and for files of the project. */
  readonly integrity: string | undefined;
}

export interface NodeModules {
  /** The node_modules directories, and nothing else of the project. */
  readonly tree: Tree;
  /** Sorted by path. */
  readonly packages: readonly InstalledPackage[];
  /** What would have run now; none of it has. */
  readonly installScripts: readonly InstallScript[];
  /** For people. */
  readonly warnings: readonly string[];
}

/**
 * Installs what a project's lock says, without running anything: for npm what `npm ci --ignore-scripts --omit=dev`
 * makes, without the hidden lock file; for pnpm what `pnpm install --prod --ignore-scripts` makes with
 * `prefer-symlinked-executables`, without the files in which pnpm keeps its state.
 *
 * @throws {NodeLockError} When the lock does not allow it: see its codes.
 * @throws {NpmError} When a tarball is not what the lock says.
 * @throws {NetworkError} When it cannot be had.
 */
export async function installNodeModules(
  project: NodeProject,
  options: InstallOptions,
  context: Context,
): Promise<NodeModules> {
  const plan = planProject(project, options);
  const trees = await realisePackages(project, plan.packages, context);
  const hasProjectFile = (path: string) => pathKind(join(project.directory, path)) === "file";
  const tree = layOut(plan, { trees, prefix: options.prefix, hasProjectFile });
  return {
    tree,
    packages: plan.packages.map(({ name, version, path, origin }) => ({
      name,
      version,
      path,
      integrity: describeIntegrity(origin),
    })),
    installScripts: listInstallScripts(plan, tree, options.prefix),
    warnings: [...project.warnings, ...plan.warnings, ...listWeakHashes(plan.packages)],
  };
}

/** Plans without fetching anything. */
export function planProject({ lock, manifests }: NodeProject, options: InstallOptions): NodeModulesPlan {
  const platform = platformOf(options.architecture, options.nodeVersion);
  const { omit } = options;
  if (lock.kind === "npm") return planNpm(lock, { platform, omit });
  const named = [...manifests].flatMap(([path, { name }]): [string, string][] =>
    name === undefined ? [] : [[path, name]],
  );
  return planPnpm(lock, {
    platform,
    omit,
    naming: /^pnpm@[1-9]\./.test(manifests.get("")?.packageManager ?? "") ? "md5" : undefined,
    projectNames: new Map(named),
    projectCommands: new Map([...manifests].map(([path, { bin }]) => [path, bin])),
  });
}

/** The trees of packages that have a tarball of their own, by path. */
async function realisePackages(
  project: NodeProject,
  packages: readonly PlacedPackage[],
  context: Context,
): Promise<ReadonlyMap<string, Tree>> {
  const trees = new Map<string, Tree>();
  const missing: PlacedPackage[] = [];
  for (const placed of packages) {
    const integrity = placed.origin?.integrity;
    const cached = integrity === undefined ? undefined : readCachedTarball(integrity, context);
    if (cached !== undefined) trees.set(placed.path, cached);
    else if (placed.origin !== undefined) missing.push(placed);
  }
  if (missing.length === 0) return trees;
  const config = readRegistryConfig(project.directory);
  const stage = context.progress.stage("fetching");
  stage.expect(missing.length);
  // A package that is at several places is fetched once.
  const groups = Map.groupBy(missing, ({ origin, path }) => describeIntegrity(origin) ?? path);
  await inParallel([...groups.values()], MOST_DOWNLOADS, context.signal, async (group, signal) => {
    const tree = await openPackage(project, group[0]!, config, { ...context, signal }, (bytes) =>
      stage.advance(0, bytes),
    );
    for (const { path } of group) trees.set(path, tree);
    stage.advance(group.length);
  });
  stage.done(`${missing.length} npm package${missing.length === 1 ? "" : "s"}`);
  return trees;
}

async function openPackage(
  project: NodeProject,
  { name, version, origin }: PlacedPackage,
  config: RegistryConfig,
  context: Context,
  onBytes: (count: number) => void,
): Promise<Tree> {
  const label = version === undefined ? name : `${name} ${version}`;
  if (origin!.kind === "file") {
    const file = join(project.directory, origin!.path);
    if (pathKind(file) !== "file") {
      throw new NpmError("PROJECT_FILE_MISSING", `Cannot install ${label}: there is no file ${file}`);
    }
    return openTarball(label, file, origin!.integrity, context);
  }
  const { integrity, resolved } = origin!;
  const tarball = { name, version, resolved, integrity };
  const file = await fetchTarball(tarball, config, context, onBytes);
  try {
    return await openTarball(label, file, integrity, context);
  } catch (error) {
    if (!(error instanceof NpmError) || error.code !== "INTEGRITY_MISMATCH") throw error;
  }
  // A download is checked as it arrives: the copy in the cache has been damaged since.
  removeFile(file);
  context.progress.note(`${label} is damaged in the cache and is fetched again`);
  return openTarball(label, await fetchTarball(tarball, config, context, onBytes), integrity, context);
}

function describeIntegrity(origin: PackageOrigin | undefined): string | undefined {
  const integrity = origin?.integrity;
  return integrity?.digests.map((digest) => formatIntegrity(integrity.algorithm, digest)).join(" ");
}

function listWeakHashes(packages: readonly PlacedPackage[]): string[] {
  return packages.flatMap(({ name, version, origin }) =>
    origin?.integrity?.algorithm === "sha1"
      ? [
          `${name} ${version ?? ""}: the lock has only a SHA-1 for it, which can be forged; make its entry anew`,
        ]
      : [],
  );
}
