// HTTP(S) and file: URLs into checked files: retries with backoff, several sources, resumption by range.

import { createHash } from "node:crypto";
import { createReadStream, existsSync, renameSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Context } from "../model/context.ts";
import { TareError } from "../model/errors.ts";
import { trustMachineCertificates } from "./certificates.ts";
import { sleep } from "./clock.ts";
import { fileSize, onDisk } from "./disk.ts";
import { type Expected, PartialDownload } from "./partial-download.ts";
import { SpoolFile } from "./random-access.ts";

export type { Expected } from "./partial-download.ts";

export type NetworkErrorCode =
  | "OFFLINE"
  | "NOT_FOUND"
  | "UNREACHABLE"
  | "HASH_MISMATCH"
  | "SIZE_MISMATCH"
  | "TOO_LARGE"
  | "BAD_URL";

export class NetworkError extends TareError<NetworkErrorCode> {}

const ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 250;
const LONGEST_RETRY_AFTER_MS = 60_000;
const TIMEOUT_MS = 30_000;

/** A failure of one attempt at one URL. */
class AttemptError extends Error {
  /** Another attempt at the same URL can help. */
  readonly retry: boolean;
  readonly notFound: boolean;
  readonly retryAfterMs: number | undefined;
  /** What to tell the user when no other URL does better. */
  readonly verdict: NetworkError | undefined;

  constructor(
    message: string,
    options: {
      retry: boolean;
      notFound?: boolean;
      retryAfterMs?: number | undefined;
      verdict?: NetworkError;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.retry = options.retry;
    this.notFound = options.notFound ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.verdict = options.verdict;
  }
}

/** Takes user name and password out of a URL before it is shown. */
export function redactUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1***@");
}

/** One open body: where it begins, and its chunks. */
interface Body {
  readonly offset: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

let dispatcher:
  | Promise<{ request: typeof import("undici").request; agent: import("undici").Dispatcher }>
  | undefined;

async function http() {
  trustMachineCertificates();
  dispatcher ??= import("undici").then(({ request, EnvHttpProxyAgent, interceptors }) => ({
    request,
    agent: new EnvHttpProxyAgent({
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connectTimeout: TIMEOUT_MS / 3,
    }).compose(interceptors.redirect({ maxRedirections: 5 })),
  }));
  return dispatcher;
}

/** Headers to ask a URL with: what a server wants to know of the user, by the server that the URL names. */
export type RequestHeaders = (url: string) => Readonly<Record<string, string>>;

const NO_HEADERS: RequestHeaders = () => ({});

/** The header for user name and password of a URL, for servers that want them. */
export const credentialHeaders: RequestHeaders = (url) => {
  const { username, password } = new URL(url);
  if (username === "" && password === "") return {};
  const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(secret).toString("base64")}` };
};

async function openBody(
  url: string,
  offset: number,
  signal: AbortSignal,
  headersOf: RequestHeaders = NO_HEADERS,
): Promise<Body> {
  if (url.startsWith("file:")) {
    const path = fileURLToPath(url);
    if (!existsSync(path) || !statSync(path).isFile()) {
      throw new AttemptError("there is no such file", { retry: false, notFound: true });
    }
    return { offset, chunks: createReadStream(path, { start: offset, signal }) };
  }
  const { request, agent } = await http();
  const headers: Record<string, string> = {
    "user-agent": "tare",
    "accept-encoding": "identity",
    ...headersOf(url),
  };
  if (offset > 0) headers["range"] = `bytes=${offset}-`;
  let response: Awaited<ReturnType<typeof request>>;
  try {
    response = await request(url, { method: "GET", headers, signal, dispatcher: agent });
  } catch (error) {
    signal.throwIfAborted();
    throw new AttemptError(describeCause(error), { retry: true, cause: error });
  }
  const { statusCode, body } = response;
  if (statusCode === 200) return { offset: 0, chunks: body };
  if (statusCode === 206) {
    const start = /^bytes (\d+)-/.exec(String(response.headers["content-range"] ?? ""))?.[1];
    if (start !== undefined && Number(start) === offset) return { offset, chunks: body };
  }
  await body.dump().catch(() => undefined);
  if (statusCode === 206 || statusCode === 416) {
    throw new AttemptError("the server cannot continue where the download stopped", { retry: true });
  }
  throw new AttemptError(`the server answered ${statusCode}`, {
    retry: statusCode === 408 || statusCode === 429 || statusCode >= 500,
    notFound: statusCode === 404 || statusCode === 410,
    retryAfterMs: parseRetryAfter(response.headers["retry-after"]),
  });
}

function parseRetryAfter(value: string | string[] | undefined): number | undefined {
  const seconds = /^\d{1,6}$/.exec(String(value ?? ""))?.[0];
  return seconds === undefined ? undefined : Math.min(Number(seconds) * 1000, LONGEST_RETRY_AFTER_MS);
}

function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return error.message || code || error.name;
}

/**
 * Tries each URL, each several times, until one attempt succeeds.
 *
 * @throws {NetworkError} `OFFLINE`, `BAD_URL`, `NOT_FOUND` (every URL says so) or `UNREACHABLE`.
 */
async function attempt<T>(
  what: string,
  urls: readonly string[],
  context: Context,
  action: (url: string) => Promise<T>,
): Promise<T> {
  const failures: string[] = [];
  let notFound = true;
  let verdict: NetworkError | undefined;
  for (const url of urls) {
    if (!/^(?:https?|file):\/\//.test(url)) {
      throw new NetworkError(
        "BAD_URL",
        `Cannot fetch ${what}: "${redactUrl(url)}" is no http, https or file URL`,
      );
    }
    if (context.offline && !url.startsWith("file:")) {
      throw new NetworkError(
        "OFFLINE",
        `Cannot fetch ${what}: it is not in the cache and the network is off`,
        {
          hint: "Build once without --offline, so that the cache holds it",
        },
      );
    }
    for (let tries = 1; ; tries++) {
      try {
        return await action(url);
      } catch (error) {
        context.signal.throwIfAborted();
        if (!(error instanceof AttemptError)) throw error;
        if (error.retry && tries < ATTEMPTS) {
          await sleep(error.retryAfterMs ?? FIRST_BACKOFF_MS * 2 ** (tries - 1), context.signal);
          continue;
        }
        notFound &&= error.notFound;
        verdict ??= error.verdict;
        failures.push(`${redactUrl(url)}: ${error.message}${tries > 1 ? ` (${tries} attempts)` : ""}`);
        break;
      }
    }
  }
  if (verdict !== undefined) throw verdict;
  const list = failures.join("; ");
  if (notFound) {
    throw new NetworkError(
      "NOT_FOUND",
      `Cannot fetch ${what}: no server has it (${list || "no server was given"})`,
    );
  }
  throw new NetworkError("UNREACHABLE", `Cannot fetch ${what}: ${list}`, {
    hint: "Check the network and the mirror, or name another mirror",
  });
}

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
    try {
      for await (const chunk of body.chunks) {
        size += chunk.length;
        if (size > maxSize) {
          throw new NetworkError(
            "TOO_LARGE",
            `Cannot fetch ${what}: ${redactUrl(url)} is larger than ${maxSize} bytes`,
          );
        }
        chunks.push(chunk);
      }
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof TareError) throw error;
      throw new AttemptError(describeCause(error), { retry: true, cause: error });
    }
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
        try {
          for await (const chunk of body.chunks) {
            if (!download.append(chunk)) break;
          }
        } catch (error) {
          context.signal.throwIfAborted();
          if (error instanceof TareError) throw error;
          throw new AttemptError(describeCause(error), { retry: true, cause: error });
        }
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
      for await (const chunk of body.chunks) {
        if (spool.size + chunk.length > maxSize) {
          throw new NetworkError(
            "TOO_LARGE",
            `Cannot fetch ${what}: ${redactUrl(url)} is larger than ${maxSize} bytes`,
          );
        }
        spool.write(chunk);
        onBytes(chunk.length);
      }
      return spool;
    } catch (error) {
      onBytes(-spool.size);
      spool[Symbol.dispose]();
      context.signal.throwIfAborted();
      if (error instanceof TareError) throw error;
      throw new AttemptError(describeCause(error), { retry: true, cause: error });
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
      for await (const chunk of body.chunks) {
        if (spool.size + chunk.length > maxSize) {
          throw new NetworkError(
            "TOO_LARGE",
            `Cannot fetch ${what}: ${redactUrl(url)} is larger than ${maxSize} bytes`,
          );
        }
        hash.update(chunk);
        spool.write(chunk);
        onBytes(chunk.length);
      }
    } catch (error) {
      onBytes(-spool.size);
      context.signal.throwIfAborted();
      if (error instanceof TareError) throw error;
      throw new AttemptError(describeCause(error), { retry: true, cause: error });
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
