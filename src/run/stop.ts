// How a running program is asked to stop, and made to.

import { sleep } from "../platform/clock.ts";

/** As long as `docker stop` waits. */
const STOP_TIMEOUT_MS = 10_000;

/**
 * Stops a program because the work was aborted: first by its stop signal, then by SIGKILL.
 *
 * @param wasSignalled Whether a signal to this process was passed on already: the program then gets no more.
 * @param ended Is aborted when the program has ended.
 */
export async function stopOnAbort(
  program: { signal(signal: NodeJS.Signals): void },
  stopSignal: NodeJS.Signals,
  wasSignalled: () => boolean,
  ended: AbortSignal,
): Promise<void> {
  try {
    // The abort may be the work of a listener for the very signal that is passed on next.
    await sleep(1, ended);
    if (wasSignalled()) return;
    program.signal(stopSignal);
    await sleep(STOP_TIMEOUT_MS, ended);
    program.signal("SIGKILL");
  } catch {
    // It has ended.
  }
}
