// Content → a registry. Blobs go as soon as they are there, several at once, while others are still packed; what the
// repository has is not sent, what another repository of the registry has is mounted; the documents are last, so that
// whoever pulls sees the old image or the new one, whole.

import { type Content, type ContentBlob, type ContentDocument, rootDocument } from "../model/content.ts";
import type { Context } from "../model/context.ts";
import type { Digest } from "../model/image.ts";
import type { ProgressStage } from "../model/progress.ts";
import {
  openRegistry,
  type RegistryClient,
  type RegistryOptions,
  type Uploaded,
} from "../platform/registry/client.ts";
import { RegistryError } from "../platform/registry/errors.ts";
import {
  formatRegistryReference,
  manifestName,
  type RegistryReference,
} from "../platform/registry/reference.ts";
import { readBlob } from "./blobs.ts";
import { DeliverError } from "./errors.ts";
import {
  findContent,
  findRepositories,
  forgetContent,
  rememberContent,
  rememberPlace,
} from "./known-places.ts";

/** Blobs that are sent at once. */
const MOST_UPLOADS = 4;

export interface PushOptions {
  readonly registry?: Omit<RegistryOptions, "access">;
  /** Brings a blob to where its content says it is; called only for those that are to be sent. */
  readonly fetch?: ((blob: ContentBlob) => Promise<void>) | undefined;
  /** A repository of the same registry that has all the blobs. */
  readonly mountFrom?: string | undefined;
}

/** What a push came to. */
export interface Pushed {
  /** `HOST/NAME:TAG`. */
  readonly reference: string;
  readonly digest: Digest;
  /** True when the tag stood for this very image before: nothing was sent. */
  readonly unchanged: boolean;
  /** How many blobs were there, were mounted, or were sent. */
  readonly blobs: Readonly<Record<Uploaded, number>>;
  /** Bytes of blobs and documents that were sent. */
  readonly bytesSent: number;
  /** Bytes of blobs that were not. */
  readonly bytesReused: number;
}

/** One image, or one index, on its way. Dispose of it however the work ends: what still runs is then broken off. */
export class Pusher implements AsyncDisposable {
  readonly #reference: RegistryReference;
  readonly #options: PushOptions;
  readonly #context: Context;
  readonly #abort = new AbortController();
  readonly #client: RegistryClient;
  readonly #uploads = new Map<Digest, Promise<Uploaded>>();
  readonly #present = new Map<Digest, Promise<boolean>>();
  /** Blobs that were mounted before they were taken. */
  readonly #mounted = new Set<Digest>();
  readonly #waiting: (() => void)[] = [];
  /** Of the tag, before anything is sent. */
  readonly #old: Promise<Digest | undefined>;
  /** Blobs that are there because the old image consists of them. */
  #implied: Promise<ReadonlySet<Digest>>;
  #stage: ProgressStage | undefined;
  #running = 0;
  #bytesSent = 0;

  /** Begins to look at what the registry has. */
  constructor(reference: RegistryReference, options: PushOptions, context: Context) {
    this.#reference = reference;
    this.#options = options;
    const signal = AbortSignal.any([context.signal, this.#abort.signal]);
    this.#context = { ...context, signal };
    this.#client = openRegistry(reference, { ...options.registry, access: "push" }, this.#context);
    this.#old = this.#client.headManifest(manifestName(reference)).then((head) => head?.digest);
    this.#implied = this.#old.then((old) => (old === undefined ? new Set() : findContent(old, context)));
    for (const answer of [this.#old, this.#implied]) answer.catch(() => {});
  }

  /** Whether the registry has content already, under the name that it shall have. */
  async isThere(digest: Digest): Promise<boolean> {
    return (await this.#old) === digest;
  }

  /** Whether the repository lacks a blob. */
  async lacks(digest: Digest): Promise<boolean> {
    if ((await this.#implied).has(digest)) return false;
    const present =
      this.#present.get(digest) ?? this.#client.headBlob(digest).then((head) => head !== undefined);
    this.#present.set(digest, present);
    return !(await present);
  }

  /** Whether the bytes of a blob are wanted: the repository lacks it, and it cannot be mounted either. */
  async wants(digest: Digest): Promise<boolean> {
    if (!(await this.lacks(digest))) return false;
    const [from] = this.#otherRepositories(digest);
    if (from === undefined || !(await this.#client.mountBlob(digest, from))) return true;
    this.#mounted.add(digest);
    this.#present.set(digest, Promise.resolve(true));
    return false;
  }

  /** Repositories of the same registry that may have a blob. */
  #otherRepositories(digest: Digest): string[] {
    const { host, repository } = this.#reference;
    const { mountFrom } = this.#options;
    const known = findRepositories(digest, host, this.#context);
    return (mountFrom === undefined ? known : [mountFrom, ...known]).filter((name) => name !== repository);
  }

  /** Begins to push a blob; how that ends is told by {@link finish}. */
  take(blob: ContentBlob): void {
    if (this.#uploads.has(blob.digest)) return;
    this.#stage ??= this.#context.progress.stage("pushing");
    this.#stage.expect(1, blob.size);
    const upload = this.#push(blob);
    upload.catch((error: unknown) => this.#abort.abort(error));
    this.#uploads.set(blob.digest, upload);
  }

  async #push(blob: ContentBlob): Promise<Uploaded> {
    const { digest, size } = blob;
    let isLacking = await this.lacks(digest);
    let uploaded: Uploaded = this.#mounted.has(digest) ? "mounted" : "present";
    if (isLacking) {
      await this.#enter();
      try {
        uploaded = await this.#upload(blob);
        isLacking = uploaded === "uploaded";
      } finally {
        this.#leave();
      }
    }
    if (!isLacking) this.#stage!.advance(0, size);
    this.#stage!.advance(1);
    if (!(await this.#implied).has(digest)) rememberPlace(digest, this.#reference, this.#context);
    return uploaded;
  }

  async #upload(blob: ContentBlob): Promise<Uploaded> {
    const { digest, size } = blob;
    let isFetched = false;
    const onBytes = (count: number) => {
      this.#bytesSent += count;
      this.#stage!.advance(0, count);
    };
    const { fetch } = this.#options;
    const context = this.#context;
    async function* open(offset: number): AsyncGenerator<Uint8Array, void, undefined> {
      if (!isFetched && "file" in blob.data) await fetch?.(blob);
      isFetched = true;
      yield* readFrom(blob, offset, context);
    }
    return this.#client.uploadBlob(
      { digest, size, open },
      { isMissing: true, mountFrom: this.#otherRepositories(digest), onBytes },
    );
  }

  async #enter(): Promise<void> {
    if (this.#running >= MOST_UPLOADS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    this.#context.signal.throwIfAborted();
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }

  /** Pushes what was not taken yet, then the documents. */
  async finish(content: Content): Promise<Pushed> {
    const root = rootDocument(content);
    const { digest: wanted } = this.#reference;
    if (wanted !== undefined && wanted !== root.digest) {
      throw new DeliverError(
        "DIGEST_NOT_THIS",
        `Cannot push to ${formatRegistryReference(this.#reference)}: the image has the digest ${root.digest}`,
        { hint: "Name a tag, or leave the digest out" },
      );
    }
    const reference = formatRegistryReference(this.#reference);
    const total = content.blobs.reduce((sum, { size }) => sum + size, 0);
    const unchanged = this.#uploads.size === 0 && (await this.isThere(root.digest));
    const blobs = { present: 0, mounted: 0, uploaded: 0 };
    if (!unchanged) {
      await this.#pushAll(content, blobs);
    } else blobs.present = content.blobs.length;
    let blobBytes = this.#bytesSent;
    const isSame = await this.isThere(root.digest);
    if (!isSame) {
      try {
        await this.#putDocuments(content);
      } catch (error) {
        if (!(error instanceof RegistryError) || (await this.#implied).size === 0) throw error;
        // A registry may have lost blobs of an image that it still has.
        this.#bytesSent = blobBytes;
        await this.#forgetImplied();
        for (const kind of Object.keys(blobs) as Uploaded[]) blobs[kind] = 0;
        await this.#pushAll(content, blobs);
        blobBytes = this.#bytesSent;
        await this.#putDocuments(content);
      }
    }
    rememberContent(content, this.#context);
    this.#stage?.done(isSame ? `${reference}, unchanged` : reference);
    return {
      reference,
      digest: root.digest,
      unchanged: isSame && blobBytes === 0,
      blobs,
      bytesSent: this.#bytesSent,
      bytesReused: Math.max(0, total - blobBytes),
    };
  }

  /** Counts what became of each blob. */
  async #pushAll({ blobs }: Content, counts: Record<Uploaded, number>): Promise<void> {
    for (const blob of blobs) this.take(blob);
    for (const { digest } of blobs) counts[await this.#uploads.get(digest)!]++;
  }

  /** From now on every blob is asked for that was not sent; also by a push that has to pack those anew. */
  async #forgetImplied(): Promise<void> {
    const [implied, old] = await Promise.all([this.#implied, this.#old]);
    if (old !== undefined) forgetContent(old, this.#context);
    this.#implied = Promise.resolve(new Set());
    for (const digest of implied) this.#uploads.delete(digest);
  }

  async #putDocuments(content: Content): Promise<void> {
    const root = rootDocument(content);
    for (const document of content.documents) await this.#putDocument(document, document === root);
  }

  async #putDocument(document: ContentDocument, isRoot: boolean): Promise<void> {
    const name = isRoot ? manifestName(this.#reference) : document.digest;
    // Of an index, what is there from another push is not sent again.
    if (!isRoot && (await this.#client.headManifest(name))?.digest === document.digest) return;
    await this.#client.putManifest(name, document);
    this.#bytesSent += document.bytes.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error("the push has ended"));
    await Promise.allSettled([
      ...this.#uploads.values(),
      ...this.#present.values(),
      this.#old,
      this.#implied,
    ]);
    await this.#client[Symbol.asyncDispose]();
  }
}

/** Pushes content that is whole. */
export async function pushContent(
  content: Content,
  reference: RegistryReference,
  options: PushOptions,
  context: Context,
): Promise<Pushed> {
  await using pusher = new Pusher(reference, options, context);
  return await pusher.finish(content);
}

/** The bytes of a blob from an offset on; all of them are hashed, so that no damaged one is sent to its end. */
async function* readFrom(
  { digest, size, data }: ContentBlob,
  offset: number,
  context: Context,
): AsyncGenerator<Uint8Array, void, undefined> {
  if ("bytes" in data) {
    yield data.bytes.subarray(offset);
    return;
  }
  let position = 0;
  for await (const chunk of readBlob({ digest, size, blob: data }, context)) {
    const skipped = Math.max(0, Math.min(chunk.length, offset - position));
    position += chunk.length;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}
