// The only place that knows what time it is. Nothing that is built depends on it.

import { setTimeout } from "node:timers/promises";

/** Milliseconds since the epoch. */
export function nowMs(): number {
  return Date.now();
}

/** Milliseconds since some point in the past; for durations. */
export function monotonicMs(): number {
  return performance.now();
}

/** Waits; rejects with the signal's reason when it is aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

/** Seconds since the epoch as RFC 3339 in UTC: `1970-01-01T00:00:01Z`. */
export function formatTimestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
