// One HTTP exchange over a connection that is kept for the next: no redirects, no other try. Node's own client, since
// loading another takes longer than pushing a changed layer. Specification: RFC 9110, RFC 9112.

import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import type { SecureContext } from "node:tls";
import type { TlsOptions } from "./certificates.ts";
import type { RegistryTiming } from "./timing.ts";

// An import would read all that node:http exports, and some of that loads a second HTTP client when it is read.
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

export interface ExchangeRequest {
  readonly method: string;
  /** With `content-length` where there is a body. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal;
  readonly agent: HttpAgent;
  readonly timing: Pick<RegistryTiming, "connectMs" | "silenceMs">;
}

/** The body of an answer. */
export type AnswerBody = IncomingMessage & {
  /** Reads to the end, so that the connection can be used again; of a long body it is given up. */
  dump(): Promise<void>;
};

/** Connections to one host at once. */
const MOST_CONNECTIONS = 12;
/** Milliseconds for which a connection is kept that nobody uses. */
const IDLE_MS = 4000;
/** Bytes of a body written at a time: what a slow line carries within the timeout. */
const WRITE_CHUNK = 1 << 16;
/** Bytes of an unwanted body that are read for the connection's sake. */
const MOST_DUMPED = 1 << 17;

/** Nothing was heard for too long. Its `code` is as of the operating system's own timeouts. */
class SilenceError extends Error {
  readonly code = "ETIMEDOUT";
}

/**
 * Keeps the connections to one origin.
 *
 * @param environment Variables that name proxies, such as `HTTPS_PROXY` and `NO_PROXY`; undefined: none is used.
 */
export function createAgent(
  url: URL,
  tls: TlsOptions & { readonly secureContext?: SecureContext },
  environment: NodeJS.ProcessEnv | undefined,
): HttpAgent {
  const options = {
    keepAlive: true,
    maxSockets: MOST_CONNECTIONS,
    timeout: IDLE_MS,
    ...(environment !== undefined && { proxyEnv: environment }),
  };
  return url.protocol === "https:" ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

/**
 * Sends a request; the body of the answer is not read yet, and must be read, dumped or destroyed.
 *
 * @throws An error of Node's with a `code`, or what reading the request's own body throws.
 */
export function exchange(url: URL, asked: ExchangeRequest): Promise<AnswerBody> {
  const { method, headers, body, signal, agent, timing } = asked;
  const send = url.protocol === "https:" ? https.request : http.request;
  const { promise, resolve, reject } = Promise.withResolvers<AnswerBody>();
  const request = send(url, { method, headers, agent, signal, timeout: timing.silenceMs });
  let answer: IncomingMessage | undefined;
  request.on("error", reject);
  request.on("response", (message) => {
    answer = message;
    resolve(Object.assign(message, { dump: () => dump(message) }));
    // What answers before it was told all does not listen any more.
    if (!request.writableEnded) message.once("close", () => request.destroy());
  });
  request.on("timeout", () => {
    const isReader = answer !== undefined && answer.readableLength > 0;
    const isWriter = answer === undefined && !request.writableEnded && !request.writableNeedDrain;
    // It is this side that takes its time.
    if (isReader || isWriter) request.setTimeout(timing.silenceMs);
    else request.destroy(new SilenceError("the server is silent for too long"));
  });
  limitConnecting(request, url, timing.connectMs);
  // Node's types lack it: a body that is not as long as was said is an error.
  Object.assign(request, { strictContentLength: true });
  if (body === undefined || body instanceof Uint8Array) request.end(body);
  else {
    write(body, request, () => answer !== undefined).catch((error) =>
      request.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }
  return promise;
}

function limitConnecting(request: ClientRequest, url: URL, connectMs: number): void {
  request.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => request.destroy(new SilenceError("the server does not answer")),
      connectMs,
    );
    const clear = () => clearTimeout(timer);
    socket.once(url.protocol === "https:" ? "secureConnect" : "connect", clear).once("close", clear);
  });
}

async function write(
  body: AsyncIterable<Uint8Array>,
  request: ClientRequest,
  isAnswered: () => boolean,
): Promise<void> {
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += WRITE_CHUNK) {
      if (request.destroyed || isAnswered()) return;
      if (!request.write(chunk.subarray(at, at + WRITE_CHUNK))) await drained(request);
    }
  }
  request.end();
}

/** Settles when more can be written, or nobody wants more. */
function drained(request: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const events = ["drain", "response", "close"] as const;
  const settle = () => {
    for (const event of events) request.off(event, settle);
    resolve();
  };
  for (const event of events) request.on(event, settle);
  return promise;
}

async function dump(message: IncomingMessage): Promise<void> {
  let size = 0;
  for await (const chunk of message as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MOST_DUMPED) break;
  }
}
