// tare plan: what an image will hold and why, before any byte is packed; and what of it an earlier image has already.

import type { Command } from "commander";
import { comparePlan, describePlannedLayers } from "../../pipeline/compare.ts";
import { resolveLock } from "../../pipeline/lock.ts";
import { planImage } from "../../pipeline/plan.ts";
import { evaluate } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption } from "../options.ts";
import { describePlan, formatPlan } from "../plan-report.ts";
import { addPlatformOption, addRegistryOptions, type PlatformFlags } from "../registry-options.ts";

export const summary = "show what an image will hold: packages, layers, fixes, what is left out";

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .option("--fixes", "list every action on the root file system")
    .option(
      "--against <old>",
      "an image, another tare.lock, or an earlier plan as JSON: what a push and a pull would move",
    );
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addExamples(
    command,
    ["tare plan", "print the layers and what is in them"],
    ["tare plan --json", "everything as data"],
    ["tare plan --against oci:redis.oci", "which layers are new, and the bytes that an update moves"],
  );
  command.action(
    async (
      path: string,
      options: CommonOptions & PlatformFlags & { frozen: boolean; fixes?: boolean; against?: string },
    ) => {
      const context = host.context(options);
      const evaluated = await evaluate(path, { platform: options.platform });
      const { spec } = evaluated;
      const { lock } = await resolveLock(evaluated, options.frozen ? "frozen" : "use", context);
      const plan = await planImage(spec, lock, context);
      const layers = await describePlannedLayers(spec, plan, context);
      const comparison =
        options.against === undefined
          ? undefined
          : { against: options.against, ...(await comparePlan(spec, layers, options.against, context)) };
      host.print(
        options,
        describePlan(spec, plan, layers, comparison),
        formatPlan(spec, plan, options.fixes === true, comparison),
      );
    },
  );
}
