// The entries of a layer → the SHA-256 of its tar.

import { createHash } from "node:crypto";
import { type LayerEntries, writeLayer } from "./layer-tar.ts";

/** @returns 64 hex digits. */
export function hashLayer(layer: LayerEntries): string {
  return hashChunks(writeLayer(layer));
}

/** @returns 64 hex digits. */
export function hashChunks(chunks: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
