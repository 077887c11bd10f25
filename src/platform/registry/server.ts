// A read-only registry on this machine's loopback, for as long as an engine pulls one image: what it has already, it
// does not ask for. Specification: OCI Distribution 1.1, "Pull". The repository's name cannot be guessed by others.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { toDiskError } from "../disk.ts";

/** A manifest, index or configuration: in memory. */
export interface ServedDocument {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface ServedBlob {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

export interface ServedRepository extends AsyncDisposable {
  /** `127.0.0.1:PORT/NAME`. */
  readonly name: string;
  /** Bytes of bodies that were sent. */
  readonly bytesSent: number;
  /** The first error of a blob's own: why a client did not get what it asked for. */
  readonly failure: unknown;
}

const PATH = /^\/v2\/([^/]+)\/(manifests|blobs)\/(sha256:[0-9a-f]{64}|latest)$/;

/**
 * Serves documents and blobs by their digests until it is disposed of.
 *
 * @param content The last document is the one that the tag `latest` stands for.
 * @throws {DiskError} When no port can be had.
 */
export async function serveRepository(content: {
  readonly documents: readonly ServedDocument[];
  readonly blobs: readonly ServedBlob[];
}): Promise<ServedRepository> {
  const repository = new Repository(content);
  const server = createServer((request, response) => void repository.answer(request, response));
  server.listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    throw toDiskError(error, "listen on 127.0.0.1");
  }
  return repository.at(server);
}

class Repository {
  readonly #id = `tare-${randomBytes(16).toString("hex")}`;
  readonly #documents: ReadonlyMap<string, ServedDocument>;
  readonly #blobs: ReadonlyMap<string, ServedBlob>;
  readonly #latest: string;
  #bytesSent = 0;
  #failure: unknown;

  constructor({
    documents,
    blobs,
  }: {
    readonly documents: readonly ServedDocument[];
    readonly blobs: readonly ServedBlob[];
  }) {
    this.#documents = new Map(documents.map((document) => [document.digest, document]));
    this.#latest = documents.at(-1)?.digest ?? "";
    this.#blobs = new Map(blobs.map((blob) => [blob.digest, blob]));
  }

  at(server: Server): ServedRepository {
    const { port } = server.address() as AddressInfo;
    const sent = () => this.#bytesSent;
    const failed = () => this.#failure;
    return {
      name: `127.0.0.1:${port}/${this.#id}`,
      get bytesSent() {
        return sent();
      },
      get failure() {
        return failed();
      },
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      },
    };
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    const { method = "", url = "" } = request;
    if (method !== "GET" && method !== "HEAD") return refuse(response, 405, "UNSUPPORTED");
    if (url === "/v2/") return void response.end("{}");
    const [, repository, kind, name = ""] = PATH.exec(url) ?? [];
    if (repository !== this.#id) return refuse(response, 404, "NAME_UNKNOWN");
    const digest = name === "latest" ? this.#latest : name;
    const document = kind === "manifests" ? this.#documents.get(digest) : undefined;
    const blob = kind === "blobs" ? this.#blobs.get(digest) : undefined;
    if (document === undefined && blob === undefined)
      return refuse(response, 404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
    response.setHeader("docker-content-digest", digest);
    response.setHeader("content-type", document?.mediaType ?? "application/octet-stream");
    response.setHeader("content-length", document?.bytes.length ?? blob!.size);
    if (method === "HEAD") return void response.end();
    try {
      await pipeline(this.#count(document === undefined ? blob!.open() : [document.bytes]), response);
    } catch (error) {
      // Clients may leave whenever they like.
      if (!response.destroyed || !isClosed(error)) this.#failure ??= error;
      response.destroy();
    }
  }

  async *#count(
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.#bytesSent += chunk.length;
      yield chunk;
    }
  }
}

function isClosed(error: unknown): boolean {
  return /^(?:ERR_STREAM_PREMATURE_CLOSE|ECONNRESET|EPIPE|ABORT_ERR)$/.test(
    String((error as NodeJS.ErrnoException).code),
  );
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code }] }));
}
