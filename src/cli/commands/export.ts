// tare export: the root file system of an image as one tar, without layers and configuration.

import type { Command } from "commander";
import { exportTarget } from "../../pipeline/targets.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import { createdFromEnvironment } from "../results.ts";
import { formatBytes } from "../text.ts";

export const summary = "write the root file system of an image as one tar";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {
  readonly output: string;
  readonly frozen: boolean;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("[target]", "an image file, or an image such as oci:DIR", "image.ts")
    .option("-o, --output <file>", "where the tar goes; - is standard output", "-")
    .option("--frozen", "use tare.lock as it is, or fail", false);
  addPlatformOption(command);
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare export -o root.tar", "the files of image.ts"],
    ["tare export oci:redis.oci | tar -t", "what is in an image"],
  );
  command.action(async (target: string, { output, frozen, platform, ...common }: Options) => {
    const context = host.context(common);
    const options = {
      frozen,
      createdSeconds: createdFromEnvironment(),
      output,
      platform,
      registry: registryAccess(common),
    };
    const bytes = await exportTarget(target, options, context);
    if (output === "-") host.endProgress();
    else host.print(common, { output, bytes }, `${output}: ${formatBytes(bytes)}`);
  });
}
