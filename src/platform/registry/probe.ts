// Whether a port of this machine speaks TLS. Nothing is sent but a greeting, and nobody is trusted for the answer: it
// only tells by which scheme to ask.

import { connect, createSecureContext } from "node:tls";

/** Errors of a connection by which it is known that the other side speaks no TLS, or nothing at all. */
export const NOT_TLS = /^(?:EPROTO|ERR_SSL_(?!.*ALERT).*|ECONNRESET|ECONNREFUSED)$/;

/**
 * Finds out whether a server speaks TLS.
 *
 * @param host `HOST:PORT`; without a port it is 443.
 * @param timeoutMs Milliseconds; a server that says nothing for so long is taken for one that does.
 */
export async function speaksTls(host: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port } = new URL(`https://${host}`);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || 443),
    rejectUnauthorized: false,
    // Reading the certificates of all authorities would take longer than the rest of a push.
    secureContext: createSecureContext({ ca: [] }),
  });
  socket.setTimeout(timeoutMs, () => resolve(true));
  socket.once("secureConnect", () => resolve(true));
  socket.once("close", () => resolve(false));
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(!NOT_TLS.test(error.code ?? "")));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
