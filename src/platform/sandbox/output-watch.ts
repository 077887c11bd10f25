// The limits of a program that runs: how long it may take, how long it may be silent, how much it may say.

import type { SandboxLimit, SandboxRun } from "./options.ts";

/** Watches how long a program runs, how long it is silent, and how much it says. */
export class OutputWatch {
  exceeded: SandboxLimit | undefined;
  readonly #options: SandboxRun;
  #size = 0;
  #stop: (() => void) | undefined;
  #total: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(options: SandboxRun) {
    this.#options = options;
  }

  /** @param stop Called once, when a limit is exceeded. */
  start(stop: () => void): void {
    const { timeoutMs, silenceMs } = this.#options;
    this.#stop = stop;
    if (timeoutMs !== undefined) this.#total = setTimeout(() => this.#exceed("time"), timeoutMs);
    if (silenceMs !== undefined) this.#silence = setTimeout(() => this.#exceed("silence"), silenceMs);
  }

  /** A listener for one stream; nothing is passed on once there was too much. */
  take(listener: ((chunk: Uint8Array) => void) | undefined): (chunk: Uint8Array) => void {
    return (chunk) => {
      this.#silence?.refresh();
      this.#size += chunk.length;
      const { mostOutput = Number.POSITIVE_INFINITY } = this.#options;
      const excess = this.#size - mostOutput;
      if (excess < chunk.length) listener?.(excess > 0 ? chunk.subarray(0, chunk.length - excess) : chunk);
      if (excess > 0) this.#exceed("output");
    };
  }

  end(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#silence);
    this.#stop = undefined;
  }

  #exceed(limit: SandboxLimit): void {
    if (this.#stop === undefined) return;
    this.exceeded ??= limit;
    this.#stop();
  }
}
