// What an endpoint answers, before it is sent, and the errors of the OCI distribution specification 1.1.

/** A request whose body has been read, with its path split. */
export interface RegistryRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The codes of the specification, with the status that each one comes with. */
const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
} as const;

export type RegistryErrorCode = keyof typeof STATUS;

/** Ends a request with an error of the specification. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(
    code: RegistryErrorCode,
    message: string,
    more: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.answer = json(
      { errors: [{ code, message, detail: null }] },
      more.status ?? STATUS[code],
      more.headers,
    );
  }
}

export function empty(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { ...headers, "Content-Length": "0" }, body: Buffer.alloc(0) };
}

export function bytes(status: number, body: Buffer, headers: Readonly<Record<string, string>>): Answer {
  return { status, headers: { ...headers, "Content-Length": String(body.length) }, body };
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return bytes(status, Buffer.from(JSON.stringify(value)), {
    "Content-Type": "application/json",
    ...headers,
  });
}

/** One page of a sorted list, with the Link to the next one. */
export function page<T>(
  request: RegistryRequest,
  items: readonly T[],
  keyOf: (item: T) => string,
  compare: (a: string, b: string) => number,
  pageSize = Number.POSITIVE_INFINITY,
): { readonly items: readonly T[]; readonly headers: Readonly<Record<string, string>> } {
  const asked = request.query.get("n");
  if (asked !== null && !/^\d+$/.test(asked))
    throw new Refusal("UNSUPPORTED", `n is not a number: ${asked}`, { status: 400 });
  const limit = Math.min(asked === null ? Number.POSITIVE_INFINITY : Number(asked), pageSize);
  const last = request.query.get("last");
  const rest = last === null ? items : items.filter((item) => compare(keyOf(item), last) > 0);
  const taken = rest.slice(0, limit);
  const end = taken.at(-1);
  if (end === undefined || taken.length === rest.length) return { items: taken, headers: {} };
  const query = new URLSearchParams(request.query);
  query.set("n", String(limit));
  query.set("last", keyOf(end));
  return { items: taken, headers: { Link: `<${request.path}?${query}>; rel="next"` } };
}
