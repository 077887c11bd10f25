// HTTP(S) and file: URLs into checked files: retries with backoff, several sources, resumption by range.

import { createHash } from "node:crypto";
import { renameSync } from "node:fs";
import type { Context } from "../model/context.ts";
import { AttemptError, attempt } from "./attempts.ts";
import { fileSize, onDisk } from "./disk.ts";
import { NO_HEADERS, openBody, type RequestHeaders, readBody } from "./http-body.ts";
import { NetworkError, redactUrl } from "./network-error.ts";
import { type Expected, PartialDownload } from "./partial-download.ts";
import { SpoolFile } from "./random-access.ts";

export { credentialHeaders, type RequestHeaders } from "./http-body.ts";
export { NetworkError, type NetworkErrorCode, redactUrl } from "./network-error.ts";
export type { Expected } from "./partial-download.ts";

/**
 * Fetches a small document whole.
 *
 * @param what What it is, for messages: `the release file of bookworm`.
 * @param urls Tried in order.
 * @param maxSize Bytes; a longer answer is refused while it arrives.
 * @param headersOf Headers for each URL; a server of another origin that it redirects to does not get `authorization`.
 * @throws {NetworkError} See {@link NetworkErrorCode}.
 */
export async function fetchDocument(
  what: string,
  urls: readonly string[],
  maxSize: number,
  context: Context,
  headersOf: RequestHeaders = NO_HEADERS,
): Promise<{ bytes: Buffer; url: string }> {
  return attempt(what, urls, context, async (url) => {
    const body = await openBody(url, 0, context.signal, headersOf);
    const chunks: Uint8Array[] = [];
    let size = 0;
    await readBody(body, context.signal, (chunk) => {
      size += chunk.length;
      if (size > maxSize) throw tooLarge(what, url, maxSize);
      chunks.push(chunk);
      return true;
    });
    return { bytes: Buffer.concat(chunks), url };
  });
}

/**
 * Fetches an artifact into the cache's `downloads`, and returns its path there.
 *
 * Size and sha256 are checked while it streams; a server that sends too much is cut off. What an interrupted
 * attempt left is continued. The file appears under its name only when it is whole and right.
 *
 * @param onBytes Called with the number of new bytes (negative when received bytes had to be thrown away).
 * @throws {NetworkError} `HASH_MISMATCH`, `SIZE_MISMATCH`, or as {@link fetchDocument}.
 */
export async function fetchArtifact(
  what: string,
  urls: readonly string[],
  expected: Expected,
  context: Context,
  onBytes: (count: number) => void = () => {},
  headersOf: RequestHeaders = NO_HEADERS,
): Promise<string> {
  const destination = context.cache.path("downloads", expected.sha256);
  if (fileSize(destination) === expected.size) {
    onBytes(expected.size);
    return destination;
  }
  const download = PartialDownload.claim(context.cache.path("partial", expected.sha256), expected, onBytes);
  try {
    await attempt(what, urls, context, async (url) => {
      const fresh = download.size === 0;
      if (download.size < expected.size) {
        const body = await openBody(url, download.size, context.signal, headersOf);
        if (body.offset === 0) download.restart();
        await readBody(body, context.signal, (chunk) => download.append(chunk));
      }
      const problem = download.problem();
      if (problem === undefined) return;
      download.restart();
      const [code, text] = problem;
      throw new AttemptError(text, {
        // Bytes that an earlier run left may be what is wrong: they must not condemn the server.
        retry: !fresh,
        verdict: new NetworkError(code, `Cannot fetch ${what}: ${redactUrl(url)} ${text}`, {
          hint: "The mirror may be out of step or damaged: try again later, or name another mirror",
        }),
      });
    });
    onDisk(`write ${destination}`, () => download.moveTo(destination));
    return destination;
  } catch (error) {
    onBytes(-download.size);
    throw error;
  } finally {
    download.release();
  }
}

/**
 * Fetches what is known by nothing into a temporary file, which the caller checks and disposes of.
 *
 * @param maxSize Bytes; a longer answer is refused while it arrives.
 * @throws {NetworkError} As {@link fetchDocument}.
 */
export async function fetchToSpool(
  what: string,
  urls: readonly string[],
  maxSize: number,
  context: Context,
  onBytes: (count: number) => void = () => {},
  headersOf: RequestHeaders = NO_HEADERS,
): Promise<SpoolFile> {
  return attempt(what, urls, context, async (url) => {
    const body = await openBody(url, 0, context.signal, headersOf);
    const spool = new SpoolFile(context.cache.path("downloads", "spool"));
    try {
      await readBody(body, context.signal, (chunk) => {
        if (spool.size + chunk.length > maxSize) throw tooLarge(what, url, maxSize);
        spool.write(chunk);
        onBytes(chunk.length);
        return true;
      });
      return spool;
    } catch (error) {
      onBytes(-spool.size);
      spool[Symbol.dispose]();
      throw error;
    }
  });
}

/** What a download shall be when neither its size nor its sha256 is known. */
export interface ExpectedHash {
  readonly algorithm: "sha512" | "sha384" | "sha256" | "sha1";
  /** Lower-case hex; the bytes must have one of them. */
  readonly digests: readonly string[];
  /** Bytes; more are not taken. */
  readonly maxSize: number;
}

/**
 * Fetches an artifact that is known by its hash alone into the cache's `downloads`; as {@link fetchArtifact}, except
 * that nothing is continued.
 *
 * @param onBytes Called with the number of new bytes (negative when received bytes had to be thrown away).
 * @returns Its path: `<algorithm>-<hex>`.
 * @throws {NetworkError} `HASH_MISMATCH`, `TOO_LARGE`, or as {@link fetchDocument}.
 */
export async function fetchByHash(
  what: string,
  urls: readonly string[],
  { algorithm, digests, maxSize }: ExpectedHash,
  context: Context,
  onBytes: (count: number) => void = () => {},
  headersOf: RequestHeaders = NO_HEADERS,
): Promise<string> {
  const pathOf = (digest: string) => context.cache.path("downloads", `${algorithm}-${digest}`);
  for (const digest of digests) {
    const size = fileSize(pathOf(digest));
    if (size === undefined) continue;
    onBytes(size);
    return pathOf(digest);
  }
  return attempt(what, urls, context, async (url) => {
    const body = await openBody(url, 0, context.signal, headersOf);
    const hash = createHash(algorithm);
    using spool = new SpoolFile(pathOf(digests[0]!));
    try {
      await readBody(body, context.signal, (chunk) => {
        if (spool.size + chunk.length > maxSize) throw tooLarge(what, url, maxSize);
        hash.update(chunk);
        spool.write(chunk);
        onBytes(chunk.length);
        return true;
      });
    } catch (error) {
      onBytes(-spool.size);
      throw error;
    }
    const actual = hash.digest("hex");
    if (digests.includes(actual)) {
      const destination = pathOf(actual);
      onDisk(`write ${destination}`, () => renameSync(spool.path, destination));
      return destination;
    }
    onBytes(-spool.size);
    const problem = `has ${algorithm} ${actual}, expected ${digests.join(" or ")}`;
    throw new AttemptError(problem, {
      retry: false,
      verdict: new NetworkError("HASH_MISMATCH", `Cannot fetch ${what}: ${redactUrl(url)} ${problem}`, {
        hint: "The server may be damaged: try again later, or name another one",
      }),
    });
  });
}

function tooLarge(what: string, url: string, maxSize: number): NetworkError {
  return new NetworkError(
    "TOO_LARGE",
    `Cannot fetch ${what}: ${redactUrl(url)} is larger than ${maxSize} bytes`,
  );
}
