// The entries of a layer → the SHA-256 of its tar.

import { createHash } from "node:crypto";
import { type LayerEntries, writeLayer } from "./layer-tar.ts";

/** @returns 64 hex digits. */
export function hashLayer(layer: LayerEntries): string {
  const hash = createHash("sha256");
  for (const chunk of writeLayer(layer)) hash.update(chunk);
  return hash.digest("hex");
}
