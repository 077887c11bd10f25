// `removeReferencesTo`: in all files of the outputs the hash of each listed path becomes e's, as remove-references-to of
// nixpkgs writes it, so that the scan does not find it and nothing can follow it.

import { asStorePath, HASH_PART_LENGTH, hashPart } from "../../model/store-path.ts";
import { rewriteFiles } from "../../platform/store-files.ts";
import { wordsOf } from "../environment.ts";
import { BuildError } from "../errors.ts";
import type { Fixup } from "../fixups.ts";
import type { BuildContext, BuildJob } from "../job.ts";

const REMOVED = Buffer.from("e".repeat(HASH_PART_LENGTH));

export const fixup: Fixup = {
  async apply(job: BuildJob, staged: ReadonlyMap<string, string>, { signal }: BuildContext): Promise<void> {
    const parts = (wordsOf(job, "removeReferencesTo") ?? []).map((word) => {
      const path = asStorePath(word);
      if (path !== undefined) return Buffer.from(hashPart(path));
      throw new BuildError(
        "BUILTIN_INVALID",
        `Cannot remove references of ${job.name}: removeReferencesTo has ${JSON.stringify(word)}, a store path was expected`,
      );
    });
    if (parts.length === 0) return;
    for (const place of staged.values()) {
      await rewriteFiles(place, (bytes) => blankOut(bytes, parts), signal);
    }
  },
};

/** @returns The bytes, changed in place, or undefined when nothing was found. */
function blankOut(bytes: Buffer, parts: readonly Buffer[]): Buffer | undefined {
  let found = false;
  for (const part of parts) {
    for (let at = bytes.indexOf(part); at >= 0; at = bytes.indexOf(part, at + part.length)) {
      REMOVED.copy(bytes, at);
      found = true;
    }
  }
  return found ? bytes : undefined;
}
