// tare lock: pins what image.ts asks for, without changing what is pinned already.

import type { Command } from "commander";
import { describeLockChanges, resolveLock } from "../../pipeline/lock.ts";
import { evaluate } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption } from "../options.ts";
import { addRegistryOptions } from "../registry-options.ts";
import { describeLock, formatLockChanges } from "../results.ts";

export const summary = "pin what image.ts asks for in tare.lock";

export function configure(command: Command, host: Host): void {
  command.argument("[image]", "an image file, a directory with an image.ts, or a program", ".");
  addFrozenOption(command);
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare lock", "make or complete ./tare.lock"],
    ["tare lock --frozen", "fail when it does not pin all that image.ts asks for"],
  );
  command.action(async (path: string, options: CommonOptions & { frozen: boolean }) => {
    const context = host.context(options);
    const evaluated = await evaluate(path);
    const locked = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
    const changes = await describeLockChanges(locked);
    host.print(
      options,
      { ...describeLock(evaluated.lockFile, locked), changes },
      locked.written
        ? formatLockChanges(evaluated.lockFile, locked, changes)
        : `${evaluated.lockFile} pins all that is asked for`,
    );
  });
}
