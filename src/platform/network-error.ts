// The error of what goes over the network, and how URLs are shown in it.

import { TareError } from "../model/errors.ts";

export type NetworkErrorCode =
  | "OFFLINE"
  | "NOT_FOUND"
  | "UNREACHABLE"
  | "HASH_MISMATCH"
  | "SIZE_MISMATCH"
  | "TOO_LARGE"
  | "BAD_URL";

export class NetworkError extends TareError<NetworkErrorCode> {}

/** Takes user name and password out of a URL before it is shown. */
export function redactUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1***@");
}
