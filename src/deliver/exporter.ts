// What an exporter is: one file in exporters/, which exports `exporter` and is found by its file name.

import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";

/** What was written, and where. */
export interface Delivered {
  /** The output as it can be named on the command line: `oci:/home/me/redis.oci`. */
  readonly output: string;
  /** Bytes of files that were written. */
  readonly bytesWritten: number;
  /** Bytes of files that were there already, and right. */
  readonly bytesReused: number;
  /** True when the target held this very image before. */
  readonly unchanged: boolean;
  /** The files that hold the image now; empty for standard output. */
  readonly files: readonly string[];
}

export interface Exporter {
  /** The name of its file; before the colon of an output. */
  readonly scheme: string;
  /** One line for people. */
  readonly summary: string;
  /**
   * Delivers an image; every byte is checked against its digest on the way.
   *
   * @param target What is behind the colon: an absolute path.
   * @throws {DeliverError}
   * @throws {ContentError} `CACHE_DAMAGED` when a blob in the cache is not what its digest says.
   * @throws {DiskError} Nothing unfinished is left.
   */
  deliver(image: Image, target: string, context: Context): Promise<Delivered>;
}
