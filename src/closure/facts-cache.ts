// Facts of store objects: from the cache by content, or else computed on worker threads and put there.

import { createHash } from "node:crypto";
import type { Context } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { StoreObject } from "../model/store-object.ts";
import { computeTreeSize } from "../model/tree.ts";
import { ContentError } from "../platform/content.ts";
import { writeFileAtomically } from "../platform/disk.ts";
import { readSmallFile } from "../platform/files.ts";
import { ThreadPool } from "../platform/threads.ts";
import { decodeFacts, type ObjectFacts } from "./facts.ts";
import { entriesWithFacts, type FactsReply, type FactsRequest } from "./facts-of-object.ts";
import { factsVersion } from "./kinds.ts";

const WORKER = new URL(`./facts-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
const MAX_FACTS = 1 << 28;

/**
 * Reads or computes the facts of objects.
 *
 * @returns By the objects' ids.
 * @throws {ContentError} `CACHE_DAMAGED` when bytes in the cache are not what their index says.
 * @throws {DiskError} When the cache cannot be written.
 */
export async function scanObjects(
  objects: readonly StoreObject[],
  context: Context,
): Promise<ReadonlyMap<string, ObjectFacts>> {
  const version = factsVersion();
  const found = new Map<string, ObjectFacts>();
  const missing: { readonly object: StoreObject; readonly file: string }[] = [];
  for (const object of objects) {
    const file = context.cache.path("facts", keyOf(object, version));
    const stored = readSmallFile(file, MAX_FACTS);
    const facts = Buffer.isBuffer(stored) ? decodeFacts(stored) : undefined;
    if (facts === undefined) missing.push({ object, file });
    else found.set(object.id, facts);
  }
  if (missing.length === 0) return found;
  // The largest first, so that no thread is left with one at the end.
  missing.sort((a, b) => computeTreeSize(b.object.tree) - computeTreeSize(a.object.tree));
  await using pool = new ThreadPool<FactsRequest, FactsReply>(
    WORKER,
    Math.max(1, Math.min(context.jobs, missing.length)),
    undefined,
  );
  await Promise.all(
    missing.map(async ({ object, file }) => {
      const reply = await pool.run({ entries: entriesWithFacts(object.tree.entries) });
      context.signal.throwIfAborted();
      if ("damagedFile" in reply) throw new ContentError(reply.damagedFile, reply.message);
      const facts = decodeFacts(reply.facts);
      if (facts === undefined) throw new InternalError("facts that were just encoded do not decode");
      writeFileAtomically(file, reply.facts);
      found.set(object.id, facts);
    }),
  );
  return found;
}

/** Names the facts of a tree: everything that they depend on is in the hash. */
function keyOf({ tree }: StoreObject, version: string): string {
  const hash = createHash("sha256").update(version);
  let text = "";
  for (const entry of tree.entries) {
    if (entry.type === "directory") continue;
    text += `${entry.path}\0${entry.type === "file" ? entry.content.sha256 : `>${entry.target}`}\n`;
  }
  return hash.update(text, "latin1").digest("hex");
}
