// Tars that are still to be written → layer blobs in the cache. The main thread writes tars into slots and hashes them
// for the diffID; threads compress; results are hashed and written in order. One tar is written while the one before is
// still compressed.

import type { Context } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { DiffId, Layer } from "../model/image.ts";
import type { CompressionName } from "../model/image-spec.ts";
import type { ProgressStage } from "../model/progress.ts";
import type { Codec } from "./codec.ts";
import { checkCodec } from "./codec.ts";
import { PackError } from "./errors.ts";
import { FrameCompressor } from "./frame-compressor.ts";
import { FrameWriter } from "./frame-writer.ts";
import { LayerBlob } from "./layer-blob.ts";
import type { LayerRecord } from "./layer-cache.ts";
import { findLayer, hasBlob, saveLayer, toLayer } from "./layer-cache.ts";

/** How layers are compressed. */
export interface CompressionOptions {
  readonly compression: CompressionName;
  /** Undefined for the compression's default. */
  readonly level: number | undefined;
}

/** Where layers go as soon as they are packed, such as to a registry. */
export interface LayerSink {
  /**
   * Whether the bytes of a layer are wanted whose digest is known, but whose blob is no longer in the cache: it is
   * packed again only then.
   */
  wants(layer: Layer): Promise<boolean>;
  /** A layer whose blob is in the cache, or is not wanted. Called once for each, as they are ready. */
  take(layer: Layer): void;
}

/** One layer that is to be packed. */
export interface PackJob {
  /** What the cache knows its blob by. */
  readonly key: string;
  readonly comment: string;
  /** Bytes of its tar. */
  readonly tarLength: number;
  /** What the digest of its tar must be; undefined when nobody has said. */
  readonly diffId?: DiffId | undefined;
  /** Writes the whole tar. */
  write(tar: FrameWriter): Promise<void>;
}

/**
 * Packs layers, or finds them packed in the cache.
 *
 * @returns One layer for each job, in their order.
 * @throws {PackError} `CODEC_DRIFT`, `LAYER_MISMATCH`; and whatever a job throws.
 * @throws {DiskError} When the cache cannot be written; nothing unfinished is left in it.
 */
export async function packJobs(
  jobs: readonly PackJob[],
  codec: Codec,
  context: Context,
  sink?: LayerSink,
): Promise<Layer[]> {
  const stage = context.progress.stage("packing");
  const states = jobs.map((job) => ({ job, record: findRecord(job, context) }));
  stage.expect(jobs.length, sum(jobs.map((job) => job.tarLength)));
  const layerOf = ({ record, job }: (typeof states)[number]) =>
    toLayer(record!, codec.mediaType, job.comment, context);
  const isMissing = await Promise.all(
    states.map(async (state) => {
      if (state.record === undefined) return true;
      if (!hasBlob(state.record, context) && (sink === undefined || (await sink.wants(layerOf(state)))))
        return true;
      sink?.take(layerOf(state));
      return false;
    }),
  );
  const missing = states.filter((_, i) => isMissing[i]);
  if (missing.length > 0) {
    checkCodec(codec, context);
    using packer = new LayerPacker(codec, stage, context);
    await using compressor = new FrameCompressor(
      codec,
      context.jobs,
      sum(missing.map(({ job }) => job.tarLength)),
      context.signal,
    );
    for (const state of missing) {
      await packer.pack(state.job, compressor, (record) => {
        saveLayer(state.job.key, record, context);
        state.record = record;
        sink?.take(layerOf(state));
        stage.advance(1);
      });
    }
    await compressor.drain();
  }
  for (const state of states) if (!missing.includes(state)) stage.advance(1, state.job.tarLength);
  const packed = states.map(layerOf);
  stage.done(summarise(packed, missing.length));
  return packed;
}

/** What the cache knows of a job; nothing when that is not what it must be. */
function findRecord({ key, diffId }: PackJob, context: Context): LayerRecord | undefined {
  const record = findLayer(key, context);
  return diffId === undefined || record?.diffId === diffId ? record : undefined;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function summarise(layers: readonly Layer[], packed: number): string {
  const count = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  return packed === layers.length ? count : `${count}, ${layers.length - packed} from the cache`;
}

/** Writes layers as tars into slots, one after the other. */
class LayerPacker implements Disposable {
  readonly #codec: Codec;
  readonly #stage: ProgressStage;
  readonly #context: Context;
  /** Blobs that are not finished. */
  readonly #open = new Set<LayerBlob>();

  constructor(codec: Codec, stage: ProgressStage, context: Context) {
    this.#codec = codec;
    this.#stage = stage;
    this.#context = context;
  }

  /**
   * Writes a tar and hands all of it to the compressor.
   *
   * @param onPacked Called when the blob is in the cache, which may be after this returns.
   */
  async pack(
    { tarLength, diffId, comment, write }: PackJob,
    compressor: FrameCompressor,
    onPacked: (record: LayerRecord) => void,
  ): Promise<void> {
    const blob = new LayerBlob(this.#codec, this.#context);
    this.#open.add(blob);
    const tar = new FrameWriter(this.#codec.frameSize, compressor, (frame, compressed, isLast) => {
      blob.write(compressed);
      this.#stage.advance(0, frame);
      if (!isLast) return;
      if (diffId !== undefined && diffId !== tar.diffId) throw mismatch(comment, tar.diffId, diffId);
      this.#open.delete(blob);
      onPacked(blob.commit(tar.diffId, tarLength));
    });
    await write(tar);
    tar.end();
    if (tar.length !== tarLength)
      throw new InternalError(`a tar has ${tar.length} bytes, planned ${tarLength}`);
  }

  [Symbol.dispose](): void {
    for (const blob of this.#open) blob[Symbol.dispose]();
  }
}

function mismatch(comment: string, actual: DiffId, wanted: DiffId): PackError {
  return new PackError(
    "LAYER_MISMATCH",
    `Cannot pack the layer "${comment}": its tar has the digest ${actual}, ${wanted} was said of it`,
    { hint: "What it comes from is damaged: build or fetch that again" },
  );
}
