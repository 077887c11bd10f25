// Another try, after a pause, for as long as there is hope: the one loop that every request goes through.

import type { Context } from "../../model/context.ts";
import { sleep } from "../clock.ts";
import type { RegistryError } from "./errors.ts";
import { pauseAfter, type RegistryTiming } from "./timing.ts";

/** A failure that may pass. */
export class PassingFailure extends Error {
  /** What to tell the user when no further try helps. */
  readonly verdict: RegistryError;
  /** What the registry asks to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(verdict: RegistryError, retryAfterMs?: number) {
    super(verdict.message);
    this.verdict = verdict;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Bytes; of a small blob, a sixteenth is enough. */
const NOTABLE_PROGRESS = 1 << 20;

/** Counts failures without progress, and pauses between them. */
export class Patience {
  readonly #timing: RegistryTiming;
  readonly #context: Context;
  #failures = 0;
  #reached = 0;

  constructor(timing: RegistryTiming, context: Context) {
    this.#timing = timing;
    this.#context = context;
  }

  /**
   * Takes in how far a transfer has come. Where that is notably farther than ever before, the count starts anew; going the
   * same way again and again, or byte by byte, is no progress, so that attempts stay bounded.
   *
   * @param reached Bytes that are there.
   * @param size Bytes of the whole.
   */
  progress(reached: number, size: number): void {
    if (reached - this.#reached < Math.max(1, Math.min(NOTABLE_PROGRESS, size / 16))) return;
    this.#reached = reached;
    this.#failures = 0;
  }

  /**
   * Waits before another try.
   *
   * @throws {RegistryError} The failure's verdict, when there were enough tries or the pause would be too long.
   */
  async afterFailure({ verdict, retryAfterMs }: PassingFailure): Promise<void> {
    this.#failures++;
    const pauseMs = retryAfterMs ?? pauseAfter(this.#failures, this.#timing);
    if (this.#failures >= this.#timing.attempts || pauseMs > this.#timing.longestPauseMs) throw verdict;
    await sleep(pauseMs, this.#context.signal);
  }
}

/** Runs an action until it succeeds, or fails for good. */
export async function withPatience<T>(
  timing: RegistryTiming,
  context: Context,
  action: () => Promise<T>,
): Promise<T> {
  const patience = new Patience(timing, context);
  for (;;) {
    try {
      return await action();
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof PassingFailure)) throw error;
      await patience.afterFailure(error);
    }
  }
}
