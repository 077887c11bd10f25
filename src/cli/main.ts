// The command line: finds the command's file, runs it, and tells errors as one line and a hint.

import { Command } from "commander";
import { didYouMean } from "../model/suggest.ts";
import { readBuildInfo } from "../platform/build-info.ts";
import { importModule, moduleNames } from "../platform/discover.ts";
import { type CommandModule, Host } from "./host.ts";
import { addCommonOptions } from "./options.ts";
import { EXIT_INTERRUPTED, report, UsageError } from "./report.ts";

const COMMANDS = new URL("./commands/", import.meta.url);

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
  const asksVersion = wanted === undefined && args.some((arg) => arg === "-V" || arg === "--version");
  const names = wanted !== undefined && known.includes(wanted) ? [wanted] : asksVersion ? [] : known;
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
