// tare prefetch: the pin of an image of a registry, as pullImage() takes it.

import type { Command } from "commander";
import { prefetchImage } from "../../pipeline/registries.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";

export const summary = "print the pin of an image in a registry, for pullImage()";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {}

export function configure(command: Command, host: Host): void {
  command.argument("<image>", "HOST/NAME:TAG; without a host it is Docker Hub's");
  addPlatformOption(command);
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare prefetch debian:bookworm-slim", "what to write for fromImage"],
    ["tare prefetch --json quay.io/team/app:1.2", "for scripts"],
  );
  command.action(async (image: string, options: Options) => {
    const pin = await prefetchImage(
      image,
      { platform: options.platform, registry: registryAccess(options) },
      host.context(options),
    );
    const lines = Object.entries(pin).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`);
    host.print(options, pin, `pullImage({\n${lines.join("\n")}\n})`);
  });
}
