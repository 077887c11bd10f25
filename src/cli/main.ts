// The command line: finds the command's file, runs it, and tells errors as one line and a hint.

import { Command, CommanderError } from "commander";
import pc from "picocolors";
import { TareError } from "../model/errors.ts";
import { didYouMean } from "../model/suggest.ts";
import { readBuildInfo } from "../platform/build-info.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { type CommandModule, Host, InterruptedError } from "./host.ts";
import { addCommonOptions } from "./options.ts";

const COMMANDS = new URL("./commands/", import.meta.url);
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** Runs the CLI; sets the process's exit status. */
export async function main(args: readonly string[]): Promise<void> {
  const host = new Host(args);
  let interrupts = 0;
  const onInterrupt = () => {
    if (++interrupts > 1) process.exit(EXIT_INTERRUPTED);
    host.interrupt();
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT_INTERRUPTED);
    throw error;
  });
  try {
    const program = await createProgram(args, host);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    host.endProgress();
    process.exitCode = report(error, args.includes("--json"));
  } finally {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
  }
}

async function createProgram(args: readonly string[], host: Host): Promise<Command> {
  const program = new Command("tare")
    .description("Container images that hold exactly what a program needs, from an image.ts.")
    .version(readBuildInfo().version, "-V, --version")
    .helpCommand("help [command]", "explain a command")
    .exitOverride()
    .showSuggestionAfterError(false);
  const known = moduleNames(COMMANDS);
  // Only the asked command is loaded: the others would cost more than an unchanged build takes.
  const wanted = args.find((arg) => !arg.startsWith("-"));
  if (wanted !== undefined && !known.includes(wanted) && wanted !== "help") {
    throw new UsageError(`there is no command "${wanted}"`, didYouMean(wanted, known) ?? "See tare --help");
  }
  const names = wanted !== undefined && known.includes(wanted) ? [wanted] : known;
  for (const name of names) {
    const { summary, configure } = await importModule<CommandModule>(COMMANDS, name);
    const command = program
      .command(name)
      .summary(summary)
      .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`);
    configure(command, host);
    addCommonOptions(command).exitOverride();
  }
  program.addHelpText(
    "after",
    '\nExample:\n  $ tare build && tare run\n\nIn image.ts: import { buildLayeredImage, debian } from "tare";',
  );
  program.action(() => program.help({ error: true }));
  return program;
}

/** The command line itself is wrong. */
class UsageError extends Error {
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Tells an error; returns the exit status. */
function report(error: unknown, json: boolean): number {
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
  process.stderr.write(`${pc.red("error:")} ${message} ${pc.dim(`[${code}]`)}\n`);
  if (hint !== undefined) process.stderr.write(`${pc.cyan("hint:")}  ${hint}\n`);
}
