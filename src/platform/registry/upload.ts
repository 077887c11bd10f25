// Blobs into a repository: looked for, mounted from another repository, or uploaded, whole at first, and by chunks
// where a connection breaks or the registry wants it. Specification: OCI Distribution 1.1, "Pushing Blobs"; with what
// registries do instead: other 2xx statuses, Range with and without unit, locations that are relative or have a query.

import type { Digest } from "../../model/image.ts";
import { BlobReader } from "./blob-reader.ts";
import { hintFor, RegistryError } from "./errors.ts";
import { readDigest, readLength } from "./manifests.ts";
import { PassingFailure, Patience } from "./retry.ts";
import { type Session, showRepository } from "./session.ts";
import type { HttpAnswer, RequestBody } from "./transport.ts";

/** A blob on its way to a registry. */
export interface BlobUpload {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /**
   * Opens its bytes from an offset on. May throw while they are read, when they do not have the digest: the upload then
   * fails with that error.
   */
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
}

export interface UploadOptions {
  /** Repositories of the same registry that may have the blob; the first is tried. */
  readonly mountFrom?: readonly string[] | undefined;
  /** True: the caller has asked already, and the repository does not have the blob. */
  readonly isMissing?: boolean | undefined;
  /** Called with the number of bytes that were sent; negative when they have to be sent again. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** How a blob came to be in a repository: it was there, is shared with another repository, or its bytes were sent. */
export type Uploaded = "present" | "mounted" | "uploaded";

/** Bytes of one PATCH, where a blob cannot be sent whole. */
const CHUNK = 16 << 20;
/** The least bytes of one PATCH, where a registry takes small bodies only. */
const SMALLEST_CHUNK = 64 << 10;
/** The largest chunk that a registry may insist on. */
const LARGEST_CHUNK = 1 << 30;
const OCTETS = "application/octet-stream";

export async function headBlob(
  session: Session,
  digest: Digest,
): Promise<{ readonly size: number | undefined } | undefined> {
  const answer = await session.request({
    method: "HEAD",
    target: session.path("blobs", digest),
    doing: `look for the blob ${digest} in ${showRepository(session.reference)}`,
    accept: [200, 404],
  });
  await answer.body.dump().catch(() => undefined);
  return answer.status === 404 ? undefined : { size: readLength(answer) };
}

export async function mountBlob(session: Session, digest: Digest, from: string): Promise<boolean> {
  return (await beginUpload(session, digest, from)) === "mounted";
}

/**
 * Uploads a blob unless the repository has it.
 *
 * @throws {RegistryError} `UPLOAD_FAILED`, or why the registry cannot be used.
 */
export async function uploadBlob(
  session: Session,
  blob: BlobUpload,
  options: UploadOptions = {},
): Promise<Uploaded> {
  if (options.isMissing !== true && (await headBlob(session, blob.digest)) !== undefined) return "present";
  const begun = await beginUpload(session, blob.digest, options.mountFrom?.[0]);
  if (begun === "mounted") return "mounted";
  const upload = new Upload(session, blob, begun, options.onBytes ?? (() => {}));
  return upload.run();
}

/** Where the registry takes the bytes of a blob. */
interface Place {
  readonly url: URL;
  /** The least bytes of a chunk that is not the last. */
  readonly leastChunk: number;
}

/** Begins an upload, or has the blob mounted. */
async function beginUpload(
  session: Session,
  digest: Digest,
  from: string | undefined,
): Promise<Place | "mounted"> {
  const doing = `push the blob ${digest} to ${showRepository(session.reference)}`;
  const query =
    from === undefined ? "" : `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const request = {
    method: "POST",
    target: `${session.path("blobs", "uploads")}/${query}`,
    doing,
    codes: { refused: "UPLOAD_FAILED" },
  } as const;
  let answer: HttpAnswer;
  try {
    const alsoReads = from === undefined ? {} : { alsoReads: from };
    answer = await session.request({ ...request, ...alsoReads, accept: [200, 201, 202, 204] });
  } catch (error) {
    // The login may not read the other repository, or the registry knows no mounts.
    if (from === undefined || !(error instanceof RegistryError) || error.code === "REGISTRY_UNREACHABLE") {
      throw error;
    }
    return beginUpload(session, digest, undefined);
  }
  await answer.body.dump().catch(() => undefined);
  if (answer.status === 201) {
    // Some say so without having it.
    if (readDigest(answer) === digest || (await headBlob(session, digest)) !== undefined) return "mounted";
    if (from !== undefined) return beginUpload(session, digest, undefined);
  }
  return readPlace(session, answer, doing, undefined);
}

function readPlace(session: Session, answer: HttpAnswer, doing: string, before: Place | undefined): Place {
  const location = answer.header("location");
  const least = Number(answer.header("oci-chunk-min-length") ?? before?.leastChunk ?? 0);
  const leastChunk = Number.isSafeInteger(least) && least > 0 && least <= LARGEST_CHUNK ? least : 0;
  if (location !== undefined && location !== "") {
    return { url: session.resolve(location, answer, doing), leastChunk };
  }
  if (before !== undefined) return { ...before, leastChunk };
  throw new RegistryError("REGISTRY_FAULTY", `Cannot ${doing}: the registry does not say where to`, {
    hint: hintFor("REGISTRY_FAULTY"),
  });
}

/** One blob, from the first byte to the registry's word that it has all of them. */
class Upload {
  readonly #session: Session;
  readonly #blob: BlobUpload;
  readonly #onBytes: (count: number) => void;
  readonly #doing: string;
  readonly #reader: BlobReader;
  #place: Place;
  /** Bytes that the registry has, by its own word. */
  #offset = 0;
  /** False as long as all is sent in one request. */
  #isChunked = false;
  /** Bytes of a chunk; less when the registry refuses large ones. */
  #chunk = CHUNK;
  /** Bytes that were told to `onBytes`. */
  #told = 0;
  /** What went wrong while the blob was read. */
  #readError: { readonly error: unknown } | undefined;

  constructor(session: Session, blob: BlobUpload, place: Place, onBytes: (count: number) => void) {
    this.#session = session;
    this.#blob = blob;
    this.#place = place;
    this.#onBytes = onBytes;
    this.#reader = new BlobReader(blob);
    this.#doing = `push the blob ${blob.digest} to ${showRepository(session.reference)}`;
  }

  async run(): Promise<Uploaded> {
    const { timing, context } = this.#session;
    const patience = new Patience(timing, context);
    for (;;) {
      try {
        await this.#sendRest();
        this.#tell(this.#blob.size);
        return "uploaded";
      } catch (error) {
        await this.#reader.close();
        context.signal.throwIfAborted();
        if (this.#readError !== undefined) throw this.#readError.error;
        const failure = this.#toFailure(error);
        if (failure === undefined) throw error;
        await patience.afterFailure(failure);
        if (await this.#findOut()) return "uploaded";
        patience.progress(this.#offset, this.#blob.size);
      }
    }
  }

  /** The failure that another try may mend; undefined when none may. */
  #toFailure(error: unknown): PassingFailure | undefined {
    if (error instanceof PassingFailure) {
      const { verdict, retryAfterMs } = error;
      if (verdict.code === "RATE_LIMITED") return error;
      const { message, hint, cause } = verdict;
      return new PassingFailure(new RegistryError("UPLOAD_FAILED", message, { hint, cause }), retryAfterMs);
    }
    return error instanceof OutOfStep ? new PassingFailure(error.verdict) : undefined;
  }

  async #sendRest(): Promise<void> {
    const { size } = this.#blob;
    if (!this.#isChunked && this.#offset === 0) return this.#finish(0);
    while (this.#offset < size) await this.#sendChunk();
    await this.#finish(size);
  }

  /** Sends the next chunk. */
  async #sendChunk(): Promise<void> {
    const start = this.#offset;
    const end = Math.min(this.#blob.size, start + Math.max(this.#chunk, this.#place.leastChunk));
    const answer = await this.#session.once({
      method: "PATCH",
      target: this.#place.url,
      headers: { "content-range": `${start}-${end - 1}` },
      body: this.#body(start, end),
      doing: this.#doing,
      accept: [200, 201, 202, 204, 404, 413, 416],
      codes: { refused: "UPLOAD_FAILED" },
    });
    await answer.body.dump().catch(() => undefined);
    if (answer.status === 413) return this.#takeSmallerChunks(end - start);
    this.#refuseOutOfStep(answer);
    this.#place = readPlace(this.#session, answer, this.#doing, this.#place);
    // Without a Range all was taken; with one, the registry may have taken less.
    const has = readRangeEnd(answer);
    this.#offset = has !== undefined && has > start && has < end ? has : end;
    this.#tell(this.#offset);
  }

  /** Sends all from an offset on, with which the blob is complete. */
  async #finish(offset: number): Promise<void> {
    const { digest, size } = this.#blob;
    const { url } = this.#place;
    const target = new URL(url);
    // The query of a location is the registry's own: it stays as it is to the byte.
    target.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
    const answer = await this.#session.once({
      method: "PUT",
      target,
      body: this.#body(offset, size),
      doing: this.#doing,
      accept: [200, 201, 202, 204, 404, 413, 416],
      codes: { refused: "UPLOAD_FAILED" },
    });
    await answer.body.dump().catch(() => undefined);
    if (answer.status === 413 && !this.#isChunked) {
      this.#isChunked = true;
      throw new OutOfStep(this.#failed("the registry takes it in chunks only"));
    }
    if (answer.status === 413) throw this.#failed("it is too large for the registry");
    this.#refuseOutOfStep(answer);
    if (this.#readError !== undefined) throw this.#readError.error;
    const stored = readDigest(answer);
    if (stored !== undefined && stored !== digest) {
      throw new RegistryError(
        "DIGEST_MISMATCH",
        `Cannot ${this.#doing}: the registry stored ${stored}, wanted ${digest}`,
        { hint: "The registry, or something between, changes what it gets: tell who runs it" },
      );
    }
  }

  /** Servers in front of registries often limit bodies, and do not say to what. */
  #takeSmallerChunks(refused: number): void {
    if (refused <= Math.max(SMALLEST_CHUNK, this.#place.leastChunk)) {
      throw new RegistryError(
        "UPLOAD_FAILED",
        `Cannot ${this.#doing}: not even ${refused} bytes are taken at once`,
        { hint: "Raise the limit of request bodies of the registry, or of the server in front of it" },
      );
    }
    this.#chunk = Math.max(SMALLEST_CHUNK, Math.min(this.#chunk, refused) >> 2);
  }

  #refuseOutOfStep({ status }: HttpAnswer): void {
    if (status === 404) throw new OutOfStep(this.#failed("the registry has forgotten the upload"));
    if (status === 416)
      throw new OutOfStep(this.#failed("the registry has other bytes of it than were sent"));
  }

  #failed(problem: string): RegistryError {
    return new RegistryError("UPLOAD_FAILED", `Cannot ${this.#doing}: ${problem}`, {
      hint: hintFor("UPLOAD_FAILED"),
    });
  }

  #body(start: number, end: number): RequestBody {
    return { size: end - start, mediaType: OCTETS, open: () => this.#read(start, end) };
  }

  async *#read(start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    // A request that is sent a second time, with a new login, begins anew.
    this.#tell(start);
    try {
      for await (const chunk of this.#reader.read(start, end)) {
        yield chunk;
        this.#tell(this.#told + chunk.length);
      }
    } catch (error) {
      this.#readError = { error };
      throw error;
    }
  }

  #tell(sent: number): void {
    if (sent !== this.#told) this.#onBytes(sent - this.#told);
    this.#told = sent;
  }

  /**
   * Asks how much the registry has, and begins anew where it has lost the upload.
   *
   * @returns True when it has the whole blob: only its answer was lost.
   */
  async #findOut(): Promise<boolean> {
    const answer = await this.#session
      .request({
        method: "GET",
        target: this.#place.url,
        doing: this.#doing,
        accept: [200, 201, 202, 204],
        codes: { missing: "UPLOAD_FAILED", refused: "UPLOAD_FAILED" },
      })
      .catch((error: unknown) => {
        if (error instanceof RegistryError && STATUS_UNKNOWN.includes(error.code)) return undefined;
        throw error;
      });
    await answer?.body.dump().catch(() => undefined);
    const has = answer === undefined ? undefined : readRangeEnd(answer);
    // `0-0` may be no byte or one: what cannot be told apart is begun anew.
    if (answer !== undefined && has !== undefined && has > 0 && has <= this.#blob.size) {
      this.#place = readPlace(this.#session, answer, this.#doing, this.#place);
      this.#offset = has;
      this.#tell(has);
      return false;
    }
    if ((await headBlob(this.#session, this.#blob.digest)) !== undefined) return true;
    const begun = await beginUpload(this.#session, this.#blob.digest, undefined);
    if (begun === "mounted") return true;
    this.#place = begun;
    this.#offset = 0;
    this.#tell(0);
    return false;
  }
}

/** What the status of an upload may be refused with by registries that do not know how to tell it. */
const STATUS_UNKNOWN: readonly string[] = ["UPLOAD_FAILED", "REGISTRY_DENIED", "REGISTRY_FAULTY"];

/** The registry and Tare do not agree on how much was sent; asking helps. */
class OutOfStep extends Error {
  readonly verdict: RegistryError;
  constructor(verdict: RegistryError) {
    super(verdict.message);
    this.verdict = verdict;
  }
}

/**
 * How many bytes a registry has by its Range header: `0-1023` are 1,024, and `0-0` is none, as docker's registry writes
 * it. A single byte is never worth continuing.
 */
function readRangeEnd(answer: HttpAnswer): number | undefined {
  const last = /^(?:bytes[ =])?0-(\d{1,15})$/i.exec(answer.header("range")?.trim() ?? "")?.[1];
  if (last === undefined) return undefined;
  return last === "0" ? 0 : Number(last) + 1;
}
