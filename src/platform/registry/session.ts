// What all requests to one repository share: the transport, the login, patience, and errors told as ours.

import type { Context } from "../../model/context.ts";
import { nowMs } from "../clock.ts";
import { Authorizer, loginHint } from "./authorizer.ts";
import { readCertificates } from "./certificates.ts";
import type { RegistryOptions } from "./client.ts";
import { environmentCredentials, findCredentials } from "./credentials.ts";
import { hintFor, RegistryError, type RegistryErrorCode } from "./errors.ts";
import type { RegistryReference } from "./reference.ts";
import { PassingFailure, withPatience } from "./retry.ts";
import { Redactor } from "./secrets.ts";
import { DEFAULT_TIMING, parseRetryAfter, type RegistryTiming } from "./timing.ts";
import { ExchangeError, type HttpAnswer, type HttpRequest, Transport } from "./transport.ts";

export interface RegistryRequest extends Omit<HttpRequest, "authorization" | "signal"> {
  /** What is done, for messages: `fetch the manifest v1 of docker.io/library/redis`. */
  readonly doing: string;
  /** The statuses that are an answer; any other becomes an error. */
  readonly accept: readonly number[];
  /** The code of an error for 404, and for a refusal with another status. */
  readonly codes?: { readonly missing?: RegistryErrorCode; readonly refused?: RegistryErrorCode };
  /** Another repository that is read by the request. */
  readonly alsoReads?: string;
}

export interface Session {
  readonly reference: RegistryReference;
  readonly context: Context;
  readonly timing: RegistryTiming;
  readonly redactor: Redactor;
  /** The path of something in the repository: `path("blobs", digest)`. */
  path(...parts: readonly string[]): string;
  /**
   * Sends a request once, with the login that is asked for.
   *
   * @throws {PassingFailure} Another try may help.
   * @throws {RegistryError}
   */
  once(request: RegistryRequest): Promise<HttpAnswer>;
  /** Sends a request until it is answered. @throws {RegistryError} */
  request(request: RegistryRequest): Promise<HttpAnswer>;
  /** Reads the body of an answer. @throws {PassingFailure} When it is cut short. */
  readDocument(answer: HttpAnswer, maxSize: number): Promise<Buffer>;
  /** A URL that the registry names, relative to the answer in which it does. @throws {RegistryError} */
  resolve(location: string, answer: HttpAnswer, doing: string): URL;
  /** An error of a connection, while a body is read, as the failure that it is. */
  toFailure(error: unknown, doing: string, url: URL): unknown;
  close(): Promise<void>;
}

const LARGEST_ERROR = 16_384;
/** Statuses that may pass; 501 and 505 to 511 say that they do not. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];
/** Times that one request is sent again with another login. */
const MOST_LOGINS = 2;

/** @throws {RegistryError} `REGISTRY_OFFLINE`, `REGISTRY_UNTRUSTED`. */
export function openSession(reference: RegistryReference, given: RegistryOptions, context: Context): Session {
  const options: RegistryOptions = {
    ...given,
    insecure: given.insecure ?? context.registries?.insecure,
    caFile: given.caFile ?? context.registries?.caFile,
  };
  if (context.offline) {
    throw new RegistryError(
      "REGISTRY_OFFLINE",
      `Cannot reach the registry ${reference.host}: the network is off`,
      { hint: "Leave out --offline, and see that TARE_OFFLINE is not set" },
    );
  }
  if (options.caFile !== undefined) readCertificates(options.caFile);
  return new RegistrySession(reference, options, context);
}

class RegistrySession implements Session {
  readonly reference: RegistryReference;
  readonly context: Context;
  readonly timing: RegistryTiming;
  readonly redactor = new Redactor();
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #scope: string;

  constructor(reference: RegistryReference, options: RegistryOptions, context: Context) {
    this.reference = reference;
    this.context = context;
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    const { insecure = false, caFile, certificateDirectories } = options;
    this.#transport = new Transport(reference.host, {
      insecure,
      caFile,
      certificateDirectories,
      timing: this.timing,
    });
    const actions = options.access === "push" ? "pull,push" : "pull";
    this.#scope = `repository:${reference.repository}:${actions}`;
    this.#authorizer = new Authorizer({
      name: reference.host,
      redactor: this.redactor,
      allowsHttp: () => this.#transport.allowsHttp,
      findCredentials: async () => {
        if (options.credentials === "anonymous") return undefined;
        const named =
          options.credentials ??
          (options.environmentCredentials === false ? undefined : environmentCredentials());
        return named ?? findCredentials(reference, context);
      },
      send: (request) => {
        const doing = `log in to ${reference.host}`;
        return withPatience(this.timing, context, async () => {
          const answer = await this.#send({ ...request, doing });
          if (PASSING.includes(answer.status)) throw await this.#refusal(answer, { doing });
          return answer;
        });
      },
      readDocument: (answer, maxSize) => this.readDocument(answer, maxSize),
    });
  }

  path(...parts: readonly string[]): string {
    return `/v2/${[this.reference.repository, ...parts].join("/")}`;
  }

  async request(request: RegistryRequest): Promise<HttpAnswer> {
    return withPatience(this.timing, this.context, () => this.once(request));
  }

  async once(request: RegistryRequest): Promise<HttpAnswer> {
    const scopes = [this.#scope];
    if (request.alsoReads !== undefined) scopes.push(`repository:${request.alsoReads}:pull`);
    for (let logins = 0; ; logins++) {
      // A login is the registry's alone: not for storage that an upload is sent on to.
      const isOwn = typeof request.target === "string" || this.#transport.isOwn(request.target);
      const authorization = isOwn ? await this.#authorizer.header(scopes) : undefined;
      const answer = await this.#send({ ...request, authorization });
      if (request.accept.includes(answer.status)) return answer;
      const isChallenge = answer.status === 401 && isOwn && this.#transport.isOwn(answer.url);
      if (isChallenge && logins < MOST_LOGINS) {
        const isWorthwhile = await this.#authorizer.refused(answer, scopes, authorization);
        if (isWorthwhile) {
          await answer.body.dump().catch(() => undefined);
          continue;
        }
      }
      throw await this.#refusal(answer, request);
    }
  }

  async #send({
    doing,
    ...request
  }: Omit<HttpRequest, "signal"> & { readonly doing: string }): Promise<HttpAnswer> {
    try {
      return await this.#transport.send({ ...request, signal: this.context.signal });
    } catch (error) {
      throw this.#toError(error, doing);
    }
  }

  toFailure(error: unknown, doing: string, url: URL): unknown {
    this.context.signal.throwIfAborted();
    return this.#toError(this.#transport.toError(error, url), doing);
  }

  #toError(error: unknown, doing: string): unknown {
    if (!(error instanceof ExchangeError)) return error;
    const told = new RegistryError(
      "REGISTRY_UNREACHABLE",
      `Cannot ${doing}: ${this.redactor.clean(error.message)}`,
      {
        hint: "Check the name of the registry and the network; for a registry without TLS, use --insecure",
        cause: error.cause,
      },
    );
    return error.canRetry ? new PassingFailure(told) : told;
  }

  /** The error that an answer is. */
  async #refusal(
    answer: HttpAnswer,
    request: Pick<RegistryRequest, "doing" | "codes">,
  ): Promise<RegistryError | PassingFailure> {
    const said = await this.#readErrors(answer);
    const { status } = answer;
    const retryAfterMs = parseRetryAfter(answer.header("retry-after"), nowMs());
    const { host } = this.reference;
    const tell = (code: RegistryErrorCode, problem: string, hint?: string) =>
      new RegistryError(code, `Cannot ${request.doing}: ${problem}${said === "" ? "" : ` (${said})`}`, {
        hint: hint ?? hintFor(code),
      });
    if (status === 429) {
      const pause =
        retryAfterMs === undefined ? "" : `, and asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
      const verdict = tell(
        "RATE_LIMITED",
        `${host} limits how much may be asked${pause}`,
        "Wait, then run the same command again: what was transferred is kept",
      );
      return new PassingFailure(verdict, retryAfterMs);
    }
    if (PASSING.includes(status)) {
      const hint = "Try again later: what was transferred is kept";
      return new PassingFailure(tell("REGISTRY_FAULTY", `${host} answers ${status}`, hint), retryAfterMs);
    }
    if (status === 401) return tell("REGISTRY_UNAUTHORIZED", `${host} wants another login`, loginHint(host));
    if (status === 403) {
      return tell("REGISTRY_DENIED", `${host} does not allow it`, "Check what the login may do there");
    }
    if (status === 404) return tell(request.codes?.missing ?? "REGISTRY_FAULTY", `${host} does not have it`);
    return tell(request.codes?.refused ?? "REGISTRY_FAULTY", `${host} answers ${status}`);
  }

  /** What the registry says of an error, as one text; empty when nothing that can be shown. */
  async #readErrors(answer: HttpAnswer): Promise<string> {
    try {
      const text = (await this.readDocument(answer, LARGEST_ERROR)).toString("utf8");
      const { errors } = JSON.parse(text) as { errors?: unknown };
      const told = (Array.isArray(errors) ? errors : []).slice(0, 3).map((item: unknown) => {
        const { code, message } = (item ?? {}) as { code?: unknown; message?: unknown };
        return [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
      });
      return this.redactor.clean(told.join("; "));
    } catch {
      this.context.signal.throwIfAborted();
      return "";
    }
  }

  async readDocument(answer: HttpAnswer, maxSize: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const doing = `read what ${answer.url.host} sends`;
    // A peer may send a byte now and then for ever: a small document has its time as a whole.
    const deadline = setTimeout(
      () => answer.body.destroy(new Error("the server is too slow")),
      this.timing.documentMs,
    );
    try {
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        size += chunk.length;
        if (size > maxSize) {
          throw new RegistryError("REGISTRY_FAULTY", `Cannot ${doing}: it is larger than ${maxSize} bytes`, {
            hint: hintFor("REGISTRY_FAULTY"),
          });
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof RegistryError ? error : this.toFailure(error, doing, answer.url);
    } finally {
      clearTimeout(deadline);
    }
    return Buffer.concat(chunks);
  }

  resolve(location: string, answer: HttpAnswer, doing: string): URL {
    try {
      return this.#transport.resolve(location, answer.url);
    } catch (error) {
      throw this.#toError(error, doing);
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

/** The name of a repository, for messages. */
export function showRepository({ host, repository }: RegistryReference): string {
  return `${host}/${repository}`;
}
