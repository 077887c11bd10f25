// A store path on disk → the chunks of its NAR, at the pace of whoever takes them; checked against what is registered.

import { narPieces } from "../../formats/nix/nar-writer.ts";
import type { PathInfo } from "../../model/path-info.ts";
import type { Tree } from "../../model/tree.ts";
import { readRange } from "../files.ts";
import { StoreError } from "./errors.ts";
import { NarHash } from "./nar-facts.ts";

/** Bytes of a chunk, roughly: small files go together. */
const CHUNK = 1 << 18;

/**
 * Reads the NAR of a path.
 *
 * @param tree Of the path, from `readStoreTree`.
 * @throws {StoreError} `STORE_HASH_MISMATCH` behind the last chunk, when the bytes are not those of `info`; {DiskError}.
 */
export async function* readStoreNar(
  info: Pick<PathInfo, "path" | "narHash" | "narSize">,
  tree: Tree,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const hash = new NarHash();
  for await (const chunk of gather(pieces(tree, signal))) {
    hash.update(chunk);
    yield chunk;
  }
  const { narHash, narSize } = hash.facts();
  if (narHash === info.narHash && narSize === info.narSize) return;
  throw new StoreError(
    "STORE_HASH_MISMATCH",
    `Cannot read ${info.path}: its NAR has the hash sha256:${narHash}, sha256:${info.narHash} was expected`,
    { hint: "It was changed or damaged: run tare store verify --repair, and get it anew" },
  );
}

async function* pieces(tree: Tree, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (const piece of narPieces(tree)) {
    if (piece instanceof Uint8Array) yield piece;
    else if (piece.content.kind === "bytes") yield piece.content.bytes;
    else {
      const { file, offset } = piece.content;
      yield* readRange({ file, offset, size: piece.size }, signal, (cause) => {
        return new StoreError("STORE_HASH_MISMATCH", `Cannot read ${file}: it is gone`, { cause });
      });
    }
  }
}

async function* gather(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    size += chunk.length;
    if (size < CHUNK) continue;
    yield held.length === 1 ? held[0]! : Buffer.concat(held);
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(held);
}
