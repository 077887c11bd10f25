// Compressed frames → a blob in the cache, named by its digest once it is whole.

import { createHash } from "node:crypto";
import type { Context } from "../model/context.ts";
import type { DiffId, Digest } from "../model/image.ts";
import { TemporaryFile } from "../platform/output.ts";
import type { Codec } from "./codec.ts";
import type { LayerRecord } from "./layer-cache.ts";
import { blobPath } from "./layer-cache.ts";

/** A blob under a temporary name. Dispose of it however the work ends: unless it was committed, nothing is left. */
export class LayerBlob implements Disposable {
  readonly #file: TemporaryFile;
  readonly #context: Context;
  /** Undefined where the blob is the tar itself. */
  readonly #hash;

  constructor(codec: Codec, context: Context) {
    this.#context = context;
    this.#hash = codec.compression === "none" ? undefined : createHash("sha256");
    this.#file = new TemporaryFile(context.cache.path("blobs", "layer"));
  }

  write(bytes: Uint8Array): void {
    this.#hash?.update(bytes);
    this.#file.write(bytes);
  }

  /** Puts the blob under its digest. */
  commit(diffId: DiffId, uncompressedSize: number): LayerRecord {
    const digest = (this.#hash === undefined ? diffId : `sha256:${this.#hash.digest("hex")}`) as Digest;
    const { size } = this.#file;
    this.#file.commit(blobPath(digest, this.#context));
    return { diffId, digest, size, uncompressedSize };
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
