// Compressed chunks in, uncompressed chunks out: xz (XZ 1.2), gzip (RFC 1952), zstd (RFC 8878), br (RFC 7932), decoded on
// native threads, and bzip2; as a stream, so that memory stays bounded whatever the input expands to. All input is hostile.

import type { Transform } from "node:stream";
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  zstdDecompressSync,
} from "node:zlib";
import { Bzip2Decoder } from "../formats/bzip2.ts";
import { FormatError } from "../formats/errors.ts";
import { TareError } from "../model/errors.ts";

export type DecompressErrorCode = "TRUNCATED" | "CORRUPT" | "TOO_LARGE" | "UNSUPPORTED";

/** Thrown when compressed bytes are not what they should be. */
export class DecompressError extends TareError<DecompressErrorCode> {
  /** What is wrong, without the name of the thing; for callers that know a better name. */
  readonly problem: string;

  constructor(code: DecompressErrorCode, name: string, problem: string, cause?: unknown) {
    super(code, `Cannot decompress ${name}: ${problem}`, { cause });
    this.problem = problem;
  }
}

/** How bytes are compressed. The last ones are known by name only, and refused. */
export type Compression = "none" | "xz" | "gzip" | "zstd" | "bzip2" | "br" | "lzma" | "lzip" | "lz4";

export interface DecompressOptions {
  /** Bytes; decoding stops as soon as more than this come out. */
  readonly maxSize: number;
  /** What is decompressed, for messages; default `xz data` and the like. */
  readonly name?: string | undefined;
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Bytes of output a chunk has at most. */
const OUTPUT_CHUNK = 64 * 1024;

/** Bytes: what is no longer, before and after, is decoded in one call, which costs a tenth of a stream of its own. */
const LARGEST_AT_ONCE = 1 << 20;

/**
 * Decompresses a stream.
 *
 * Several members, frames or streams one after the other are decoded as one; anything else behind the data is
 * refused. A consumer that reads slowly slows the decoder down; one that stops early ends it. Errors of `chunks`
 * pass unchanged.
 *
 * @returns Chunks of at most 64 KiB (as they are, for `none`; of at most 1 MiB, when that is all there may be), each valid
 *   for as long as it is kept.
 * @throws {DecompressError} `TRUNCATED`, `CORRUPT`, `TOO_LARGE` (more than `maxSize` bytes) or `UNSUPPORTED`.
 */
export async function* decompress(
  compression: Compression,
  chunks: Chunks,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const name = options.name ?? `${compression} data`;
  const source = new Source(chunks);
  let size = 0;
  try {
    for await (const chunk of decode(compression, source, name, options.maxSize)) {
      size += chunk.length;
      if (size > options.maxSize) {
        throw new DecompressError("TOO_LARGE", name, `it holds more than ${options.maxSize} bytes`);
      }
      yield chunk;
    }
  } catch (error) {
    if (source.failure !== undefined) throw source.failure.error;
    throw toDecompressError(error, name);
  } finally {
    await source.close();
  }
}

function decode(
  compression: Compression,
  source: Source,
  name: string,
  maxSize: number,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "none":
      return source.rest();
    case "xz":
      return decodeXz(source);
    case "gzip":
      return decodeFrames(source, { decoder: createGunzip, atOnce: gunzipSync }, name, maxSize);
    case "zstd":
      return decodeFrames(
        source,
        { decoder: createZstdDecompress, atOnce: zstdDecompressSync },
        name,
        maxSize,
      );
    case "br":
      return decodeFrames(
        source,
        { decoder: createBrotliDecompress, atOnce: brotliDecompressSync },
        name,
        maxSize,
      );
    case "bzip2":
      return decodeBzip2(source, name);
    default:
      throw new DecompressError(
        "UNSUPPORTED",
        name,
        `${compression} is not supported, only xz, gzip, zstd, bzip2 and br are`,
      );
  }
}

/** The input, one chunk at a time; remembers that a failure was its own and not the decoder's. */
class Source {
  readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  failure: { readonly error: unknown } | undefined;
  /** Chunks that were looked at and put back, the next one last. */
  readonly #returned: Uint8Array[] = [];

  constructor(chunks: Chunks) {
    this.#iterator =
      Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** The next chunk that is not empty, or undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#returned.length > 0) return this.#returned.pop();
    try {
      for (;;) {
        const result = await this.#iterator.next();
        if (result.done === true) return undefined;
        if (result.value.length > 0) return result.value;
      }
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  /** All that is left, when that is no more than `size` bytes in one chunk; else nothing is taken. */
  async takeAll(size: number): Promise<Uint8Array | undefined> {
    const chunk = await this.next();
    if (chunk === undefined) return undefined;
    const following = chunk.length > size ? undefined : await this.next();
    if (chunk.length <= size && following === undefined) return chunk;
    if (following !== undefined) this.#returned.push(following);
    this.#returned.push(chunk);
    return undefined;
  }

  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

async function* decodeXz(source: Source): AsyncGenerator<Uint8Array, void, undefined> {
  const { xz } = await import("@napi-rs/lzma");
  const input = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await source.next();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
  yield* xz.decompressStream(input);
}

async function* decodeBzip2(source: Source, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new Bzip2Decoder(name);
  for await (const chunk of source.rest()) yield* decoder.write(chunk);
  yield* decoder.end();
}

type Decoder = Transform & { bytesWritten: number };

/** A format of node:zlib, in both of its ways. */
interface FrameFormat {
  readonly decoder: (options: { chunkSize: number }) => Decoder;
  /** With `info`, it says what of the input it has used; its types do not know that. */
  readonly atOnce: (bytes: Uint8Array, options: { maxOutputLength: number; info: boolean }) => unknown;
}

async function* decodeFrames(
  source: Source,
  format: FrameFormat,
  name: string,
  maxSize: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const all = maxSize <= LARGEST_AT_ONCE ? await source.takeAll(LARGEST_AT_ONCE) : undefined;
  if (all === undefined) yield* streamFrames(source, () => format.decoder({ chunkSize: OUTPUT_CHUNK }));
  else yield* decodeAtOnce(all, format, name, maxSize);
}

/** Decodes frame by frame; each may have all that is allowed, so that what comes out is for the caller to count. */
function* decodeAtOnce(
  bytes: Uint8Array,
  { atOnce }: FrameFormat,
  name: string,
  maxSize: number,
): Generator<Uint8Array> {
  const options = { maxOutputLength: Math.max(1, maxSize), info: true };
  for (let rest = bytes; rest.length > 0; ) {
    let decoded: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
    try {
      decoded = atOnce(rest, options) as typeof decoded;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw error;
      throw new DecompressError("TOO_LARGE", name, `it holds more than ${maxSize} bytes`, error);
    }
    yield decoded.buffer;
    rest = rest.subarray(decoded.engine.bytesWritten);
  }
}

/**
 * Feeds a decoder of node:zlib, and a new one with what the first left over, until all input is used.
 * (Node's zstd decoder stops silently at the end of a frame when more follows in the same chunk; its gzip decoder
 * does so before a NUL.)
 */
async function* streamFrames(
  source: Source,
  createDecoder: () => Decoder,
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = await source.next();
  do {
    const decoder = createDecoder();
    const closed = new Promise<void>((resolve) => decoder.once("close", () => resolve()));
    let taken = 0;
    const feed = async () => {
      while (chunk !== undefined) {
        const { promise: written, resolve } = Promise.withResolvers<void>();
        decoder.write(chunk, () => resolve());
        await Promise.race([written, closed]);
        const used = decoder.bytesWritten - taken;
        taken += used;
        if (used < chunk.length || decoder.destroyed) {
          chunk = chunk.subarray(used);
          return;
        }
        chunk = await source.next();
      }
      decoder.end();
    };
    const feeding = feed().catch((error: unknown) => {
      decoder.destroy(error as Error);
    });
    try {
      yield* decoder;
    } finally {
      decoder.destroy();
      await feeding;
    }
  } while (chunk !== undefined && chunk.length > 0);
}

function toDecompressError(error: unknown, name: string): unknown {
  if (error instanceof FormatError && /_BZIP2$/.test(error.code)) {
    const code = error.code === "TRUNCATED_BZIP2" ? "TRUNCATED" : "CORRUPT";
    return new DecompressError(code, name, error.problem, error);
  }
  if (error instanceof TareError || !(error instanceof Error)) return error;
  const code = "code" in error ? String(error.code) : "";
  if (!/^(?:Z_|ZSTD_|ERR__ERROR_FORMAT|ERR_BROTLI|InvalidArg$)/.test(code)) return error;
  // The xz decoder says these when the input ends.
  if (code === "Z_BUF_ERROR" || /^(?:failed to fill whole buffer|incomplete )/.test(error.message)) {
    return new DecompressError("TRUNCATED", name, "it ends early", error);
  }
  return new DecompressError("CORRUPT", name, `its bytes are damaged (${error.message})`, error);
}
