// `--keep-failed`: what a build left that failed goes where its owner can look at it, until `tare store gc`.

import { existsInStore, makeWritable, moveIntoStore } from "../platform/store-files.ts";
import { BuildError } from "./errors.ts";
import type { BuildContext, BuildJob, BuildStore } from "./job.ts";

/** Said of all that is kept. */
export const KEPT_UNTIL = "stays until tare store gc";

/**
 * Moves a tree of a failed build to where it stays.
 *
 * @returns Its absolute path there; its owner can change it.
 */
export function keepTree(name: string, place: string, store: Pick<BuildStore, "failedPlace">): string {
  const kept = store.failedPlace(name);
  moveIntoStore(place, kept);
  makeWritable(kept);
  return kept;
}

/**
 * Keeps the outputs of a build that cannot be used: with another hash, with a reference that is forbidden.
 *
 * @param error Why they cannot be used.
 * @returns The error to be thrown: it says where they are.
 */
export function keepOutputs(
  { name }: BuildJob,
  staged: ReadonlyMap<string, string>,
  { store, progress }: BuildContext,
  error: unknown,
): unknown {
  // What a second build made is kept where it differs alone.
  if (error instanceof BuildError && error.code === "BUILD_NOT_REPRODUCIBLE") return error;
  const kept = [...staged]
    .filter(([, place]) => existsInStore(place))
    .map(([output, place]) => keepTree(`${name}-${output}`, place, store));
  if (kept.length === 0) return error;
  const where = `What it made ${KEPT_UNTIL}: ${kept.join(", ")}`;
  if (!(error instanceof BuildError)) {
    progress.note(where);
    return error;
  }
  const hint = error.hint === undefined ? where : `${error.hint}. ${where}`;
  return new BuildError(error.code, error.message, { hint, cause: error.cause });
}
