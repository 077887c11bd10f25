// One attempt at one URL → an open body, and its bytes as they come.

import { createReadStream, existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TareError } from "../model/errors.ts";
import { AttemptError } from "./attempts.ts";
import { loadHttpClient } from "./http.ts";

const LONGEST_RETRY_AFTER_MS = 60_000;

/** One open body: where it begins, and its chunks. */
export interface Body {
  readonly offset: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Headers to ask a URL with: what a server wants to know of the user, by the server that the URL names. */
export type RequestHeaders = (url: string) => Readonly<Record<string, string>>;

export const NO_HEADERS: RequestHeaders = () => ({});

/** The header for user name and password of a URL, for servers that want them. */
export const credentialHeaders: RequestHeaders = (url) => {
  const { username, password } = new URL(url);
  if (username === "" && password === "") return {};
  const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(secret).toString("base64")}` };
};

/**
 * Opens what is at an HTTP(S) or file: URL.
 *
 * @param offset Where to begin; a server that cannot begin there is taken at its word, and the body begins at 0.
 * @throws {AttemptError}
 */
export async function openBody(
  url: string,
  offset: number,
  signal: AbortSignal,
  headersOf: RequestHeaders,
): Promise<Body> {
  if (url.startsWith("file:")) {
    const path = fileURLToPath(url);
    if (!existsSync(path) || !statSync(path).isFile()) {
      throw new AttemptError("there is no such file", { retry: false, notFound: true });
    }
    return { offset, chunks: createReadStream(path, { start: offset, signal }) };
  }
  const { request, following } = await loadHttpClient();
  const headers: Record<string, string> = {
    "user-agent": "tare",
    "accept-encoding": "identity",
    ...headersOf(url),
  };
  if (offset > 0) headers["range"] = `bytes=${offset}-`;
  let response: Awaited<ReturnType<typeof request>>;
  try {
    response = await request(url, { method: "GET", headers, signal, dispatcher: following });
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

/**
 * Takes all of a body, or as much as is wanted of it.
 *
 * @param take Called with each chunk; false ends the reading. A {@link TareError} that it throws is final.
 * @throws {AttemptError} When the connection breaks.
 */
export async function readBody(
  { chunks }: Body,
  signal: AbortSignal,
  take: (chunk: Uint8Array) => boolean | undefined,
): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (take(chunk) === false) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TareError) throw error;
    throw new AttemptError(describeCause(error), { retry: true, cause: error });
  }
}

function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return error.message || code || error.name;
}
