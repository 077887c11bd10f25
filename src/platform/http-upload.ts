// Files to HTTP(S) servers that take PUT, and whether they are there: with attempts, and credentials of the URL.

import { createReadStream } from "node:fs";
import type { Context } from "../model/context.ts";
import { sleep } from "./clock.ts";
import { ATTEMPTS, backoffMs, loadHttpClient } from "./http.ts";
import type { RequestHeaders } from "./http-body.ts";
import { NetworkError, redactUrl } from "./network-error.ts";

/** What is uploaded; read again for each attempt. */
export type UploadSource = Uint8Array | { readonly path: string; readonly size: number };

type Answer = { readonly status: number } | { readonly failure: unknown };

/** Whether a server has something. @throws {NetworkError} `OFFLINE`, `UNREACHABLE`. */
export async function isOnServer(url: string, context: Context, headersOf: RequestHeaders): Promise<boolean> {
  const { status } = await ask("HEAD", url, undefined, context, headersOf);
  if (status >= 200 && status < 300) return true;
  // Object stores answer 403 for what is not there, to those who may not list.
  if (status === 404 || status === 410 || status === 403) return false;
  throw refused(url, "HEAD", status);
}

/** Puts a file onto a server. @throws {NetworkError} `OFFLINE`, `UNREACHABLE`. */
export async function uploadToServer(
  url: string,
  source: UploadSource,
  context: Context,
  headersOf: RequestHeaders,
): Promise<void> {
  const { status } = await ask("PUT", url, source, context, headersOf);
  if (status < 200 || status >= 300) throw refused(url, "PUT", status);
}

async function ask(
  method: "HEAD" | "PUT",
  url: string,
  source: UploadSource | undefined,
  context: Context,
  headersOf: RequestHeaders,
): Promise<{ readonly status: number }> {
  if (context.offline) {
    throw new NetworkError("OFFLINE", `Cannot write to ${redactUrl(url)}: the network is off`);
  }
  for (let tries = 1; ; tries++) {
    const answer = await tryOnce(method, url, source, context.signal, headersOf);
    context.signal.throwIfAborted();
    if ("status" in answer && answer.status < 500 && answer.status !== 429 && answer.status !== 408)
      return answer;
    if (tries < ATTEMPTS) {
      await sleep(backoffMs(tries), context.signal);
      continue;
    }
    if ("status" in answer) return answer;
    const { failure } = answer;
    throw new NetworkError(
      "UNREACHABLE",
      `Cannot write to ${redactUrl(url)}: ${failure instanceof Error ? failure.message || failure.name : failure} (${tries} attempts)`,
      { cause: failure },
    );
  }
}

async function tryOnce(
  method: "HEAD" | "PUT",
  url: string,
  source: UploadSource | undefined,
  signal: AbortSignal,
  headersOf: RequestHeaders,
): Promise<Answer> {
  const { request, agent } = await loadHttpClient();
  const size = source instanceof Uint8Array ? source.length : source?.size;
  const body = source instanceof Uint8Array ? source : source && createReadStream(source.path, { signal });
  const headers = {
    "user-agent": "tare",
    ...(size !== undefined && { "content-length": String(size) }),
    ...headersOf(url),
  };
  try {
    const answer = await request(url, { method, headers, body: body ?? null, signal, dispatcher: agent });
    await answer.body.dump();
    return { status: answer.statusCode };
  } catch (failure) {
    return { failure };
  }
}

function refused(url: string, method: string, status: number): NetworkError {
  return new NetworkError(
    "UNREACHABLE",
    `Cannot write to ${redactUrl(url)}: the server answered ${status} to ${method}`,
    {
      hint: status === 401 || status === 403 ? "Write user name and password into the URL" : undefined,
    },
  );
}
