// Layers → the SHA-256 of their tars: from the cache where no file was touched since, else computed, on threads where
// it pays. dockerTools' archives name a layer by its digest, which is so needed before the layer's first byte.

import type { Context } from "../model/context.ts";
import type { DiffId } from "../model/image.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import { ThreadPool } from "../platform/threads.ts";
import { hashChunks, hashLayer } from "./hash-layer.ts";
import type { HashReply } from "./hash-worker.ts";
import { LAYER_CHUNK, type LayerEntries } from "./layer-tar.ts";
import type { StoreLayer } from "./store-layer.ts";

const WORKER = new URL(`./hash-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** Bytes that are hashed before a thread has even started. */
const WORTH_THREADS = 16 << 20;
/** Bytes: a shorter layer is hashed in less time than a record of it is found, and its one chunk is kept until written. */
const WORTH_RECORD = LAYER_CHUNK + 1;
/** Two threads hash faster than the archive is written; each costs some 40 MB. */
const MOST_THREADS = 2;

/** A layer, ready to be written. */
export interface HashedLayer {
  readonly diffId: DiffId;
  readonly chunks: Iterable<Uint8Array>;
}

/**
 * Hashes ahead of whoever asks, the largest layer first, since in the end it would be alone. What no thread has begun
 * when it is asked for is hashed at once, by this thread. Dispose of it when done.
 */
export class LayerHasher implements AsyncDisposable {
  readonly #context: Context;
  /** What is known, or is being computed. */
  readonly #digests = new Map<StoreLayer, Promise<DiffId>>();
  /** What nobody has begun, the last first. */
  readonly #waiting: StoreLayer[];
  readonly #pool: ThreadPool<LayerEntries, HashReply> | undefined;

  /** @param layers In the order in which their digests will be asked for. */
  constructor(layers: readonly StoreLayer[], context: Context) {
    this.#context = context;
    const unknown = layers.filter((layer) => {
      const diffId = layer.length < WORTH_RECORD ? undefined : readRecord(this.#record(layer));
      if (typeof diffId !== "string" || !/^sha256:[0-9a-f]{64}$/.test(diffId)) return true;
      this.#digests.set(layer, Promise.resolve(diffId as DiffId));
      return false;
    });
    const largest = unknown.reduce<StoreLayer | undefined>(
      (most, layer) => (most === undefined || layer.length > most.length ? layer : most),
      undefined,
    );
    this.#waiting = unknown.toReversed().sort((a, b) => Number(a === largest) - Number(b === largest));
    const total = unknown.reduce((sum, { length }) => sum + length, 0);
    if (context.jobs < 2 || total < WORTH_THREADS) return;
    const threads = Math.min(context.jobs - 1, MOST_THREADS, unknown.length);
    this.#pool = new ThreadPool(WORKER, threads, undefined);
    for (let i = 0; i < threads; i++) this.#next();
  }

  /** The digest of one of the layers, computed once as long as its files stay as they are, and its bytes. */
  async hash(layer: StoreLayer): Promise<HashedLayer> {
    const begun = this.#digests.get(layer);
    if (begun !== undefined) return { diffId: await begun, chunks: layer.chunks() };
    this.#waiting.splice(this.#waiting.indexOf(layer), 1);
    if (layer.length >= WORTH_RECORD) {
      return { diffId: this.#remember(layer, hashLayer(layer)), chunks: layer.chunks() };
    }
    // Read once only: most of the time for a small file is spent in opening it.
    const chunks = [...layer.chunks()];
    return { diffId: `sha256:${hashChunks(chunks)}` as DiffId, chunks };
  }

  /** Has a thread hash what waits, one layer after the other. */
  #next(): void {
    const layer = this.#waiting.pop();
    if (layer === undefined) return;
    const digest = this.#onThread(layer);
    this.#digests.set(layer, digest);
    // Whether it failed is asked when its turn comes.
    digest.then(
      () => this.#next(),
      () => {},
    );
  }

  async #onThread(layer: StoreLayer): Promise<DiffId> {
    const { entries, owner, prefix, length } = layer;
    const digest = await this.#pool!.run({ entries, owner, prefix, length });
    return this.#remember(layer, digest ?? hashLayer(layer));
  }

  #remember(layer: StoreLayer, digest: string): DiffId {
    const diffId = `sha256:${digest}` as DiffId;
    if (layer.length >= WORTH_RECORD) writeRecord(this.#record(layer), diffId);
    return diffId;
  }

  #record({ key }: StoreLayer): string {
    return this.#context.cache.path("layers", `${key}.tar.json`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool?.[Symbol.asyncDispose]();
  }
}
