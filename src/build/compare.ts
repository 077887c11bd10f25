// `--check`: what a second build made against what the store has, to the byte, with what differs by file.

import type { StorePath } from "../model/store-path.ts";
import { formatDifferences, listDifferences } from "../platform/tree-difference.ts";
import type { DescribedOutput } from "./build.ts";
import { BuildError } from "./errors.ts";
import { KEPT_UNTIL, keepTree } from "./failed.ts";
import type { BuildJob, BuildStore } from "./job.ts";

/**
 * Compares.
 *
 * @param keep The second outputs stay on disk where they differ.
 * @throws {BuildError} `BUILD_NOT_REPRODUCIBLE`, with the first files that differ and how.
 */
export function compareOutputs(
  job: BuildJob,
  outputs: readonly DescribedOutput[],
  staged: ReadonlyMap<string, string>,
  store: BuildStore,
  keep: boolean,
): void {
  const different = outputs.filter(({ info }) => store.query(info.path).narHash !== info.narHash);
  if (different.length === 0) return;
  const lines = different.flatMap(({ name, info }) => describe(info.path, staged.get(name)!, store));
  const kept = keep
    ? different.map(({ name }) => keepTree(`${job.name}-check`, staged.get(name)!, store))
    : [];
  const whereabouts = keep
    ? `the second ${KEPT_UNTIL}: ${kept.join(", ")}`
    : "--keep-failed keeps the second";
  throw new BuildError(
    "BUILD_NOT_REPRODUCIBLE",
    `Cannot reproduce ${job.name}: a second build gave other bytes\n${lines.join("\n")}`,
    {
      hint: `Times, random names, the number of CPUs and the order of directories are the usual reasons; ${whereabouts}`,
    },
  );
}

/** Differences that a message shows of each output. */
const MOST_SHOWN = 10;

function describe(path: StorePath, staged: string, store: BuildStore): string[] {
  const differences = listDifferences(store.physicalPath(path), staged);
  const shown = formatDifferences(differences.slice(0, MOST_SHOWN)).map((line) => `    ${line}`);
  const more = differences.length - MOST_SHOWN;
  return [`  ${path}:`, ...shown, ...(more > 0 ? [`    and ${more} more`] : [])];
}
