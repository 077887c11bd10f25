// Several servers, each asked several times, until one answers rightly.

import type { Context } from "../model/context.ts";
import { sleep } from "./clock.ts";
import { ATTEMPTS, backoffMs } from "./http.ts";
import { NetworkError, redactUrl } from "./network-error.ts";

/** A failure of one attempt at one URL. */
export class AttemptError extends Error {
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

/**
 * Tries each URL, each several times, until one attempt succeeds.
 *
 * @throws {NetworkError} `OFFLINE`, `BAD_URL`, `NOT_FOUND` (every URL says so) or `UNREACHABLE`.
 */
export async function attempt<T>(
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
          await sleep(error.retryAfterMs ?? backoffMs(tries), context.signal);
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
