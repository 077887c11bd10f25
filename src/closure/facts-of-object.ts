// The facts of all files and links of one store object's tree, encoded.

import type { FileEntry, SymlinkEntry, TreeEntry } from "../model/tree.ts";
import { computeFacts, encodeFacts, type FileFacts, isOpaque, languagesOf } from "./facts.ts";
import { normalizePath } from "./literals.ts";
import type { TokenKind } from "./token-kind.ts";

export type NamedEntry = FileEntry | SymlinkEntry;

export interface FactsRequest {
  readonly entries: readonly NamedEntry[];
}

/** Encoded facts, or the file of the cache that is damaged: errors do not cross threads. */
export type FactsReply =
  | { readonly facts: Uint8Array }
  | { readonly damagedFile: string; readonly message: string };

/** The entries that have facts: all but directories, in the tree's order. */
export function entriesWithFacts(entries: readonly TreeEntry[]): NamedEntry[] {
  return entries.filter((entry) => entry.type !== "directory");
}

const EMPTY = new Uint8Array(0);

/**
 * Computes the encoded facts of {@link entriesWithFacts}.
 *
 * @param read The bytes of a file; not called for files whose names say that they name nothing.
 * @throws What `read` throws.
 */
export function computeObjectFacts(
  entries: readonly NamedEntry[],
  kinds: readonly TokenKind[],
  read: (entry: FileEntry) => Uint8Array,
): Uint8Array {
  const languages = languagesOf(kinds);
  const facts: FileFacts[] = entries.map((entry) => {
    const path = normalizePath(entry.path);
    if (entry.type === "symlink") return computeFacts(path, EMPTY, entry.target, kinds, languages);
    const content = isOpaque(path) || entry.size === 0 ? EMPTY : read(entry);
    return computeFacts(path, content, undefined, kinds, languages);
  });
  return encodeFacts(facts);
}
