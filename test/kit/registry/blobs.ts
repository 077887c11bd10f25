// Blobs and their uploads: requests in, answers out (distribution specification 1.1, "Pulling blobs", "Pushing blobs").

import { type Answer, bytes, empty, Refusal, type RegistryRequest } from "./answer.ts";
import { checkDigest, matches, type RegistryStore, type Upload } from "./store.ts";

export interface BlobRules {
  /** False: ranges of blobs are not served; the whole blob is. */
  readonly ranges?: boolean;
  /** False: a mount always becomes an upload. */
  readonly mounts?: boolean;
  /** Also blobs that the request names no repository for are mounted. */
  readonly automaticMounts?: boolean;
  /** False: `POST ?digest=` begins an upload and ignores the body. */
  readonly monolithicPost?: boolean;
  /** Every chunk but the last has at least this many bytes. */
  readonly chunkMinLength?: number;
  /** What the server in front takes in one request, in bytes. */
  readonly maxRequestSize?: number;
  /** False: nothing can be deleted. */
  readonly deletes?: boolean;
}

/** Where an upload goes on: given its repository, identifier and number of bytes received. */
export type UploadLocation = (name: string, id: string, received: number) => string;

export function serveBlob(
  store: RegistryStore,
  rules: BlobRules,
  request: RegistryRequest,
  name: string,
  reference: string,
): Answer {
  const digest = checkDigest(reference);
  const { blobs } = store.existing(name);
  const content = blobs.get(digest);
  if (content === undefined) throw new Refusal("BLOB_UNKNOWN", `${name} has no blob ${digest}`);
  if (request.method === "DELETE") {
    if (rules.deletes === false) throw new Refusal("UNSUPPORTED", "blobs cannot be deleted");
    blobs.delete(digest);
    return empty(202, { "Docker-Content-Digest": digest });
  }
  if (request.method !== "GET" && request.method !== "HEAD") throw notAllowed(request, "GET, HEAD, DELETE");
  const headers = {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": rules.ranges === false ? "none" : "bytes",
    ETag: `"${digest}"`,
  };
  const range = rules.ranges === false ? undefined : parseRange(request.headers["range"], content.length);
  if (range === undefined) return bytes(200, content, headers);
  if (range === "unsatisfiable")
    throw new Refusal("SIZE_INVALID", "the range is outside of the blob", {
      status: 416,
      headers: { "Content-Range": `bytes */${content.length}` },
    });
  return bytes(206, content.subarray(range.start, range.end + 1), {
    ...headers,
    "Content-Range": `bytes ${range.start}-${range.end}/${content.length}`,
  });
}

/** RFC 9110, 14.1.2, one range only; undefined for no header, or one that may be ignored. */
function parseRange(header: string | undefined, size: number) {
  const parsed = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (parsed === null) return undefined;
  const [, first = "", last = ""] = parsed;
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? ("unsatisfiable" as const) : { start, end };
}

/** `POST /v2/<name>/blobs/uploads/`: a mount, a whole blob, or the beginning of an upload. */
export function beginUpload(
  store: RegistryStore,
  rules: BlobRules,
  location: UploadLocation,
  request: RegistryRequest,
  name: string,
): Answer {
  if (request.method !== "POST") throw notAllowed(request, "POST");
  const mount = request.query.get("mount");
  if (mount !== null && rules.mounts !== false) {
    const content = findMount(store, rules, checkDigest(mount), request.query.get("from"));
    if (content !== undefined) return finish(store, name, mount, content);
  }
  const digest = request.query.get("digest");
  if (digest !== null && rules.monolithicPost !== false) {
    checkBody(request, rules, true);
    if (!matches(request.body, checkDigest(digest)))
      throw new Refusal("DIGEST_INVALID", `the content does not have the digest ${digest}`);
    return finish(store, name, digest, request.body);
  }
  const upload = store.startUpload(name);
  return empty(202, {
    ...progress(upload, location(name, upload.id, 0)),
    ...(rules.chunkMinLength === undefined ? {} : { "OCI-Chunk-Min-Length": String(rules.chunkMinLength) }),
  });
}

function findMount(store: RegistryStore, rules: BlobRules, digest: string, from: string | null) {
  if (from !== null) return store.repositories.get(from)?.blobs.get(digest);
  if (rules.automaticMounts !== true) return undefined;
  return [...store.repositories.values()].map(({ blobs }) => blobs.get(digest)).find((found) => found);
}

/** `GET`, `PATCH`, `PUT` and `DELETE` of one upload. */
export function continueUpload(
  store: RegistryStore,
  rules: BlobRules,
  location: UploadLocation,
  request: RegistryRequest,
  name: string,
  id: string,
): Answer {
  const { uploads } = store.existing(name);
  const upload = uploads.get(id);
  if (upload === undefined) throw new Refusal("BLOB_UPLOAD_UNKNOWN", `there is no upload ${id}`);
  const here = () => location(name, id, upload.content.length);
  switch (request.method) {
    case "GET":
      return empty(204, progress(upload, here()));
    case "DELETE":
      uploads.delete(id);
      return empty(204);
    case "PATCH":
      checkBody(request, rules, request.headers["content-range"] !== undefined);
      append(upload, rules, request, here());
      return empty(202, progress(upload, here()));
    case "PUT": {
      const digest = checkDigest(request.query.get("digest"));
      checkBody(request, rules, true);
      append(upload, rules, request, here());
      uploads.delete(id);
      if (!matches(upload.content, digest))
        throw new Refusal("DIGEST_INVALID", `the content does not have the digest ${digest}`);
      return finish(store, name, digest, upload.content);
    }
    default:
      throw notAllowed(request, "GET, PATCH, PUT, DELETE");
  }
}

/** Keeps what arrived of a chunk whose sender went away. */
export function keepPartOfChunk(
  store: RegistryStore,
  request: RegistryRequest,
  name: string,
  id: string,
): void {
  const upload = store.repositories.get(name)?.uploads.get(id);
  if (upload !== undefined && startOfChunk(request, upload) === upload.content.length)
    upload.content = Buffer.concat([upload.content, request.body]);
}

function startOfChunk(request: RegistryRequest, upload: Upload): number {
  const header = request.headers["content-range"];
  if (header === undefined) return upload.content.length;
  return Number(/^(\d+)-\d+$/.exec(header)?.[1] ?? Number.NaN);
}

function append(upload: Upload, rules: BlobRules, request: RegistryRequest, here: string): void {
  const { body } = request;
  const header = request.headers["content-range"];
  if (header !== undefined) {
    const parsed = /^(\d+)-(\d+)$/.exec(header);
    const [start, end] = [Number(parsed?.[1]), Number(parsed?.[2])];
    if (parsed === null || end - start + 1 !== body.length)
      throw new Refusal("SIZE_INVALID", `Content-Range ${header} does not fit ${body.length} bytes`);
    if (start !== upload.content.length)
      throw new Refusal("BLOB_UPLOAD_INVALID", "the chunk is not the next one", {
        status: 416,
        headers: progress(upload, here),
      });
  }
  if (body.length === 0) return;
  if (upload.ended) throw new Refusal("SIZE_INVALID", "a chunk before this one was shorter than the minimum");
  upload.ended = body.length < (rules.chunkMinLength ?? 0);
  upload.content = Buffer.concat([upload.content, body]);
}

function checkBody(request: RegistryRequest, rules: BlobRules, sized: boolean): void {
  const { headers, body } = request;
  if (body.length > 0 && headers["content-type"] !== "application/octet-stream")
    throw new Refusal("UNSUPPORTED", "the content is not application/octet-stream", { status: 415 });
  if (sized && headers["content-length"] === undefined)
    throw new Refusal("SIZE_INVALID", "Content-Length is missing", { status: 411 });
  if (body.length > (rules.maxRequestSize ?? Number.POSITIVE_INFINITY))
    throw new Refusal("SIZE_INVALID", "the body is too large", { status: 413 });
}

function finish(store: RegistryStore, name: string, digest: string, content: Buffer): Answer {
  store.repository(name).blobs.set(digest, content);
  return empty(201, { Location: `/v2/${name}/blobs/${digest}`, "Docker-Content-Digest": digest });
}

/** An upload without bytes says 0-0, as docker's registry does. */
function progress(upload: Upload, location: string): Record<string, string> {
  return {
    Location: location,
    Range: `0-${Math.max(0, upload.content.length - 1)}`,
    "Docker-Upload-UUID": upload.id,
  };
}

export function notAllowed(request: RegistryRequest, allowed: string): Refusal {
  return new Refusal("UNSUPPORTED", `${request.method} is not supported here`, {
    headers: { Allow: allowed },
  });
}
