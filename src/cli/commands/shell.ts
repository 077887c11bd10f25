// tare shell: a shell, or a command, where a derivation of an image is built or developed.

import type { Command } from "commander";
import { resolveLock } from "../../pipeline/lock.ts";
import { enterShell, prepareShell } from "../../pipeline/shell.ts";
import { evaluate } from "../../pipeline.ts";
import { isInteractive } from "../../platform/processes.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption, collect } from "../options.ts";
import { addRegistryOptions } from "../registry-options.ts";

export const summary =
  "open a shell where a part of an image is built, or with its dependencies for development";

interface Options extends CommonOptions {
  readonly frozen: boolean;
  readonly derivation?: string;
  readonly group?: readonly string[];
}

export function configure(command: Command, host: Host): void {
  command
    .description(
      "Open a shell, or run a command, where a derivation of an image is built: with its packages, inputs and\n" +
        "variables, and nothing else of this machine but the current directory and the network. For what pythonEnv()\n" +
        "and pythonApp() make, the shell has the same locked dependencies, with those for development as well.",
    )
    .argument("[image]", "an image file, or a directory with an image.ts", ".")
    .argument("[command...]", "behind --: what to run instead of a shell")
    .option("-d, --derivation <name>", "which derivation, where the image has several")
    .option(
      "--group <name>",
      "a group of dependencies instead of the default ones; may be given several times",
      collect,
    );
  addFrozenOption(command);
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare shell", "a shell for ./image.ts"],
    ["tare shell -- pytest", "the tests, with what the lock pins for development"],
    ["tare shell app --derivation hello", "where hello of ./app/image.ts is built"],
  );
  command.action(async (image: string, rest: readonly string[], options: Options) => {
    const dashes = host.args.indexOf("--");
    const words = dashes < 0 ? rest : host.args.slice(dashes + 1);
    const isNamed = dashes < 0 || rest.length === words.length;
    const context = host.context(options);
    const evaluated = await evaluate(isNamed ? image : ".");
    const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
    const selection = { derivation: options.derivation, groups: options.group };
    const place = await prepareShell(evaluated.spec, lock, selection, context);
    host.endProgress();
    const run = { directory: process.cwd(), command: words, tty: isInteractive() };
    process.exitCode = await enterShell(place, run, context);
  });
}
