// HTTP with one registry and the hosts that it sends Tare to: HTTPS, or plain HTTP where that is allowed; redirects,
// which never carry a secret to another host; timeouts. One exchange at a time, without another try.

import type { Agent } from "node:http";
import { createSecureContext } from "node:tls";
import { type TlsOptions, type TrustOptions, tlsOptions } from "./certificates.ts";
import { RegistryError } from "./errors.ts";
import { type AnswerBody, createAgent, exchange } from "./exchange.ts";
import { NOT_TLS, speaksTls } from "./probe.ts";
import { apiHost, isLoopback } from "./reference.ts";
import { showUrl } from "./secrets.ts";
import type { RegistryTiming } from "./timing.ts";

/** The body of a request; opened again for each time that it is sent. */
export interface RequestBody {
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  readonly open: () => Uint8Array | AsyncIterable<Uint8Array>;
  /** True: never sent to another host than that of the target. */
  readonly isSecret?: boolean;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  /** A path of the registry, beginning with `/`, or a whole URL. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of the target only. */
  readonly authorization?: string | undefined;
  readonly body?: RequestBody | undefined;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** A header by its lower-case name; of several of the same name, all. */
  header(name: string): string | undefined;
  /** Where the answer came from, redirects followed. */
  readonly url: URL;
  /** Must be read or dumped. */
  readonly body: AnswerBody;
}

/** The exchange broke off; another try may help. */
export class ExchangeError extends Error {
  readonly canRetry: boolean;
  constructor(message: string, canRetry: boolean, cause?: unknown) {
    super(message, { cause });
    this.canRetry = canRetry;
  }
}

const MOST_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Hosts that there is a connection to; a registry that names more is up to no good. */
const MOST_AGENTS = 64;

const UNTRUSTED = /^(?!ERR_SSL_).*(?:CERT|SELF_SIGNED|VERIFY|ERR_TLS_CERT_ALTNAME_INVALID)/;

export interface TransportOptions extends TrustOptions {
  readonly timing: RegistryTiming;
}

export class Transport {
  readonly #host: string;
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, Agent>();
  /** Undefined until one has worked. */
  #scheme: "https" | "http" | undefined;
  /** The first request, which finds out; others wait for it. */
  #finding: Promise<unknown> | undefined;

  /** @param host As references have it. */
  constructor(host: string, options: TransportOptions) {
    this.#host = host;
    this.#options = options;
    this.#scheme = options.insecure || isLoopback(host) ? undefined : "https";
  }

  /** Whether plain HTTP is allowed: to the registry, and to who it sends Tare to. */
  get allowsHttp(): boolean {
    return this.#options.insecure || this.#scheme === "http";
  }

  /** Whether a URL is one of the registry itself, where its login may be sent. */
  isOwn(url: URL): boolean {
    return url.origin === new URL(`${url.protocol}//${apiHost(this.#host)}`).origin;
  }

  /**
   * Sends a request and follows redirects; the answer's body is not read yet.
   *
   * @throws {ExchangeError}
   * @throws {RegistryError} `REGISTRY_UNTRUSTED`
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    if (typeof request.target !== "string") return this.#follow(request, request.target);
    const { target } = request;
    const toUrl = (scheme: string) => new URL(`${scheme}://${apiHost(this.#host)}${target}`);
    while (this.#scheme === undefined && this.#finding !== undefined) await this.#finding;
    if (this.#scheme !== undefined) return this.#follow(request, toUrl(this.#scheme));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#finding = promise;
    try {
      return await this.#sendFirst(request, toUrl);
    } finally {
      this.#finding = undefined;
      resolve();
    }
  }

  /** Sends a request by HTTPS, or else by HTTP, and remembers what worked. */
  async #sendFirst(request: HttpRequest, toUrl: (scheme: string) => URL): Promise<HttpAnswer> {
    const isTls = !isLoopback(this.#host) || (await speaksTls(this.#host, this.#options.timing.connectMs));
    request.signal.throwIfAborted();
    if (isTls) {
      try {
        const answer = await this.#follow(request, toUrl("https"));
        this.#scheme ??= "https";
        return answer;
      } catch (error) {
        if (!(error instanceof ExchangeError) || !NOT_TLS.test(errorCode(error.cause))) throw error;
      }
    }
    const answer = await this.#follow(request, toUrl("http"));
    this.#scheme ??= "http";
    return answer;
  }

  async #follow(request: HttpRequest, first: URL): Promise<HttpAnswer> {
    let url = first;
    const { method, body } = request;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#exchange(request, url, url.origin === first.origin);
      const location = answer.header("location");
      if (!REDIRECTS.includes(answer.status) || location === undefined) return answer;
      await answer.body.dump().catch(() => undefined);
      if (redirects >= MOST_REDIRECTS)
        throw new ExchangeError(`${showUrl(first)} redirects too often`, false);
      if (method !== "GET" && method !== "HEAD" && answer.status < 307) {
        // As browsers do; for an upload it would lose the bytes.
        throw new ExchangeError(`${showUrl(url)} redirects a ${method} with ${answer.status}`, false);
      }
      url = this.resolve(location, url);
      if (body?.isSecret === true && url.origin !== first.origin) {
        throw new ExchangeError(`${showUrl(first)} sends a login on to ${showUrl(url)}`, false);
      }
    }
  }

  /**
   * A URL that a server names, checked: HTTP or HTTPS, and no step down from HTTPS.
   *
   * @throws {ExchangeError}
   */
  resolve(location: string, base: URL): URL {
    let url: URL;
    try {
      url = new URL(location, base);
    } catch {
      throw new ExchangeError(`${showUrl(base)} names a location that is no URL`, false);
    }
    url.username = "";
    url.password = "";
    url.hash = "";
    // Registries behind a proxy that ends TLS often do not know that they are reached by HTTPS.
    if (base.protocol === "https:" && url.protocol === "http:" && url.hostname === base.hostname) {
      url = new URL(`https://${base.host}${url.pathname}${url.search}`);
    }
    const isAllowed = url.protocol === "https:" || (url.protocol === "http:" && this.allowsHttp);
    if (!isAllowed) {
      throw new ExchangeError(`${showUrl(base)} leads to ${showUrl(url)}, HTTPS was wanted`, false);
    }
    return url;
  }

  async #exchange(request: HttpRequest, url: URL, isOwnOrigin: boolean): Promise<HttpAnswer> {
    const { method, body, signal } = request;
    const headers: Record<string, string> = {
      "user-agent": "tare",
      "accept-encoding": "identity",
      ...request.headers,
    };
    if (request.authorization !== undefined && isOwnOrigin) headers["authorization"] = request.authorization;
    if (body !== undefined) {
      headers["content-type"] = body.mediaType;
      headers["content-length"] = String(body.size);
    } else if (method !== "GET" && method !== "HEAD") headers["content-length"] = "0";
    const agent = this.#agent(url);
    try {
      const { timing } = this.#options;
      const answer = await exchange(url, { method, headers, body: body?.open(), signal, agent, timing });
      return {
        status: answer.statusCode!,
        header: (name) => {
          const value = answer.headers[name];
          return Array.isArray(value) ? value.join(", ") : value;
        },
        url,
        body: answer,
      };
    } catch (error) {
      signal.throwIfAborted();
      throw this.toError(error, url);
    }
  }

  /** Tells what went wrong with a connection. */
  toError(error: unknown, url: URL): ExchangeError | RegistryError {
    const code = errorCode(error);
    if (UNTRUSTED.test(code)) {
      return new RegistryError(
        "REGISTRY_UNTRUSTED",
        `Cannot trust ${url.host}: ${describe(error)}, a certificate of a known authority was wanted`,
        { hint: "Name the authority's certificate with --ca FILE, or use --insecure", cause: error },
      );
    }
    return new ExchangeError(`${url.host}: ${describe(error)}`, code !== "ENOTFOUND", error);
  }

  #agent(url: URL): Agent {
    const agent = this.#agents.get(url.origin);
    if (agent !== undefined) return agent;
    if (this.#agents.size >= MOST_AGENTS) {
      throw new ExchangeError(`${this.#host} sends Tare to more than ${MOST_AGENTS} hosts`, false);
    }
    const host = url.host === apiHost(this.#host) ? this.#host : url.host;
    const tls = url.protocol === "https:" ? shareContext(tlsOptions(host, this.#options)) : {};
    // As everywhere, the machine itself is never reached by a proxy.
    const created = createAgent(url, tls, isLoopback(url.host) ? undefined : process.env);
    this.#agents.set(url.origin, created);
    return created;
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }
}

/** Reading certificates takes long: it is done once for all connections, not for each. */
function shareContext(options: TlsOptions) {
  return { ...options, secureContext: createSecureContext(options) };
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const { code, cause } = error as NodeJS.ErrnoException;
  if (typeof code === "string") return code;
  if (error instanceof AggregateError) return errorCode(error.errors[0]);
  return errorCode(cause);
}

function describe(error: unknown): string {
  switch (errorCode(error)) {
    case "ECONNRESET":
    case "EPIPE":
    case "ERR_HTTP_CONTENT_LENGTH_MISMATCH":
      return "the server closed the connection";
    default:
  }
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return error.message || errorCode(error) || error.name;
}
