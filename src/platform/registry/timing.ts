// How long the client waits: for a connection, an answer, more bytes, and between attempts. No randomness.

/** Milliseconds, unless said otherwise. */
export interface RegistryTiming {
  /** Times that something is tried, the first included; progress of an upload or download starts the count anew. */
  readonly attempts: number;
  /** The pause after the first failure; each further one is twice as long. */
  readonly firstPauseMs: number;
  /** The longest pause that a registry's Retry-After is granted; longer ones end the work with what was asked. */
  readonly longestPauseMs: number;
  readonly connectMs: number;
  /** For the head of an answer, and between chunks of a body in either direction. */
  readonly silenceMs: number;
  /** For all of a small document: a manifest, a token, an error. */
  readonly documentMs: number;
}

export const DEFAULT_TIMING: RegistryTiming = {
  attempts: 5,
  firstPauseMs: 250,
  longestPauseMs: 60_000,
  connectMs: 10_000,
  silenceMs: 30_000,
  documentMs: 60_000,
};

/** The pause after a number of failures without progress: 1, 2, 4… times the first. */
export function pauseAfter(failures: number, timing: RegistryTiming): number {
  return Math.min(timing.firstPauseMs * 2 ** (failures - 1), timing.longestPauseMs);
}

/**
 * Reads a Retry-After header: seconds, or a date of HTTP.
 *
 * @param nowMs Milliseconds since the epoch.
 * @returns Milliseconds, at least 0; undefined when there is none that can be understood.
 *
 * Pure. Source: RFC 9110, 10.2.3.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
