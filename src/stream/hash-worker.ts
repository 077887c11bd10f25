// Worker thread: the entries of one layer in, the SHA-256 of its tar out.

import { TareError } from "../model/errors.ts";
import { serveRequests } from "../platform/threads.ts";
import { hashLayer } from "./hash-layer.ts";
import type { LayerEntries } from "./layer-tar.ts";

/** Undefined when a file cannot be read: who asked finds out why. */
export type HashReply = string | undefined;

serveRequests<undefined, LayerEntries, HashReply>(() => (layer) => {
  try {
    return hashLayer(layer);
  } catch (error) {
    if (error instanceof TareError) return undefined;
    throw error;
  }
});
