// The bytes of one layer's tar, piece by piece → frames in slots, and the diffID.

import { createHash } from "node:crypto";
import type { DiffId } from "../model/image.ts";
import type { FrameCompressor, Slot } from "./frame-compressor.ts";

/** Takes a compressed frame, in order; `frameLength` is its uncompressed length in bytes. */
export type EmitFrame = (frameLength: number, compressed: Uint8Array, isLast: boolean) => void;

/** Cuts one tar into frames, and hashes it. */
export class FrameWriter {
  readonly #frameSize: number;
  readonly #compressor: FrameCompressor;
  readonly #emit: EmitFrame;
  readonly #hash = createHash("sha256");
  #slot: Slot | undefined;
  #diffId: DiffId | undefined;
  /** Bytes of the present frame. */
  used = 0;
  /** Bytes of the tar so far. */
  length = 0;

  constructor(frameSize: number, compressor: FrameCompressor, emit: EmitFrame) {
    this.#frameSize = frameSize;
    this.#compressor = compressor;
    this.#emit = emit;
  }

  /** Where the present frame is; only after {@link hasRoom} or {@link room}. */
  get slot(): Slot {
    return this.#slot!;
  }

  /** Known after {@link end}. */
  get diffId(): DiffId {
    return this.#diffId!;
  }

  /** Whether so many bytes fit into the frame that is being written. */
  hasRoom(length: number): boolean {
    return this.#slot !== undefined && this.used + length <= this.#frameSize;
  }

  /** The next place to write to: at least 1 byte, at most `wanted`. */
  async room(wanted: number): Promise<Buffer> {
    if (this.used === this.#frameSize) this.#submit(false);
    this.#slot ??= await this.#compressor.acquire();
    return this.#slot.bytes.subarray(this.used, Math.min(this.used + wanted, this.#frameSize));
  }

  /** Says that so many bytes have been written there. */
  advance(count: number): void {
    this.used += count;
    this.length += count;
  }

  async copy(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const target = await this.room(bytes.length - done);
      target.set(bytes.subarray(done, done + target.length));
      this.advance(target.length);
      done += target.length;
    }
  }

  async zeros(count: number): Promise<void> {
    for (let done = 0; done < count; ) {
      const target = await this.room(count - done);
      target.fill(0);
      this.advance(target.length);
      done += target.length;
    }
  }

  /** Hands the last frame on. */
  end(): void {
    this.#submit(true);
  }

  #submit(isLast: boolean): void {
    const slot = this.#slot!;
    const length = this.used;
    this.#slot = undefined;
    this.used = 0;
    this.#hash.update(slot.bytes.subarray(0, length));
    if (isLast) this.#diffId = `sha256:${this.#hash.digest("hex")}` as DiffId;
    this.#compressor.submit(slot, length, (compressed) => this.#emit(length, compressed, isLast));
  }
}
