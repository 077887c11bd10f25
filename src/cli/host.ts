// What every command has: where to print, what the common options said, when to stop.

import type { Command } from "commander";
import type { Context } from "../model/context.ts";
import { Cache, defaultCacheRoot } from "../platform/cache.ts";
import { processorCount } from "../platform/machine.ts";
import { TerminalProgress } from "./progress.ts";
import { type RegistryFlags, registryAccess } from "./registry-options.ts";

/** The options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly offline?: boolean;
  readonly jobs?: number;
}

/** One command: a file in commands/, named as the command is. */
export interface CommandModule {
  /** Adds arguments, options, examples and the action to a command that already has its name. */
  configure(command: Command, host: Host): void;
  /** One line for the list of commands. */
  readonly summary: string;
}

export class Host {
  readonly #abort = new AbortController();
  #progress: TerminalProgress | undefined;
  /** The words of the command line. */
  readonly args: readonly string[];

  constructor(args: readonly string[]) {
    this.args = args;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends the work of the command in an orderly way. */
  interrupt(): void {
    this.#abort.abort(new InterruptedError());
  }

  context(options: CommonOptions & RegistryFlags): Context {
    this.#progress = new TerminalProgress(process.stderr, { quiet: options.quiet === true });
    return {
      cache: new Cache(defaultCacheRoot()),
      progress: this.#progress,
      signal: this.signal,
      offline: options.offline ?? isSet(process.env["TARE_OFFLINE"]),
      jobs: options.jobs ?? processorCount(),
      registries: registryAccess(options),
    };
  }

  /** Takes the live lines off the terminal. */
  endProgress(): void {
    this.#progress?.stop();
  }

  /** Prints a result: as JSON where asked, else as the text for people. */
  print(options: CommonOptions, value: unknown, text: string): void {
    this.endProgress();
    if (options.json) process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
    else if (text !== "") process.stdout.write(`${text}\n`);
  }
}

/** Whether a variable of the environment is set to anything but `0`, `false` or nothing. */
export function isSet(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "false"].includes(value);
}

/** Thrown through the stages when the user presses Ctrl-C. */
export class InterruptedError extends Error {
  constructor() {
    super("interrupted");
    this.name = "InterruptedError";
  }
}
