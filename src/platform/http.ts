// The HTTP client of downloads and uploads: through the proxies that the environment names, with the certificates that
// this machine trusts. Loaded at first use.

import { trustMachineCertificates } from "./certificates.ts";

/** How often the same is asked of the same server, at most. */
export const ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 250;
const TIMEOUT_MS = 30_000;

/** How long to wait after an attempt that failed, counted from 1. */
export function backoffMs(tries: number): number {
  return FIRST_BACKOFF_MS * 2 ** (tries - 1);
}

interface HttpClient {
  readonly request: typeof import("undici").request;
  readonly agent: import("undici").Dispatcher;
  /** The same, but redirections are followed; another origin does not get `authorization`. */
  readonly following: import("undici").Dispatcher;
}

let loaded: Promise<HttpClient> | undefined;

export function loadHttpClient(): Promise<HttpClient> {
  trustMachineCertificates();
  loaded ??= import("undici").then(({ request, EnvHttpProxyAgent, interceptors }) => {
    const agent = new EnvHttpProxyAgent({
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connectTimeout: TIMEOUT_MS / 3,
    });
    return { request, agent, following: agent.compose(interceptors.redirect({ maxRedirections: 5 })) };
  });
  return loaded;
}
