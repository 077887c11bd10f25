// tare copy: an image from anywhere to anywhere, its digest unchanged.

import type { Command } from "commander";
import { copyImage } from "../../pipeline/registries.ts";
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

export const summary = "copy an image between registries, layouts and archives";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {
  readonly all?: boolean;
}

export function configure(command: Command, host: Host): void {
  command
    .argument(
      "<source>",
      "docker://HOST/NAME:TAG, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, or a path to one of them",
    )
    .argument(
      "<destination>",
      "docker://HOST/NAME:TAG, oci:DIR, oci-archive:FILE, docker-archive:FILE, or - for a docker archive on stdout",
    )
    .option("--all", "copy an index with its images for all platforms");
  addPlatformOption(command);
  addRegistryOptions(command);
  addExamples(
    command,
    ["tare copy oci:redis.oci docker://localhost:5000/redis:7", "push a layout"],
    ["tare copy --all docker://debian:12 oci:debian.oci", "keep an image for all platforms"],
    [
      "tare copy docker://localhost:5000/a:1 docker://localhost:5000/b:1",
      "copy inside a registry: no layer is moved",
    ],
  );
  command.action(async (source: string, destination: string, options: Options) => {
    const { all = false, platform } = options;
    const context = host.context(options);
    const copied = await copyImage(
      withTransport(source),
      withTransport(destination),
      { all, platform, registry: registryAccess(options) },
      context,
    );
    const { value, text } = copyReport(copied);
    // The archive itself is on stdout then; what is said goes to stderr.
    if (destination === "-") {
      host.endProgress();
      context.progress.note(text);
    } else host.print(options, value, text);
  });
}
