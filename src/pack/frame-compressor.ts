// Frames in, compressed frames out in the same order, on as many threads as there are. The frames live in slots of
// shared memory: the main thread fills one, a worker compresses it and writes the result over it, the main thread
// takes the result out and fills the slot again. Nothing is copied between threads.

import { yieldToEvents } from "../platform/files.ts";
import { ThreadPool } from "../platform/threads.ts";
import type { Codec, CodecSettings } from "./codec.ts";
import type { CompressReply, CompressRequest } from "./codec-worker.ts";

/** Memory that holds one frame. */
export interface Slot {
  /** The frame goes into the first `frameSize` bytes. */
  readonly bytes: Buffer;
  readonly shared: SharedArrayBuffer;
}

/** What is to be done with a compressed frame; it must be done with the bytes when it returns. */
export type Emit = (compressed: Uint8Array) => void;

interface Job {
  readonly slot: Slot;
  readonly emit: Emit;
  /** Bytes of the result in the slot; undefined while it is compressed. */
  outputLength: number | undefined;
}

/** Bytes that are compressed before threads have even started, about 0.1 s: there they only cost. */
function worthThreads({ compression, level }: CodecSettings): number {
  return compression === "zstd" && level <= 6 ? 16 << 20 : 4 << 20;
}

export class FrameCompressor implements AsyncDisposable {
  readonly #codec: Codec;
  readonly #pool: ThreadPool<CompressRequest, CompressReply> | undefined;
  readonly #signal: AbortSignal;
  readonly #mostSlots: number;
  readonly #free: Slot[] = [];
  readonly #jobs: Job[] = [];
  #slots = 0;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  /**
   * @param threads The most worker threads.
   * @param expectedBytes How much will come, roughly; threads are started only where they are worth it.
   */
  constructor(codec: Codec, threads: number, expectedBytes: number, signal: AbortSignal) {
    this.#codec = codec;
    this.#signal = signal;
    const useful =
      codec.compression === "none" || expectedBytes < worthThreads(codec)
        ? 0
        : expectedBytes / codec.frameSize;
    const count = Math.min(threads, Math.ceil(useful));
    this.#mostSlots = 2 * count + 2;
    if (count === 0) return;
    const { compression, level } = codec;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const module = new URL(`./codec-worker.${extension}`, import.meta.url);
    this.#pool = new ThreadPool(module, count, { compression, level } satisfies CodecSettings);
  }

  /** A slot to fill; waits until one is free. Rejects with the first error of anything before. */
  async acquire(): Promise<Slot> {
    await yieldToEvents();
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure.error;
      const slot = this.#free.pop();
      if (slot !== undefined) return slot;
      if (this.#slots < this.#mostSlots) return this.#allocate();
      await this.#change();
    }
  }

  #allocate(): Slot {
    this.#slots++;
    // Bytes that cannot be compressed become a little longer: 1/256 and some headers for zstd, less for gzip.
    const { frameSize } = this.#codec;
    const shared = new SharedArrayBuffer(frameSize + (frameSize >> 7) + 4096);
    return { shared, bytes: Buffer.from(shared) };
  }

  /** Compresses the first `length` bytes of a slot and gives the slot back afterwards. */
  submit(slot: Slot, length: number, emit: Emit): void {
    if (this.#pool === undefined) {
      emit(this.#codec.compress(slot.bytes.subarray(0, length)));
      this.#free.push(slot);
      return;
    }
    const job: Job = { slot, emit, outputLength: undefined };
    this.#jobs.push(job);
    this.#pool.run({ shared: slot.shared, length }).then(
      ({ outputLength }) => {
        job.outputLength = outputLength;
        this.#emitFinished();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #emitFinished(): void {
    if (this.#failure !== undefined) return;
    try {
      for (let job = this.#jobs[0]; job?.outputLength !== undefined; job = this.#jobs[0]) {
        job.emit(job.slot.bytes.subarray(0, job.outputLength));
        this.#jobs.shift();
        this.#free.push(job.slot);
      }
      this.#notify();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #change(): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    this.#signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#changed.promise, aborted.promise]);
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
    }
  }

  /** Waits until everything that was submitted has been emitted. */
  async drain(): Promise<void> {
    while (this.#jobs.length > 0 && this.#failure === undefined) {
      this.#signal.throwIfAborted();
      await this.#change();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= { error: this.#signal.reason };
    await this.#pool?.[Symbol.asyncDispose]();
  }
}
