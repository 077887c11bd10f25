// tare cache: what the cache holds, and making it smaller. All of it can be made or fetched again.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { CacheFolder } from "../../model/context.ts";
import { type CacheEntry, listCacheEntries, removeCacheEntry } from "../../platform/cache-entries.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addCommonOptions, addExamples } from "../options.ts";
import { count, formatBytes, formatTable } from "../text.ts";

export const summary = "show what the cache holds, and make it smaller";

const HOLDS: Readonly<Partial<Record<CacheFolder, string>>> = {
  downloads: "packages and files as they were fetched",
  trees: "packages unpacked to one archive each",
  blobs: "layers",
  layers: "which contents became which layer",
  builds: "which image files became which image",
  registries: "which repositories have which layers",
  indices: "lists of packages",
  facts: "what the files of packages name",
  runs: "what programs of images wrote when they were composed",
  roots: "root file systems of builds",
  compile: "Tare's own code, compiled",
};

interface PruneOptions extends CommonOptions {
  readonly olderThan: number;
  readonly dryRun?: boolean;
}

export function configure(command: Command, host: Host): void {
  addExamples(
    command,
    ["tare cache", "where it is, and what takes how much room"],
    ["tare cache prune", "remove what was not used for 30 days"],
    ["tare cache prune --older-than 0d", "remove all of it"],
  );
  command.action((options: CommonOptions) => {
    const { cache } = host.context(options);
    const folders = sumByFolder(listCacheEntries(cache.root));
    const rows = folders.map(({ folder, entries, size }) => [
      folder,
      String(entries),
      formatBytes(size),
      HOLDS[folder] ?? "",
    ]);
    const total = folders.reduce((sum, { size }) => sum + size, 0);
    const table = formatTable([["folder", "entries", "size", "holds"], ...rows], [1, 2]);
    host.print(
      options,
      { directory: cache.root, size: total, folders },
      `${cache.root}: ${formatBytes(total)}\n${table}`,
    );
  });
  addPrune(command, host);
}

function addPrune(parent: Command, host: Host): void {
  const command = parent
    .command("prune")
    .summary("remove what was not used for a while")
    .description(
      "Remove what was not used for a while. Running builds may have to make again what they lose.",
    )
    .addOption(
      new Option("--older-than <time>", "how long something was not used, such as 12h, 30d or 8w")
        .argParser(parseAge)
        .default(30 * 86_400, "30d"),
    )
    .option("--dry-run", "only say what would be removed");
  addExamples(command, ["tare cache prune --older-than 1w --dry-run", "what a week's idle entries take"]);
  addCommonOptions(command).exitOverride();
  command.action(() => {
    const options = command.optsWithGlobals<PruneOptions>();
    const { cache, progress, signal } = host.context(options);
    const old = listCacheEntries(cache.root).filter(({ idleSeconds }) => idleSeconds >= options.olderThan);
    const folders = sumByFolder(old);
    const size = folders.reduce((sum, one) => sum + one.size, 0);
    if (options.dryRun !== true) {
      const stage = progress.stage("removing");
      stage.expect(old.length, size);
      for (const entry of old) {
        signal.throwIfAborted();
        removeCacheEntry(entry);
        stage.advance(1, entry.size);
      }
      stage.done(count(old.length, "entry", "entries"));
    }
    const verb = options.dryRun === true ? "would be removed" : "removed";
    host.print(
      options,
      { removed: folders, size, dryRun: options.dryRun === true },
      `${count(old.length, "entry", "entries")} ${verb}, ${formatBytes(size)}`,
    );
  });
}

function sumByFolder(entries: readonly CacheEntry[]) {
  return [...Map.groupBy(entries, ({ folder }) => folder)].map(([folder, group]) => ({
    folder,
    entries: group.length,
    size: group.reduce((sum, { size }) => sum + size, 0),
  }));
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

function parseAge(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError("A time such as 12h, 30d or 8w was expected.");
  return Number(number) * UNITS[unit!]!;
}
