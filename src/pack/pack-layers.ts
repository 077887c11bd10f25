// Layer contents → layer blobs in the cache: tar headers and the bytes of files, written into slots. The bytes depend on
// the contents, the codec and the mtime only.

import { crc32 } from "node:zlib";
import type { TarMember } from "../formats/tar-writer.ts";
import { TAR_BLOCK, tarHeaderLength, tarPadding, writeTarHeader } from "../formats/tar-writer.ts";
import type { Context } from "../model/context.ts";
import { InternalError } from "../model/errors.ts";
import type { Layer } from "../model/image.ts";
import type { LayerContents } from "../model/layer-plan.ts";
import type { FileEntry } from "../model/tree.ts";
import { ContentReader } from "../platform/content.ts";
import { selectCodec } from "./codec.ts";
import { PackError } from "./errors.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { computeLayerKey } from "./layer-key.ts";
import type { CompressionOptions, LayerSink } from "./pack-jobs.ts";
import { packJobs } from "./pack-jobs.ts";
import { layerEndLength, listMembers, measureTar } from "./tar-members.ts";

export type { LayerSink } from "./pack-jobs.ts";

export interface PackOptions extends CompressionOptions {
  /** Modification time of every entry, seconds since the epoch. */
  readonly mtimeSeconds: number;
}

/** The largest time that a ustar header holds. */
const LARGEST_TIME = 0o77777777777;

/**
 * Packs layers, or finds them packed in the cache.
 *
 * @param sink Told of every layer as soon as it can be read; without one all blobs are in the cache in the end.
 * @returns One layer for each contents, in their order.
 * @throws {PackError} `BAD_LEVEL`, `BAD_TIME`, `CODEC_DRIFT`.
 * @throws {ContentError} `CACHE_DAMAGED` when a file's bytes are not what their index says.
 * @throws {DiskError} When the cache cannot be written; nothing unfinished is left in it.
 */
export async function packLayers(
  layers: readonly LayerContents[],
  options: PackOptions,
  context: Context,
  sink?: LayerSink,
): Promise<Layer[]> {
  const { mtimeSeconds } = options;
  const codec = selectCodec(options.compression, options.level);
  if (!Number.isInteger(mtimeSeconds) || mtimeSeconds < 0 || mtimeSeconds > LARGEST_TIME) {
    throw new PackError(
      "BAD_TIME",
      `Cannot pack layers: their time is ${mtimeSeconds}, wanted whole seconds from 0 to ${LARGEST_TIME}`,
    );
  }
  using writer = new ContentsWriter(mtimeSeconds);
  const jobs = layers.map((contents) => ({
    key: computeLayerKey(contents, codec.id, mtimeSeconds),
    comment: contents.comment,
    tarLength: measureTar(contents, mtimeSeconds),
    write: (tar: FrameWriter) => writer.write(contents, tar),
  }));
  return await packJobs(jobs, codec, context, sink);
}

/** Writes layers as tars. */
class ContentsWriter implements Disposable {
  readonly #mtimeSeconds: number;
  readonly #reader = new ContentReader();
  readonly #scratch = Buffer.alloc(TAR_BLOCK);

  constructor(mtimeSeconds: number) {
    this.#mtimeSeconds = mtimeSeconds;
  }

  async write(contents: LayerContents, tar: FrameWriter): Promise<void> {
    for (const { member, file } of listMembers(contents, this.#mtimeSeconds)) {
      await this.#writeHeader(tar, member);
      if (file !== undefined) await this.#writeContent(tar, file);
    }
    await tar.zeros(layerEndLength(contents, tar.length));
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
  }
}
