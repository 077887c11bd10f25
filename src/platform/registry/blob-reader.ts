// The bytes of a blob that is uploaded, by ranges.

import type { BlobUpload } from "./upload.ts";

/** Reads a blob by ranges; those that follow each other in one go. */
export class BlobReader {
  readonly #blob: BlobUpload;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  /** Offset of the next byte that was not given out. */
  #position = 0;
  /** Bytes from there on that were read already. */
  #left: Uint8Array = new Uint8Array();

  constructor(blob: BlobUpload) {
    this.#blob = blob;
  }

  async *read(start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#chunks === undefined || this.#position !== start) {
      await this.close();
      this.#chunks = this.#blob.open(start)[Symbol.asyncIterator]();
      this.#position = start;
    }
    const chunks = this.#chunks;
    while (this.#position < end) {
      if (this.#left.length === 0) {
        const next = await chunks.next();
        if (next.done === true) return;
        this.#left = next.value;
      }
      const part = this.#left.subarray(0, end - this.#position);
      this.#left = this.#left.subarray(part.length);
      this.#position += part.length;
      yield part;
    }
    // Whoever reads to the end is told by an error when the digest is wrong.
    if (end === this.#blob.size) while ((await chunks.next()).done !== true);
  }

  async close(): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = undefined;
    this.#left = new Uint8Array();
    await chunks?.return?.();
  }
}
