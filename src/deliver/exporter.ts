// What an exporter is: one file in exporters/, which exports `exporter` and is found by its file name.

import type { Content } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Image } from "../model/image.ts";
import type { PushOptions } from "./push.ts";

/** What was written, and where. */
export interface Delivered {
  /** The output as it can be named on the command line: `oci:/home/me/redis.oci`, `docker://HOST/NAME:TAG`. */
  readonly output: string;
  /** Bytes of files that were written, or that were sent. */
  readonly bytesWritten: number;
  /** Bytes that were there already, and right. */
  readonly bytesReused: number;
  /** True when the target held this very image before. */
  readonly unchanged: boolean;
  /** The files that hold the image now; empty for standard output and registries. */
  readonly files: readonly string[];
}

/** What the outside of this machine needs to be told; the other exporters take no notice of it. */
export type DeliverOptions = PushOptions;

export interface Exporter {
  /** The name of its file; before the colon of an output. */
  readonly scheme: string;
  /** One line for people. */
  readonly summary: string;
  /**
   * Delivers an image; every byte is checked against its digest on the way.
   *
   * @param target What is behind the colon: an absolute path, or the reference of a registry.
   * @throws {DeliverError}
   * @throws {ContentError} `CACHE_DAMAGED` when a blob in the cache is not what its digest says.
   * @throws {DiskError} Nothing unfinished is left.
   */
  deliver(image: Image, target: string, context: Context, options: DeliverOptions): Promise<Delivered>;
  /** Delivers several images at once; absent where they are delivered one after the other. */
  deliverSeveral?(
    images: readonly Image[],
    target: string,
    context: Context,
    options: DeliverOptions,
  ): Promise<Delivered>;
  /** Delivers an index with all its images, or one image; absent where an output holds one image only. */
  deliverContent?(
    content: Content,
    target: string,
    context: Context,
    options: DeliverOptions,
  ): Promise<Delivered>;
}
