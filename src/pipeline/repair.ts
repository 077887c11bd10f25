// Damage that is found in the cache wherever bytes are read is deleted, and what found it is done again.

import { join } from "node:path";
import type { Context } from "../model/context.ts";
import { ContentError } from "../platform/content.ts";
import { removeFile } from "../platform/files.ts";

/**
 * Runs an action; what it finds damaged in the cache is deleted, so that the next try makes it again. Files of stores are
 * left alone: nothing would make them again.
 */
export async function recoverDamage<T>(context: Context, action: () => Promise<T>): Promise<T> {
  const repaired = new Set<string>();
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ContentError) || repaired.has(error.file)) throw error;
      if (!error.file.startsWith(join(context.cache.root, "/"))) throw error;
      repaired.add(error.file);
      context.progress.note(`repairing the cache: ${error.file} is damaged`);
      removeFile(error.file);
    }
  }
}
