// Bytes in, compressed bytes out, for files whose bytes nobody compares: NARs of binary caches. Frames are compressed on
// their own, several at once on native threads; decoders take what is one after the other as one.

import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";

export type CompressionMethod = "zstd" | "xz" | "none";

/** Bytes of a frame: enough to compress well, and little enough to hold several in memory. */
const FRAME_SIZE = 8 << 20;

/** Frames that are compressed at once. */
const AT_ONCE = 2;

const ZSTD_LEVEL = 9;

type CompressFrame = (frame: Uint8Array) => Promise<Uint8Array>;

/** Compresses a stream. @returns Chunks, each valid for as long as it is kept. */
export async function* compress(
  method: CompressionMethod,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (method === "none") {
    yield* chunks;
    return;
  }
  const compressFrame = await loadMethod(method);
  const pending: Promise<Uint8Array>[] = [];
  for await (const frame of frames(chunks)) {
    const result = compressFrame(frame);
    // Its failure is told when its turn comes.
    result.catch(() => {});
    pending.push(result);
    if (pending.length >= AT_ONCE) yield await pending.shift()!;
  }
  for (const result of pending) yield await result;
}

async function loadMethod(method: "zstd" | "xz"): Promise<CompressFrame> {
  if (method === "zstd") {
    const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
    const run = promisify(zstdCompress);
    return (frame) => run(frame, { params });
  }
  const { xz } = await import("@napi-rs/lzma");
  return (frame) => xz.compress(frame);
}

/** At least one, which may be empty. */
async function* frames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    size += chunk.length;
    if (size < FRAME_SIZE) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  yield Buffer.concat(held);
}
