// Equal files of a store become one, as with `nix-store --optimise`: each is a link to `.links/<hash>`, where the hash is
// that of the file's NAR, so that what can be executed is never shared with what cannot.

import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { encodeNix32 } from "../formats/nix/hash.ts";
import type { NarNode } from "../formats/nix/nar-grammar.ts";
import type { NarHandler } from "../formats/nix/nar-reader.ts";
import { NarWriter } from "../formats/nix/nar-writer.ts";
import { type BytePath, ROOT_PATH } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import { STORE_DIR } from "../model/store-path.ts";
import { entryPath } from "../platform/directory-entries.ts";
import { makeDirectories } from "../platform/disk.ts";
import { LINKS_DIRECTORY } from "../platform/store/garbage.ts";
import type { LocalStore } from "../platform/store/local-store.ts";
import { shareFile } from "../platform/store/share-files.ts";
import { walkNar } from "../platform/store-files.ts";

export interface OptimisedStore {
  /** Files that were looked at. */
  readonly files: number;
  /** Files that are links now and were not before. */
  readonly linked: number;
  /** Bytes of those. */
  readonly saved: number;
}

/** Links equal files of all valid paths. */
export async function optimiseStore(
  store: LocalStore,
  { progress, signal }: Pick<Context, "progress" | "signal">,
): Promise<OptimisedStore> {
  const links = join(store.root, STORE_DIR, LINKS_DIRECTORY);
  makeDirectories(links);
  const infos = store.database.all();
  store.protect(infos.map(({ path }) => path));
  const stage = progress.stage("linking");
  const result = { files: 0, linked: 0, saved: 0 };
  for (const { path, narSize } of infos) {
    stage.expect(1, narSize);
    if (!store.database.isValid(path)) continue;
    const place = store.physicalPath(path);
    const hasher = new FileHasher();
    await walkNar(place, hasher, { signal });
    // The top of a path stays as it is: what is beside it in the store belongs to others.
    for (const { file, size, hash } of hasher.files) {
      result.files++;
      if (file === ROOT_PATH || shareFile(entryPath(place, file), join(links, hash)) !== "linked") continue;
      result.linked++;
      result.saved += size;
    }
    stage.advance(1, narSize);
  }
  stage.done(`${result.linked} of ${result.files} files`);
  return result;
}

/** Hashes every file of a tree as the NAR that it would be alone. */
class FileHasher implements NarHandler {
  readonly files: { readonly file: BytePath; readonly size: number; readonly hash: string }[] = [];
  #file:
    | { readonly node: NarNode & { readonly type: "file" }; readonly writer: NarWriter; readonly hash: Hash }
    | undefined;

  node(node: NarNode): void {
    if (node.type !== "file") return;
    const hash = createHash("sha256");
    const writer = new NarWriter((bytes) => void hash.update(bytes));
    writer.node({ ...node, path: ROOT_PATH });
    this.#file = { node, writer, hash };
  }

  content(chunk: Uint8Array): void {
    this.#file!.writer.content(chunk);
  }

  nodeEnd(): void {
    if (this.#file === undefined) return;
    const { node, writer, hash } = this.#file;
    this.#file = undefined;
    writer.nodeEnd();
    this.files.push({ file: node.path, size: node.size, hash: encodeNix32(hash.digest()) });
  }
}
