// A worker thread of the pack stage: compresses the frame in a slot of shared memory and writes the result over it.

import { InternalError } from "../model/errors.ts";
import { serveRequests } from "../platform/threads.ts";
import type { CodecSettings } from "./codec.ts";
import { selectCodec } from "./codec.ts";

export interface CompressRequest {
  readonly shared: SharedArrayBuffer;
  /** Bytes of the frame, from the start of the slot. */
  readonly length: number;
}

export interface CompressReply {
  /** Bytes of the result, from the start of the slot. */
  readonly outputLength: number;
}

serveRequests<CodecSettings, CompressRequest, CompressReply>(({ compression, level }) => {
  const codec = selectCodec(compression, level);
  return ({ shared, length }) => {
    const slot = new Uint8Array(shared);
    const output = codec.compress(slot.subarray(0, length));
    if (output.length > slot.length) throw new InternalError(`${output.length} bytes do not fit their slot`);
    slot.set(output);
    return { outputLength: output.length };
  };
});
