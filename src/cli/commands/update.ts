// tare update: resolves everything anew and says what changed, package by package.

import type { Command } from "commander";
import { describeLockChanges, resolveLock } from "../../pipeline/lock.ts";
import { evaluate } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";
import { addRegistryOptions } from "../registry-options.ts";
import { describeLock, formatLockChanges } from "../results.ts";

export const summary = "pin the newest versions in tare.lock";

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .option("--allow-older", "take a release that is older than the one in tare.lock");
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare update", "move ./tare.lock to what the archive has now"],
    ["tare update --json", "the changes as data, for a pull request"],
  );
  command.action(async (path: string, options: CommonOptions & { allowOlder?: boolean }) => {
    const context = host.context(options);
    const evaluated = await evaluate(path);
    const locked = await resolveLock(evaluated, "update", context, {
      allowOlder: options.allowOlder === true,
    });
    const changes = await describeLockChanges(locked);
    host.print(
      options,
      { ...describeLock(evaluated.lockFile, locked), changes },
      formatLockChanges(evaluated.lockFile, locked, changes),
    );
  });
}
