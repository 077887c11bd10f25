// Closure → root file system: the trees are merged as dpkg would unpack them, then the fixes do what maintainer
// scripts would have done, one after the other. Everything that was done or not done is in the report.

import { followScript, SUCCESS, UNKNOWN } from "../formats/maintainer-script.ts";
import type { BytePath } from "../model/bytes.ts";
import { comparePaths } from "../model/bytes.ts";
import type { Closure } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import { ROOTFS_UNIT_ID } from "../model/layer-plan.ts";
import type { FixReport, RootFileSystem, RootFileSystemUnit } from "../model/root-file-system.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { DirectoryEntry, TreeEntry } from "../model/tree.ts";
import { ContentReader } from "../platform/content.ts";
import { Accounts } from "./accounts.ts";
import { orderForConfiguration } from "./configure-order.ts";
import { Diversions, parseDiversion } from "./diversions.ts";
import type { CommandHandler, FixContext, PackageObject, RootFileSystemOptions } from "./fix.ts";
import { createReporter, loadFixes } from "./fix.ts";
import type { MergedTrees } from "./merge.ts";
import { mergeTrees, STANDARD_LINKS } from "./merge.ts";
import { Root } from "./root.ts";
import { runPrograms } from "./run-programs.ts";

/**
 * Composes the root file system of an image.
 *
 * @param closure What is in the image; of packages also the files that were left out are read.
 * @throws {RootFsError} `FILE_CONFLICT`, `LINK_LOOP`
 * @throws {ContentError} `CACHE_DAMAGED` when a file that is read is damaged; {@link DiskError}.
 *
 * The result depends on nothing but `closure` and `options`; with programs to run, also on whether this machine can
 * run them.
 */
export async function composeRootFileSystem(
  closure: Closure,
  options: RootFileSystemOptions,
  context: Pick<Context, "progress" | "signal">,
): Promise<RootFileSystem> {
  const fixes = isBare(closure, options) ? [] : await loadFixes();
  const stage = context.progress.stage("composing");
  stage.expect(fixes.length);
  using reader = new ContentReader();
  const reports: FixReport[] = [];
  const inside = new Set(closure.units.map(({ object }) => object.id));
  const beside = (options.beside ?? []).filter(({ id }) => !inside.has(id));
  const near = new Set([...inside, ...beside.map(({ id }) => id)]);
  const installable = (options.installable ?? []).filter(({ id }) => !near.has(id));
  const followed = orderForConfiguration(
    selectPackages([...closure.units.map(({ object }) => object), ...beside]),
  );
  const packages = followed.filter(({ id }) => inside.has(id));
  const diversions = readDiversions(followed);
  const { base } = options;
  const trees = mergeTrees(
    closure,
    [...beside, ...installable],
    diversions,
    createReporter("merge", reports),
    {
      base,
      standardLinks: isBare(closure, options) ? new Map() : standardLinksBeside(base),
    },
  );
  const contentsRead = new Set<BytePath>();
  const root = new Root(trees.entries, trees.absent, (entry) => {
    contentsRead.add(entry.path);
    return reader.read(entry);
  });
  const commands = new Map<string, CommandHandler>();
  const helpers = new Set<string>();
  const shared = {
    root,
    accounts: new Accounts(),
    diversions,
    packages,
    followed,
    options,
    commands,
    helpers,
    unemulated: [],
  };
  const active = fixes.map((fix) => {
    const fixContext: FixContext = { ...shared, report: createReporter(fix.name, reports) };
    const one = fix.create(fixContext);
    for (const [name, handler] of Object.entries(one.commands ?? {})) commands.set(name, handler);
    for (const path of one.helpers ?? []) helpers.add(path);
    return one;
  });
  for (const one of active) {
    context.signal.throwIfAborted();
    one.run?.();
    stage.advance(1);
  }
  const { programCache: cache, architecture } = options;
  if (cache !== undefined) {
    const objects = [...closure.units.map(({ object }) => object), ...beside, ...installable];
    const needsOf = (id: string) => listNeeds(objects, id);
    await runPrograms(root, reports, architecture, needsOf, { ...context, cache });
  }
  const result = { ...collect(closure, trees, root, reports), contentsRead };
  stage.done(summarize(result));
  return result;
}

/** What the scripts of a package may take for granted: all that it declares to need, and what is Essential. */
function listNeeds(objects: readonly StoreObject[], id: string): ReadonlySet<string> {
  const byId = new Map(objects.map((object) => [object.id, object]));
  const essential = objects.filter((object) => object.package?.control.get("Essential") === "yes");
  const needs = new Set([id, ...essential.map((object) => object.id)]);
  for (const one of needs) for (const other of byId.get(one)?.declaredReferences ?? []) needs.add(other);
  return needs;
}

/** Whether all of an image is in the store: no program of it looks for a system around it. */
function isBare({ units }: Closure, { declared }: RootFileSystemOptions): boolean {
  if (declared !== undefined) return false;
  const inStore = units.filter(({ object }) => object.placement.kind === "in-store").length;
  const atRoot = units.filter(({ object }) => object.placement.kind === "at-root");
  return inStore > 0 && atRoot.every(({ entries }) => entries.every(isStoreLink));
}

function isStoreLink(entry: TreeEntry): boolean {
  return entry.type === "directory" || (entry.type === "symlink" && entry.target.startsWith("/nix/store/"));
}

/** The standard links but for those in whose places a base image has directories. */
function standardLinksBeside(base: StoreObject | undefined): ReadonlyMap<BytePath, string> {
  const directories = new Set(
    base?.tree.entries.flatMap(({ type, path }) => (type === "directory" ? [path] : [])),
  );
  return new Map([...STANDARD_LINKS].filter(([path]) => !directories.has(path)));
}

function selectPackages(objects: readonly StoreObject[]): PackageObject[] {
  return objects.flatMap((object) => (object.package === undefined ? [] : [object as PackageObject]));
}

/** Diversions are made before anything is unpacked: preinst scripts are read for them first. */
function readDiversions(packages: readonly PackageObject[]): Diversions {
  const diversions = new Diversions();
  for (const object of packages) {
    const { name, controlFiles } = object.package;
    const text = controlFiles.get("preinst");
    if (text === undefined || !text.includes("dpkg-divert")) continue;
    followScript(
      text,
      { name, args: ["install"], environment: { DPKG_MAINTSCRIPT_PACKAGE: name } },
      {
        status: () => "unknown",
        readFile: () => null,
        listDirectory: () => [],
        writeFile: () => {},
        hasCommand: (command) => command === "dpkg-divert",
        run: (command) => {
          if (command.name.replace(/^.*\//, "") !== "dpkg-divert") return UNKNOWN;
          const parsed = parseDiversion(command.args, name);
          if (parsed?.action === "add") diversions.add(parsed.diversion);
          return SUCCESS;
        },
        skip: () => {},
      },
    );
  }
  return diversions;
}

function collect(
  closure: Closure,
  trees: MergedTrees,
  root: Root,
  report: readonly FixReport[],
): Omit<RootFileSystem, "contentsRead"> {
  const placed = root.list();
  const entriesByUnit = new Map<string, TreeEntry[]>();
  const directories = new Map<BytePath, DirectoryEntry>();
  for (const { entry, unit } of placed) {
    if (entry.type === "directory") directories.set(entry.path, entry);
    if (entry.type === "directory" && unit !== ROOTFS_UNIT_ID) continue;
    const entries = entriesByUnit.get(unit);
    if (entries === undefined) entriesByUnit.set(unit, [entry]);
    else entries.push(entry);
  }
  // A unit keeps each directory that it ships, so that its layer is the same whatever else is in the image.
  const units = closure.units.map(({ object }): RootFileSystemUnit => {
    const own = [...(trees.unitDirectories.get(object.id) ?? [])].flatMap(
      (path) => directories.get(path) ?? [],
    );
    const entries = [...own, ...(entriesByUnit.get(object.id) ?? [])];
    return {
      id: object.id,
      label: object.label,
      entries: entries.sort((a, b) => comparePaths(a.path, b.path)),
    };
  });
  return {
    units,
    additions: entriesByUnit.get(ROOTFS_UNIT_ID) ?? [],
    merged: new Map(placed.map(({ entry }) => [entry.path, entry])),
    directories,
    report,
  };
}

function summarize({ units, additions, report }: RootFileSystem): string {
  const users = report.filter(({ action, path }) => action === "user" && path === undefined).length - 1;
  const ran = report.filter(({ action }) => action === "run").length;
  const needsRun = report.filter(({ action }) => action === "needs-run").length;
  const parts = [`${units.length} packages`, `${additions.length} files added`];
  if (users > 0) parts.push(`${users} ${users === 1 ? "user" : "users"} made`);
  if (ran > 0) parts.push(`${ran} programs run`);
  if (needsRun > 0) parts.push(`${needsRun} programs not run`);
  return parts.join(", ");
}
