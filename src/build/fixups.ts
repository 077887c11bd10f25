// Fix-ups of outputs, one file in fixups/ each, in the order of their names: what nixpkgs' standard environment does after
// a build, asked for by the same attributes.

import { importModules } from "../platform/discover.ts";
import type { BuildContext, BuildJob } from "./job.ts";

export interface Fixup {
  /** Changes staged outputs in place; their files have the modes of a store when it is called, and must have them after. */
  apply(job: BuildJob, staged: ReadonlyMap<string, string>, context: BuildContext): Promise<void>;
}

export async function applyFixups(
  job: BuildJob,
  staged: ReadonlyMap<string, string>,
  context: BuildContext,
): Promise<void> {
  const modules = await importModules<{ fixup: Fixup }>(new URL("./fixups/", import.meta.url));
  for (const { module } of modules) await module.fixup.apply(job, staged, context);
}
