// Blobs of a repository → the cache, resumed by range, every byte hashed before the blob has its name.

import { TareError } from "../../model/errors.ts";
import type { Digest } from "../../model/image.ts";
import { monotonicMs } from "../clock.ts";
import { fileSize, onDisk } from "../disk.ts";
import { type Expected, PartialDownload } from "../partial-download.ts";
import { RegistryError } from "./errors.ts";
import { PassingFailure, Patience } from "./retry.ts";
import { type Session, showRepository } from "./session.ts";
import type { HttpAnswer } from "./transport.ts";

/**
 * Fetches a blob into the cache's `blobs`.
 *
 * @param onBytes Called with the number of new bytes; negative when received bytes had to be thrown away.
 * @returns Its path, at which it is whole and right.
 * @throws {RegistryError} `BLOB_UNKNOWN`, `DIGEST_MISMATCH`, or why it cannot be had.
 */
export async function fetchBlob(
  session: Session,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  onBytes: (count: number) => void = () => {},
): Promise<string> {
  const { context } = session;
  const sha256 = digest.slice("sha256:".length);
  const destination = context.cache.path("blobs", sha256);
  if (fileSize(destination) === size) {
    onBytes(size);
    return destination;
  }
  const expected = { sha256, size };
  const download = PartialDownload.claim(context.cache.path("partial", sha256), expected, onBytes);
  try {
    await receive(session, digest, expected, download);
    onDisk(`write ${destination}`, () => download.moveTo(destination));
    return destination;
  } catch (error) {
    onBytes(-download.size);
    throw error;
  } finally {
    download.release();
  }
}

async function receive(
  session: Session,
  digest: Digest,
  expected: Expected,
  download: PartialDownload,
): Promise<void> {
  const doing = `fetch the blob ${digest} of ${showRepository(session.reference)}`;
  const patience = new Patience(session.timing, session.context);
  for (;;) {
    try {
      if (download.size < expected.size) await receiveOnce(session, digest, doing, download);
      const problem = download.problem();
      if (problem === undefined) return;
      const isShort = download.size < expected.size;
      if (!isShort) download.restart();
      throw mismatch(doing, problem[1]);
    } catch (error) {
      session.context.signal.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      patience.progress(download.size, expected.size);
      await patience.afterFailure(error);
    }
  }
}

function mismatch(doing: string, problem: string): PassingFailure {
  return new PassingFailure(
    new RegistryError("DIGEST_MISMATCH", `Cannot ${doing}: the registry ${problem}`, {
      hint: "The registry, or something between, changes what it sends: tell who runs it",
    }),
  );
}

/** Receives what is missing over one connection. */
async function receiveOnce(
  session: Session,
  digest: Digest,
  doing: string,
  download: PartialDownload,
): Promise<void> {
  const answer = await session.once({
    method: "GET",
    target: session.path("blobs", digest),
    headers: download.size > 0 ? { range: `bytes=${download.size}-` } : {},
    doing,
    accept: [200, 206, 416],
    codes: { missing: "BLOB_UNKNOWN" },
  });
  if (!continuesAt(answer, download.size)) {
    download.restart();
    if (answer.status !== 200) {
      await answer.body.dump().catch(() => undefined);
      throw mismatch(doing, "cannot continue where the download stopped");
    }
  }
  const watch = new RateWatch(session.timing.silenceMs);
  try {
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      // More than was promised: reading on is of no use.
      if (!download.append(chunk)) break;
      if (watch.isTooSlow(chunk.length)) throw new Error("the server is too slow");
    }
  } catch (error) {
    // A disk that is full is no fault of the connection.
    throw error instanceof TareError ? error : session.toFailure(error, doing, answer.url);
  } finally {
    answer.body.destroy();
  }
}

/** Bytes that a peer must send in a second, over some time, to be waited for. */
const LEAST_RATE = 1024;

/** Finds out about peers that are never silent, and never done. */
class RateWatch {
  readonly #windowMs: number;
  #startMs = monotonicMs();
  #bytes = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  isTooSlow(bytes: number): boolean {
    this.#bytes += bytes;
    const elapsedMs = monotonicMs() - this.#startMs;
    if (elapsedMs < this.#windowMs) return false;
    const isSlow = this.#bytes < (LEAST_RATE * elapsedMs) / 1000;
    this.#startMs += elapsedMs;
    this.#bytes = 0;
    return isSlow;
  }
}

/** Whether a body begins at an offset. */
function continuesAt(answer: HttpAnswer, offset: number): boolean {
  if (answer.status === 200) return offset === 0;
  const start = /^bytes (\d{1,15})-/.exec(answer.header("content-range") ?? "")?.[1];
  return answer.status === 206 && start !== undefined && Number(start) === offset;
}
