// Where a tree mentions a store path: the files, links and names that have its hash.

import type { NarNode } from "../../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../../formats/nix/nar-reader.ts";
import { HashPartSearch } from "../../formats/nix/references.ts";
import { type BytePath, baseName } from "../../model/bytes.ts";
import { hashPart, type StorePath } from "../../model/store-path.ts";
import { walkNar } from "../store-files.ts";

/** Where the hash part of a path stands in another. */
export interface Mention {
  /** Below the store path; empty for a store path that is a file or a link. */
  readonly path: BytePath;
  readonly where: "contents" | "link" | "name";
  /** Bytes from the beginning of the contents, target or name. */
  readonly offset: number;
}

/**
 * Finds all mentions of a store path.
 *
 * @param place Absolute path of a tree, a file or a link.
 * @returns The first of each file, link and name.
 */
export async function findMentions(place: string, path: StorePath, signal: AbortSignal): Promise<Mention[]> {
  const finder = new MentionFinder(hashPart(path));
  await walkNar(place, finder, { signal });
  return finder.mentions;
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
