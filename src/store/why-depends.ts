// Why one valid path needs another: the shortest chain of references, with where each hash stands.

import type { StorePath } from "../model/store-path.ts";
import type { Registration } from "../platform/nix-database.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { findMentions, type Mention } from "../platform/store/mentions.ts";
import { StoreCommandError } from "./errors.ts";

export interface DependencyStep {
  readonly from: StorePath;
  readonly to: StorePath;
  /** The first of each file; empty when the reference is only registered. */
  readonly mentions: readonly Mention[];
}

/**
 * Explains a dependency.
 *
 * @returns The steps from one path to the other; none when they are the same.
 * @throws {StoreCommandError} `NO_DEPENDENCY`; {StoreError} `STORE_PATH_MISSING`.
 */
export async function explainDependency(
  from: StorePath,
  to: StorePath,
  store: LocalStore,
  signal: AbortSignal,
): Promise<DependencyStep[]> {
  store.query(to);
  const chain = findChain(from, to, store.closure([from]));
  if (chain === undefined) {
    throw new StoreCommandError("NO_DEPENDENCY", `Cannot explain why ${from} needs ${to}: it does not`, {
      hint: `Its closure is listed by tare store ls --closure ${from}`,
    });
  }
  const steps: DependencyStep[] = [];
  for (const [i, path] of chain.slice(1).entries()) {
    const mentions = await findMentions(store.physicalPath(chain[i]!), path, signal);
    steps.push({ from: chain[i]!, to: path, mentions });
  }
  return steps;
}

function findChain(
  from: StorePath,
  to: StorePath,
  closure: readonly Registration[],
): StorePath[] | undefined {
  const infos = new Map(closure.map((info) => [info.path, info]));
  const via = new Map<StorePath, StorePath | undefined>([[from, undefined]]);
  const queue = [from];
  // The list grows while it is gone through.
  for (const path of queue) {
    if (path === to) break;
    for (const reference of infos.get(path)!.references) {
      if (via.has(reference)) continue;
      via.set(reference, path);
      queue.push(reference);
    }
  }
  if (!via.has(to)) return undefined;
  const chain: StorePath[] = [];
  for (let path: StorePath | undefined = to; path !== undefined; path = via.get(path)) chain.unshift(path);
  return chain;
}
