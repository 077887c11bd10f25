// Tars that are made elsewhere → layer blobs in the cache.

import { createHash } from "node:crypto";
import type { Context } from "../model/context.ts";
import type { Layer } from "../model/image.ts";
import type { TarSource } from "../model/tar-source.ts";
import { selectCodec } from "./codec.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { CompressionOptions, LayerSink } from "./pack-jobs.ts";
import { packJobs } from "./pack-jobs.ts";

/**
 * Packs tars, or finds them packed in the cache.
 *
 * @returns One layer for each tar, in their order.
 * @throws {PackError} `BAD_LEVEL`, `CODEC_DRIFT`, `LAYER_MISMATCH`; and whatever a tar throws.
 */
export async function packTars(
  tars: readonly TarSource[],
  { compression, level }: CompressionOptions,
  context: Context,
  sink?: LayerSink,
): Promise<Layer[]> {
  const codec = selectCodec(compression, level);
  const jobs = tars.map((tar) => ({
    key: createHash("sha256").update(`tar-1\0${codec.id}\0${tar.key}`).digest("hex"),
    tarLength: tar.length,
    comment: tar.comment,
    diffId: tar.diffId,
    async write(output: FrameWriter) {
      for await (const chunk of tar.chunks()) await output.copy(chunk);
    },
  }));
  return await packJobs(jobs, codec, context, sink);
}
