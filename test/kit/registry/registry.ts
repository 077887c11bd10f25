// A registry in this process: the OCI distribution specification 1.1 in memory, strict, with authorization, TLS, a log of
// every request, and faults wherever a test wants them. Redirects go to a "storage" of its own that, as object storage
// does, takes a signature in the query and refuses Authorization headers.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { type Answer, empty, json, Refusal, type RegistryRequest } from "./answer.ts";
import { Authorization, type AuthRules } from "./authorization.ts";
import { type BlobRules, beginUpload, continueUpload, keepPartOfChunk, serveBlob } from "./blobs.ts";
import {
  changeAnswer,
  type FaultAction,
  type FaultRule,
  Faults,
  offsetOf,
  send,
  sendFaultily,
} from "./faults.ts";
import { listReferrers, listRepositories, listTags, type ManifestRules, serveManifest } from "./manifests.ts";
import { RegistryStore } from "./store.ts";

export interface RegistryOptions extends BlobRules, ManifestRules {
  readonly auth?: AuthRules;
  /** PEM; without it, plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** What `Location` of an upload looks like; `query`: its state is in the query, which must come back as it is. */
  readonly uploadLocation?: "relative" | "absolute" | "query" | "storage";
  /** True: GET of a blob is a redirect to storage. */
  readonly redirectBlobs?: boolean;
  readonly faults?: readonly FaultRule[];
}

export interface LoggedRequest {
  readonly server: "registry" | "storage";
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Bytes of the body that were read. */
  received: number;
  /** 0 while nothing was answered, and for good where a fault closed the connection. */
  status: number;
  /** Bytes of the answer's body that were meant to be sent. */
  sent: number;
}

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, as references name it. */
  readonly host: string;
  readonly url: string;
  readonly storageUrl: string;
  readonly store: RegistryStore;
  readonly authorization: Authorization;
  readonly requests: LoggedRequest[];
  readonly faults: Faults;
  close(): Promise<void>;
}

const SIGNATURE = "signature";
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const UPLOAD_PATH = /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/;

/** Starts a registry on an ephemeral port of 127.0.0.1. Close it when the test ends. */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const registry = new Registry(options);
  await registry.listen();
  return registry;
}

class Registry implements TestRegistry {
  readonly store = new RegistryStore();
  readonly requests: LoggedRequest[] = [];
  readonly faults = new Faults();
  readonly authorization: Authorization;
  readonly #options: RegistryOptions;
  readonly #servers: readonly { readonly name: LoggedRequest["server"]; readonly server: Server }[];

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.authorization = new Authorization(options.auth ?? { mode: "none" });
    this.faults.inject(...(options.faults ?? []));
    this.#servers = (["registry", "storage"] as const).map((name) => {
      const listener: RequestListener = (request, response) => void this.#serve(name, request, response);
      return { name, server: options.tls ? createTlsServer(options.tls, listener) : createServer(listener) };
    });
  }

  get host(): string {
    return this.#address("registry");
  }

  get url(): string {
    return this.#url("registry");
  }

  get storageUrl(): string {
    return this.#url("storage");
  }

  #address(name: LoggedRequest["server"]): string {
    const { server } = this.#servers.find((one) => one.name === name)!;
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #url(name: LoggedRequest["server"]): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://${this.#address(name)}`;
  }

  async listen(): Promise<void> {
    await Promise.all(
      this.#servers.map(({ server }) => new Promise<void>((done) => server.listen(0, "127.0.0.1", done))),
    );
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map(
        ({ server }) =>
          new Promise<void>((done) => {
            server.close(() => done());
            (server as Server & { closeAllConnections(): void }).closeAllConnections();
          }),
      ),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(server: LoggedRequest["server"], incoming: IncomingMessage, response: ServerResponse) {
    const { method = "", url = "" } = incoming;
    const headers = incoming.headers as Record<string, string | undefined>;
    const entry: LoggedRequest = { server, method, url, headers, received: 0, status: 0, sent: 0 };
    this.requests.push(entry);
    response.on("error", () => {});
    incoming.on("error", () => {});
    const actions = this.faults.strike(entry);
    const [path = "", query = ""] = url.split(/\?(.*)/s);
    const request: Omit<RegistryRequest, "body"> = {
      method,
      path,
      query: new URLSearchParams(query),
      headers,
    };
    try {
      const limit = limitOf(actions, headers);
      const body = limit === 0 ? Buffer.alloc(0) : await readBody(incoming, limit);
      entry.received = body.length;
      await this.#finish({ ...request, body }, entry, actions, response);
    } catch (error) {
      response.destroy(error as Error);
    }
  }

  async #finish(
    request: RegistryRequest,
    entry: LoggedRequest,
    actions: readonly FaultAction[],
    response: ServerResponse,
  ): Promise<void> {
    const drop = actions.find(({ kind }) => kind === "drop" || kind === "drop-request");
    if (drop !== undefined) {
      const [, name, id] = UPLOAD_PATH.exec(request.path) ?? [];
      if (drop.kind === "drop-request" && drop.keep && name !== undefined && id !== undefined)
        keepPartOfChunk(this.store, request, name, id);
      response.socket?.destroy();
      return;
    }
    let answer = this.#faultyAnswer(request, entry, actions);
    if (actions.some(({ kind }) => kind === "drop-answer")) {
      response.socket?.destroy();
      return;
    }
    for (const action of actions) if (action.kind === "change") answer = changeAnswer(answer, action);
    const bodied = request.method !== "HEAD" && answer.status !== 204;
    entry.status = answer.status;
    entry.sent = bodied ? answer.body.length : 0;
    const slow = actions.find(({ kind }) => kind === "cut" || kind === "trickle" || kind === "stall");
    if (slow?.kind === "cut" || slow?.kind === "trickle" || slow?.kind === "stall")
      return sendFaultily(response, bodied ? answer : { ...answer, body: Buffer.alloc(0) }, slow);
    if (actions.some((action) => action.kind === "answer" && action.early === true)) {
      response.shouldKeepAlive = false;
      response.once("finish", () => response.socket?.end());
    }
    send(response, answer, bodied);
  }

  #faultyAnswer(request: RegistryRequest, entry: LoggedRequest, actions: readonly FaultAction[]): Answer {
    for (const action of actions) {
      if (action.kind === "expire-tokens") this.authorization.expireTokens();
      if (action.kind === "lose-uploads") this.store.loseUploads();
      if (action.kind === "redirect")
        return empty(action.status ?? 307, { Location: action.to === "self" ? entry.url : action.to });
      if (action.kind === "answer") {
        const body = Buffer.from(action.echo === true ? echo(request) : (action.body ?? ""));
        return {
          status: action.status,
          headers: { "Content-Length": String(body.length), ...action.headers },
          body,
        };
      }
    }
    try {
      return entry.server === "storage" ? this.#answerAsStorage(request) : this.#answer(request);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      return json({ errors: [{ code: "UNKNOWN", message: String(error) }] }, 500);
    }
  }

  /** Object storage: signed URLs of blobs and uploads, and a refusal of any other authorization. */
  #answerAsStorage(request: RegistryRequest): Answer {
    if (request.headers["authorization"] !== undefined)
      return { ...empty(400), body: Buffer.from("<Error><Code>InvalidArgument</Code></Error>") };
    if (request.query.get(SIGNATURE) !== SIGNATURE) return empty(403);
    return this.#dispatch(request, { redirectBlobs: false });
  }

  #answer(request: RegistryRequest): Answer {
    if (request.path === "/token") return this.authorization.giveToken(request);
    this.authorization.check(request, this.url);
    return this.#dispatch(request, this.#options);
  }

  #dispatch(request: RegistryRequest, { redirectBlobs }: { readonly redirectBlobs?: boolean }): Answer {
    const { store } = this;
    const rules = this.#options;
    const version = { "Docker-Distribution-Api-Version": "registry/2.0" };
    if (request.path === "/v2/" || request.path === "/v2") return json({}, 200, version);
    if (request.path === "/v2/_catalog") return listRepositories(store, rules, request);
    const [, name = "", kind = "", rest = ""] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/([^/]*)$/.exec(request.path) ?? [];
    if (!NAME.test(name) || name.length > 255)
      throw new Refusal("NAME_INVALID", `not the name of a repository: ${request.path}`);
    switch (kind) {
      case "blobs/uploads":
        return this.#dispatchUpload(request, name, rest);
      case "blobs":
        if (redirectBlobs === true && request.method === "GET" && store.existing(name).blobs.has(rest))
          return empty(307, { Location: `${this.storageUrl}${request.path}?${SIGNATURE}=${SIGNATURE}` });
        return serveBlob(store, rules, request, name, rest);
      case "manifests":
        return serveManifest(store, rules, request, name, rest);
      case "referrers":
        return listReferrers(store, rules, request, name, rest);
      default:
        if (rest !== "list") throw new Refusal("UNSUPPORTED", "no such endpoint", { status: 404 });
        return listTags(store, rules, request, name);
    }
  }

  #dispatchUpload(request: RegistryRequest, name: string, id: string): Answer {
    const location = (repository: string, upload: string, received: number) =>
      this.#uploadLocation(`/v2/${repository}/blobs/uploads/${upload}`, received);
    if (id === "") return beginUpload(this.store, this.#options, location, request, name);
    if (this.#options.uploadLocation === "query" && request.query.get("_state") === null)
      throw new Refusal("BLOB_UPLOAD_INVALID", "the state of the upload is missing in the query");
    return continueUpload(this.store, this.#options, location, request, name, id);
  }

  #uploadLocation(path: string, received: number): string {
    switch (this.#options.uploadLocation) {
      case "absolute":
        return `${this.url}${path}`;
      case "query":
        return `${path}?_state=${encodeURIComponent(`{"Offset":${received}}=/+`)}`;
      case "storage":
        return `${this.storageUrl}${path}?${SIGNATURE}=${SIGNATURE}`;
      default:
        return path;
    }
  }
}

/** An error of the specification that gives away what the server heard. */
function echo({ headers, query, body }: RegistryRequest): string {
  const heard = [...Object.values(headers), query.toString(), body.toString("utf8")];
  return JSON.stringify({ errors: [{ code: "DENIED", message: heard.join(" ") }] });
}

/** How many bytes of a request's body are read. */
function limitOf(actions: readonly FaultAction[], headers: LoggedRequest["headers"]): number {
  for (const action of actions) {
    if (action.kind === "drop" || (action.kind === "answer" && action.early === true)) return 0;
    if (action.kind === "drop-request")
      return offsetOf(action.at, Number(headers["content-length"] ?? 1 << 30));
  }
  return Number.POSITIVE_INFINITY;
}

async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}
