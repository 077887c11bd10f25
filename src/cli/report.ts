// How errors are told: one line and a hint; as JSON on stdout too, where that is asked for.

import { CommanderError } from "commander";
import pc from "picocolors";
import { TareError } from "../model/errors.ts";
import { InterruptedError } from "./host.ts";

const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** The command line itself is wrong. */
export class UsageError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Tells an error; returns the exit status. */
export function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof InterruptedError) {
    process.stderr.write("interrupted; nothing half-written is left\n");
    return EXIT_INTERRUPTED;
  }
  if (error instanceof UsageError) {
    print("USAGE", error.message, error.hint, json);
    return EXIT_USAGE;
  }
  if (error instanceof TareError) {
    print(error.code, error.message, error.hint, json);
    if (process.env["TARE_DEBUG"] !== undefined)
      process.stderr.write(`${error.stack}\ncause: ${describeCause(error.cause)}\n`);
    return 1;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  print("INTERNAL", stack, "This is a fault of Tare: please report it with the command and image.ts", json);
  return 1;
}

function describeCause(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

function print(code: string, message: string, hint: string | undefined, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } }, undefined, 2)}\n`);
  // What follows the first line shows what it speaks of: lines of a log, files that differ.
  const [first, ...details] = message.split("\n");
  const line = `${pc.red("error:")} ${first} ${pc.dim(`[${code}]`)}`;
  process.stderr.write(`${[line, ...details].join("\n")}\n`);
  if (hint !== undefined) process.stderr.write(`${pc.cyan("hint:")}  ${hint}\n`);
}
