// Raw deflate (RFC 1951) that must give a known number of bytes: members of ZIP archives. Small ones are inflated at
// once, large ones as a stream on native threads, so that memory stays bounded. All input is hostile.

import { pipeline, Readable } from "node:stream";
import { createInflateRaw, inflateRawSync } from "node:zlib";
import { DecompressError } from "./decompress.ts";
import { isErrno } from "./disk.ts";

/** Bytes; what is larger is not held in memory. */
const SMALL = 1 << 20;

/**
 * Inflates a stream.
 *
 * @param size Bytes that must come out.
 * @param name What is inflated, for messages.
 * @returns Chunks, each valid for as long as it is kept.
 * @throws {DecompressError} `TOO_LARGE`, `TRUNCATED` or `CORRUPT`; errors of `chunks` unchanged.
 */
export async function* inflateRaw(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = size;
  for await (const chunk of size <= SMALL
    ? inflateAtOnce(chunks, size, name)
    : inflateAsStream(chunks, name)) {
    left -= chunk.length;
    if (left < 0) throw tooLarge(name, size);
    yield chunk;
  }
  if (left > 0)
    throw new DecompressError("TRUNCATED", name, `${size - left} bytes came out, ${size} were expected`);
}

function tooLarge(name: string, size: number): DecompressError {
  return new DecompressError("TOO_LARGE", name, `it holds more than the ${size} bytes that it claims`);
}

async function* inflateAtOnce(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  name: string,
): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  try {
    yield inflateRawSync(parts.length === 1 ? parts[0]! : Buffer.concat(parts), {
      maxOutputLength: Math.max(1, size),
    });
  } catch (error) {
    if (isErrno(error, "ERR_BUFFER_TOO_LARGE")) throw tooLarge(name, size);
    throw toDecompressError(error, name);
  }
}

async function* inflateAsStream(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const decoder = createInflateRaw();
  pipeline(Readable.from(chunks, { objectMode: true }), decoder, () => undefined);
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
  } catch (error) {
    throw toDecompressError(error, name);
  }
}

function toDecompressError(error: unknown, name: string): unknown {
  if (isErrno(error, "Z_BUF_ERROR")) return new DecompressError("TRUNCATED", name, "it ends early", error);
  if (error instanceof Error && /^Z_/.test(String((error as NodeJS.ErrnoException).code)))
    return new DecompressError("CORRUPT", name, "it is damaged", error);
  return error;
}
