// tare plan: what an image will hold and why, before any byte is packed.

import type { Command } from "commander";
import { evaluate, planImage, resolveLock } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption } from "../options.ts";
import { describePlan, formatPlan } from "../plan-report.ts";

export const summary = "show what an image will hold: packages, layers, fixes, what is left out";

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .option("--fixes", "list every action on the root file system");
  addFrozenOption(command);
  addExamples(
    command,
    ["tare plan", "print the layers and what is in them"],
    ["tare plan --json", "everything as data"],
  );
  command.action(async (path: string, options: CommonOptions & { frozen: boolean; fixes?: boolean }) => {
    const context = host.context(options);
    const evaluated = await evaluate(path);
    const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
    const plan = await planImage(evaluated.spec, lock, context);
    host.print(
      options,
      describePlan(evaluated.spec, plan),
      formatPlan(evaluated.spec, plan, options.fixes === true),
    );
  });
}
