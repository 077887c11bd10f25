// tare pull: an image of a registry, to where it can be used.

import type { Command } from "commander";
import { copyImage } from "../../pipeline/registries.ts";
import { REGISTRY_TRANSPORT } from "../../platform/registry/reference.ts";
import { copyReport } from "../copy-report.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
  withTransport,
} from "../registry-options.ts";

export const summary = "pull an image from a registry";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {
  readonly all?: boolean;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("<reference>", "HOST/NAME:TAG or HOST/NAME@DIGEST; without a host it is Docker Hub's")
    .argument("[destination]", "oci:DIR, oci-archive:FILE or docker-archive:FILE (default: oci:NAME.oci)")
    .option("--all", "pull an index with its images for all platforms");
  addPlatformOption(command);
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare pull debian:12", "pull into ./debian.oci"],
    ["tare pull --platform linux/arm64 debian:12 docker-archive:debian.tar", "pull for another architecture"],
  );
  command.action(async (reference: string, destination: string | undefined, options: Options) => {
    const { all = false, platform } = options;
    const copied = await copyImage(
      reference.startsWith(REGISTRY_TRANSPORT) ? reference : `${REGISTRY_TRANSPORT}${reference}`,
      destination === undefined ? undefined : withTransport(destination),
      { all, platform, registry: registryAccess(options) },
      host.context(options),
    );
    const { value, text } = copyReport(copied);
    host.print(options, value, text);
  });
}
