// Why one valid path needs another: the shortest chain of references, with where each hash stands.

import type { NarNode } from "../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../formats/nix/nar-reader.ts";
import { HashPartSearch } from "../formats/nix/references.ts";
import { type BytePath, baseName } from "../model/bytes.ts";
import { hashPart, type StorePath } from "../model/store-path.ts";
import type { Registration } from "../platform/nix-database.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { walkNar } from "../platform/store-files.ts";
import { StoreCommandError } from "./errors.ts";

/** Where the hash part of a path stands in another. */
export interface Mention {
  /** Below the store path; empty for a store path that is a file or a link. */
  readonly path: BytePath;
  readonly where: "contents" | "link" | "name";
  /** Bytes from the beginning of the contents, target or name. */
  readonly offset: number;
}

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
    const finder = new MentionFinder(hashPart(path));
    await walkNar(store.physicalPath(chain[i]!), finder, { signal });
    steps.push({ from: chain[i]!, to: path, mentions: finder.mentions });
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

/** Notes where a hash part stands: in each file, link and name once. */
class MentionFinder implements NarHandler {
  readonly mentions: Mention[] = [];
  readonly #hashPart: string;
  #search: HashPartSearch | undefined;

  constructor(part: string) {
    this.#hashPart = part;
  }

  node(node: NarNode): void {
    const { path } = node;
    this.#find(baseName(path), path, "name");
    if (node.type === "symlink") this.#find(node.target, path, "link");
    this.#search = node.type === "file" ? this.#searchIn(path, "contents") : undefined;
  }

  content(chunk: Uint8Array): void {
    this.#search?.update(chunk);
  }

  nodeEnd(): void {
    this.#search = undefined;
  }

  #find(text: string, path: BytePath, where: Mention["where"]): void {
    this.#searchIn(path, where).update(Buffer.from(text, "latin1"));
  }

  #searchIn(path: BytePath, where: Mention["where"]): HashPartSearch {
    const search = new HashPartSearch([this.#hashPart], (part, offset) => {
      this.mentions.push({ path, where, offset });
      search.drop(part);
    });
    return search;
  }
}
