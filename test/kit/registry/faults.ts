// Faults as data: which request they strike, and what then happens to it.

import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answer.ts";

/** A place in a body: an offset, or `middle`, or `last` for all but the last byte. */
export type Place = number | "middle" | "last";

/** How a body that is sent is made wrong. */
export type BodyChange =
  /** One bit of the byte there is turned over. */
  | { readonly flip: Place }
  /** Only the bytes before are there, and Content-Length is theirs. */
  | { readonly truncate: Place }
  | { readonly replace: string | Uint8Array }
  /** So many spaces follow. */
  | { readonly pad: number };

export type FaultAction =
  /** The connection is closed when the headers have come, before anything is done. */
  | { readonly kind: "drop" }
  /** Everything is done, but the connection is closed before the answer. */
  | { readonly kind: "drop-answer" }
  /** The connection is closed in the body of the request, at a place of the length that it announces. */
  | { readonly kind: "drop-request"; readonly at: Place; readonly keep: boolean }
  /** Another answer, with nothing done; `early` without reading the body of the request. */
  | {
      readonly kind: "answer";
      /** The body is an error that tells the headers and the body of the request. */
      readonly echo?: boolean;
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly early?: boolean;
    }
  /** The true answer with changes; a header of null goes. */
  | {
      readonly kind: "change";
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string | null>>;
      readonly lowerCase?: boolean;
      readonly body?: BodyChange;
    }
  /** The true answer ends early. `length`: Content-Length is that of the whole; `close`: there is no length. */
  | { readonly kind: "cut"; readonly at: Place; readonly framing?: "length" | "chunked" | "close" }
  /** The true answer, slowly. */
  | { readonly kind: "trickle"; readonly chunkSize: number; readonly everyMs: number }
  /** The true answer up to a place, and then nothing, with the connection open. */
  | { readonly kind: "stall"; readonly at: Place | "headers" }
  /** A redirect: to the request's own URL, or to another one. */
  | { readonly kind: "redirect"; readonly to: "self" | (string & {}); readonly status?: number }
  | { readonly kind: "expire-tokens" }
  | { readonly kind: "lose-uploads" };

export interface FaultRule {
  readonly on: {
    readonly method?: string;
    /** Matched against path and query. */
    readonly path?: RegExp;
    /** The first matching request that is struck, 1 unless told. */
    readonly nth?: number;
    /** How many are struck from there on, 1 unless told. */
    readonly times?: number;
    /** On which server: the registry's own unless told. */
    readonly server?: "registry" | "storage";
  };
  readonly do: FaultAction;
}

export interface StruckRequest {
  readonly method: string;
  readonly url: string;
  readonly server: "registry" | "storage";
}

/** The rules in force, and how many requests each has seen. */
export class Faults {
  readonly #rules: { readonly rule: FaultRule; seen: number }[] = [];
  /** Requests that a rule struck. */
  struck = 0;

  inject(...rules: FaultRule[]): void {
    this.#rules.push(...rules.map((rule) => ({ rule, seen: 0 })));
  }

  clear(): void {
    this.#rules.length = 0;
    this.struck = 0;
  }

  /** What strikes this request, in the order of the rules. */
  strike({ method, url, server }: StruckRequest): FaultAction[] {
    const actions: FaultAction[] = [];
    for (const entry of this.#rules) {
      const { on } = entry.rule;
      if ((on.server ?? "registry") !== server) continue;
      if (on.method !== undefined && on.method !== method) continue;
      if (on.path !== undefined && !on.path.test(url)) continue;
      entry.seen++;
      const first = on.nth ?? 1;
      if (entry.seen >= first && entry.seen < first + (on.times ?? 1)) actions.push(entry.rule.do);
    }
    if (actions.length > 0) this.struck++;
    return actions;
  }
}

export function offsetOf(place: Place, length: number): number {
  if (place === "middle") return length >> 1;
  if (place === "last") return Math.max(0, length - 1);
  return Math.min(place, length);
}

/** The answer as a fault has it. */
export function changeAnswer(answer: Answer, action: FaultAction & { readonly kind: "change" }): Answer {
  const body = action.body === undefined ? answer.body : changeBody(answer.body, action.body);
  const changed = { ...answer.headers, ...(action.body && { "Content-Length": String(body.length) }) };
  const headers = Object.entries({ ...changed, ...action.headers })
    .filter((header): header is [string, string] => header[1] !== null)
    .map(([name, value]) => [action.lowerCase === true ? name.toLowerCase() : name, value]);
  return { status: action.status ?? answer.status, headers: Object.fromEntries(headers), body };
}

function changeBody(body: Buffer, change: BodyChange): Buffer {
  if ("truncate" in change) return body.subarray(0, offsetOf(change.truncate, body.length));
  if ("replace" in change) return Buffer.from(change.replace as string);
  if ("pad" in change) return Buffer.concat([body, Buffer.alloc(change.pad, " ")]);
  const flipped = Buffer.from(body);
  const at = offsetOf(change.flip, body.length - 1);
  flipped[at] = flipped[at]! ^ 1;
  return flipped;
}

/** Sends an answer as it is. */
export function send(response: ServerResponse, answer: Answer, withBody: boolean): void {
  response.writeHead(answer.status, answer.headers);
  response.end(withBody ? answer.body : undefined);
}

/** Sends an answer as far as a fault lets it, or slowly. */
export async function sendFaultily(
  response: ServerResponse,
  { status, headers, body }: Answer,
  action: FaultAction & { readonly kind: "cut" | "trickle" | "stall" },
): Promise<void> {
  if (action.kind === "trickle") {
    response.writeHead(status, headers);
    for (let at = 0; at < body.length && !response.destroyed; at += action.chunkSize) {
      response.write(body.subarray(at, at + action.chunkSize));
      await sleep(action.everyMs, undefined, { ref: false });
    }
    response.end();
    return;
  }
  if (action.kind === "stall") {
    if (action.at === "headers") return;
    response.writeHead(status, headers);
    response.flushHeaders();
    response.write(body.subarray(0, offsetOf(action.at, body.length)));
    return;
  }
  const framing = action.framing ?? "length";
  const { "Content-Length": _, ...unframed } = headers;
  if (framing === "close") response.useChunkedEncodingByDefault = false;
  response.shouldKeepAlive = false;
  response.writeHead(status, framing === "length" ? headers : unframed);
  response.flushHeaders();
  const part = body.subarray(0, offsetOf(action.at, body.length));
  response.write(part, () => response.socket?.end(() => response.socket?.destroy()));
}
