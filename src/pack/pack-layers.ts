// Layer contents → layer blobs in the cache. The main thread reads files and writes tar headers into slots, hashes
// them for the diffID and hands them to be compressed; results are hashed and written in order. One layer is read
// while the one before is still compressed. The bytes depend on the contents, the codec and the mtime only.

import { crc32 } from "node:zlib";
import type { TarMember } from "../formats/tar-writer.ts";
import {
  TAR_BLOCK,
  tarEndLength,
  tarHeaderLength,
  tarPadding,
  writeTarHeader,
} from "../formats/tar-writer.ts";
import type { Context } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { Layer } from "../model/image.ts";
import type { CompressionName } from "../model/image-spec.ts";
import type { LayerContents } from "../model/layer-plan.ts";
import type { ProgressStage } from "../model/progress.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";
import { ContentReader } from "../platform/content.ts";
import type { Codec } from "./codec.ts";
import { checkCodec, selectCodec } from "./codec.ts";
import { PackError } from "./errors.ts";
import { FrameCompressor } from "./frame-compressor.ts";
import { FrameWriter } from "./frame-writer.ts";
import { LayerBlob } from "./layer-blob.ts";
import type { LayerRecord } from "./layer-cache.ts";
import { findLayer, saveLayer, toLayer } from "./layer-cache.ts";
import { computeLayerKey, linkedInodes, linkTarget } from "./layer-key.ts";

export interface PackOptions {
  readonly compression: CompressionName;
  /** Undefined for the compression's default. */
  readonly level: number | undefined;
  /** Modification time of every entry, seconds since the epoch. */
  readonly mtimeSeconds: number;
}

/** The largest time that a ustar header holds. */
const LARGEST_TIME = 0o77777777777;

/**
 * Packs layers, or finds them packed in the cache.
 *
 * @returns One layer for each contents, in their order.
 * @throws {PackError} `BAD_LEVEL`, `BAD_TIME`, `CODEC_DRIFT`.
 * @throws {ContentError} `CACHE_DAMAGED` when a file's bytes are not what their index says.
 * @throws {DiskError} When the cache cannot be written; nothing unfinished is left in it.
 */
export async function packLayers(
  layers: readonly LayerContents[],
  options: PackOptions,
  context: Context,
): Promise<Layer[]> {
  const { mtimeSeconds } = options;
  const codec = selectCodec(options.compression, options.level);
  if (!Number.isInteger(mtimeSeconds) || mtimeSeconds < 0 || mtimeSeconds > LARGEST_TIME) {
    throw new PackError(
      "BAD_TIME",
      `Cannot pack layers: their time is ${mtimeSeconds}, wanted whole seconds from 0 to ${LARGEST_TIME}`,
    );
  }
  const stage = context.progress.stage("packing");
  const jobs = layers.map((contents) => {
    const key = computeLayerKey(contents, codec.id, mtimeSeconds);
    return { key, contents, tarLength: measureTar(contents, mtimeSeconds), record: findLayer(key, context) };
  });
  stage.expect(jobs.length, sum(jobs.map((job) => job.tarLength)));
  const missing = jobs.filter((job) => job.record === undefined);
  if (missing.length > 0) {
    checkCodec(codec);
    using packer = new LayerPacker(codec, mtimeSeconds, stage, context);
    await using compressor = new FrameCompressor(
      codec,
      context.jobs,
      sum(missing.map((job) => job.tarLength)),
      context.signal,
    );
    for (const job of missing) {
      await packer.pack(job.contents.entries, job.tarLength, compressor, (record) => {
        saveLayer(job.key, record, context);
        job.record = record;
        stage.advance(1);
      });
    }
    await compressor.drain();
  }
  for (const job of jobs) if (!missing.includes(job)) stage.advance(1, job.tarLength);
  const packed = jobs.map((job) => toLayer(job.record!, codec.mediaType, job.contents.comment, context));
  stage.done(summarise(packed, missing.length));
  return packed;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function summarise(layers: readonly Layer[], packed: number): string {
  const count = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  return packed === layers.length ? count : `${count}, ${layers.length - packed} from the cache`;
}

/** The length of a layer's tar, bytes. */
function measureTar({ entries }: LayerContents, mtimeSeconds: number): number {
  const linked = linkedInodes(entries);
  let length = 0;
  for (const entry of entries) {
    const member = toMember(entry, linked, mtimeSeconds);
    length += tarHeaderLength(member) + member.size + tarPadding(member.size);
  }
  return length + tarEndLength(length, TAR_BLOCK);
}

/** The member that an entry is written as; a hard link has no content. */
function toMember(entry: TreeEntry, linked: ReadonlyMap<string, string>, mtimeSeconds: number): TarMember {
  const { path, mode, uid, gid } = entry;
  switch (entry.type) {
    case "directory": {
      const name = path === "" ? "./" : `${path}/`;
      return { name, type: "directory", mode, uid, gid, size: 0, linkName: "", mtimeSeconds };
    }
    case "symlink":
      return { name: path, type: "symlink", mode, uid, gid, size: 0, linkName: entry.target, mtimeSeconds };
    case "file": {
      const first = linkTarget(entry, linked);
      if (first !== undefined) {
        return { name: path, type: "hardlink", mode, uid, gid, size: 0, linkName: first, mtimeSeconds };
      }
      return { name: path, type: "file", mode, uid, gid, size: entry.size, linkName: "", mtimeSeconds };
    }
  }
}

/** Writes layers as tars into slots, one after the other. */
class LayerPacker implements Disposable {
  readonly #codec: Codec;
  readonly #mtimeSeconds: number;
  readonly #stage: ProgressStage;
  readonly #context: Context;
  readonly #reader = new ContentReader();
  /** Blobs that are not finished. */
  readonly #open = new Set<LayerBlob>();
  readonly #scratch = Buffer.alloc(TAR_BLOCK);

  constructor(codec: Codec, mtimeSeconds: number, stage: ProgressStage, context: Context) {
    this.#codec = codec;
    this.#mtimeSeconds = mtimeSeconds;
    this.#stage = stage;
    this.#context = context;
  }

  /**
   * Reads a layer and hands all of it to the compressor.
   *
   * @param onPacked Called when the blob is in the cache, which may be after this returns.
   */
  async pack(
    entries: readonly TreeEntry[],
    tarLength: number,
    compressor: FrameCompressor,
    onPacked: (record: LayerRecord) => void,
  ): Promise<void> {
    const blob = new LayerBlob(this.#codec, this.#context);
    this.#open.add(blob);
    const tar = new FrameWriter(this.#codec.frameSize, compressor, (frame, compressed, isLast) => {
      blob.write(compressed);
      this.#stage.advance(0, frame);
      if (!isLast) return;
      this.#open.delete(blob);
      onPacked(blob.commit(tar.diffId, tarLength));
    });
    const linked = linkedInodes(entries);
    for (const entry of entries) {
      const member = toMember(entry, linked, this.#mtimeSeconds);
      await this.#writeHeader(tar, member);
      if (entry.type === "file" && member.type === "file") await this.#writeContent(tar, entry);
    }
    await tar.zeros(tarEndLength(tar.length, TAR_BLOCK));
    tar.end();
    if (tar.length !== tarLength)
      throw new InternalError(`a tar has ${tar.length} bytes, planned ${tarLength}`);
  }

  async #writeHeader(tar: FrameWriter, member: TarMember): Promise<void> {
    const length = tarHeaderLength(member);
    if (tar.hasRoom(length)) {
      tar.advance(writeTarHeader(tar.slot.bytes, tar.used, member));
      return;
    }
    const header = length <= this.#scratch.length ? this.#scratch : Buffer.alloc(length);
    writeTarHeader(header, 0, member);
    await tar.copy(header.subarray(0, length));
  }

  async #writeContent(tar: FrameWriter, entry: FileEntry): Promise<void> {
    const { content, size } = entry;
    if (content.kind === "bytes" && content.bytes.length !== size) {
      throw new InternalError(`${entry.path} has ${content.bytes.length} bytes, its entry says ${size}`);
    }
    let crc = 0;
    for (let position = 0; position < size; ) {
      const target = await tar.room(size - position);
      this.#reader.readInto(entry, position, target);
      if (content.kind === "range") crc = crc32(target, crc);
      tar.advance(target.length);
      position += target.length;
    }
    this.#reader.check(entry, crc);
    await tar.zeros(tarPadding(size));
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
    for (const blob of this.#open) blob[Symbol.dispose]();
  }
}
