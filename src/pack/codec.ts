// Codecs: frames of a layer's tar → bytes of its blob, the same bytes everywhere. A codec's id names all that its
// output depends on. Specifications: RFC 8878 (zstd), RFC 1952 (gzip); a blob is frames or members in a row.

import { createHash } from "node:crypto";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import type { Context } from "../model/context.ts";
import { MEDIA_TYPES } from "../model/image.ts";
import { COMPRESSION_LEVELS, type CompressionName, describeLevels } from "../model/image-spec.ts";
import { describeNode } from "../platform/machine.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import { GOLDEN_DIGESTS } from "./codec-vectors.ts";
import { PackError } from "./errors.ts";

/** What names a codec, and all that a worker thread is told of it. */
export interface CodecSettings {
  readonly compression: CompressionName;
  /** 0 for `none`. */
  readonly level: number;
}

export interface Codec extends CodecSettings {
  /** Such as `zstd:1.5.7:l3:8MiB`; part of every key of what it wrote. */
  readonly id: string;
  readonly mediaType: string;
  /** Bytes of the tar that are compressed at a time, by themselves. */
  readonly frameSize: number;
  /** Compresses one frame. Pure; the result does not share memory with the frame, but for `none`. */
  compress(frame: Uint8Array): Uint8Array;
}

const MIB = 1 << 20;

interface CompressionKind {
  readonly defaultLevel: number;
  readonly create: (level: number) => Codec;
}

const KINDS: Readonly<Record<CompressionName, CompressionKind>> = {
  zstd: { defaultLevel: 3, create: createZstd },
  gzip: { defaultLevel: 6, create: createGzip },
  none: { defaultLevel: 0, create: createNone },
};

/**
 * The codec for a compression.
 *
 * @param level Undefined for the default: 3 for zstd, 6 for gzip.
 * @throws {PackError} `BAD_LEVEL`
 */
export function selectCodec(compression: CompressionName, level?: number): Codec {
  const { defaultLevel, create } = KINDS[compression];
  const chosen = level ?? defaultLevel;
  if (!COMPRESSION_LEVELS[compression].includes(chosen)) {
    throw new PackError(
      "BAD_LEVEL",
      `Cannot compress with ${compression}: the level is ${chosen}, wanted ${describeLevels(compression)}`,
    );
  }
  return create(chosen);
}

function createZstd(level: number): Codec {
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  return {
    compression: "zstd",
    level,
    id: `zstd:${process.versions.zstd}:l${level}:8MiB`,
    mediaType: MEDIA_TYPES.layerZstd,
    frameSize: 8 * MIB,
    compress: (frame) => zstdCompressSync(frame, { params, chunkSize: MIB }),
  };
}

function createGzip(level: number): Codec {
  return {
    compression: "gzip",
    level,
    id: `gzip:node-zlib:l${level}:1MiB`,
    mediaType: MEDIA_TYPES.layerGzip,
    frameSize: MIB,
    compress: (frame) => {
      const member = gzipSync(frame, { level, memLevel: 8, chunkSize: MIB });
      // The operating system, which zlib fills in: always Unix.
      member[9] = 3;
      return member;
    },
  };
}

function createNone(): Codec {
  return {
    compression: "none",
    level: 0,
    id: "none",
    mediaType: MEDIA_TYPES.layer,
    frameSize: 8 * MIB,
    compress: (frame) => frame,
  };
}

const checked = new Set<string>();

/**
 * Makes sure that a codec writes the bytes that it always wrote. It is tried once: the cache remembers of this very Node
 * on this very machine that it did.
 *
 * @throws {PackError} `CODEC_DRIFT`
 */
export function checkCodec(codec: Codec, { cache }: Pick<Context, "cache">): void {
  if (codec.compression === "none" || checked.has(codec.id)) return;
  const expected = GOLDEN_DIGESTS[`${codec.compression}:${codec.level}`];
  const tried = createHash("sha256").update(`${codec.id} ${expected} ${describeNode()}`).digest("hex");
  const record = cache.path("layers", `codec-${tried}.json`);
  if (readRecord(record) !== tried) {
    if (digestGoldenFrame(codec) !== expected) {
      throw new PackError(
        "CODEC_DRIFT",
        `Cannot compress with ${codec.id}: this Node's ${codec.compression} writes other bytes than Tare's layers are made of`,
        {
          hint: 'Use the Node that comes with Tare, or one from nodejs.org, or build with `compression: "none"`',
        },
      );
    }
    writeRecord(record, tried);
  }
  checked.add(codec.id);
}

/** SHA-256, hex, of what a codec makes of the golden frame. */
export function digestGoldenFrame(codec: Codec): string {
  return createHash("sha256").update(codec.compress(createGoldenFrame())).digest("hex");
}

/** Noise, so that the output is longer than any buffer of the library, and text, so that matches of all kinds occur. */
function createGoldenFrame(): Uint8Array {
  let state = 0x7a7e;
  const next = () => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const noise = new Uint32Array((MIB + MIB / 8) / 4);
  for (let i = 0; i < noise.length; i++) noise[i] = next();
  const words = Array.from({ length: 512 }, () => next().toString(36));
  let text = "";
  while (text.length < MIB / 2)
    text += `${words[next() % (1 + (next() % 512))]}${next() % 8 === 0 ? "\n" : " "}`;
  return Buffer.concat([Buffer.from(noise.buffer), Buffer.from(text)]);
}
