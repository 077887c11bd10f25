// A tar that is not packed yet: what it will be is known, its bytes come when they are asked for.

import type { DiffId } from "./image.ts";

/** Says the same bytes whenever it is asked. */
export interface TarSource {
  /** 64 hex digits, equal only where the bytes are. */
  readonly key: string;
  /** Bytes. */
  readonly length: number;
  /** What its history entry says. */
  readonly comment: string;
  /** What its digest must be; undefined when nobody has said. */
  readonly diffId?: DiffId | undefined;
  /** The whole tar; a chunk is valid until the next is asked for. */
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}
