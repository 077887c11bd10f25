// tare push: an image, built or found, into a registry; only what the registry lacks is packed and sent.

import type { Command } from "commander";
import { pushTarget } from "../../pipeline/registries.ts";
import type { CommonOptions, Host } from "../host.ts";
import {
  addCompressionOption,
  addExamples,
  addFrozenOption,
  type Compression,
  withCompression,
} from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  formatMoved,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import { countLayers, createdFromEnvironment, describeImages } from "../results.ts";
import { count } from "../text.ts";

export const summary = "push an image to a registry";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {
  readonly frozen: boolean;
  readonly compression?: Compression;
}

export function configure(command: Command, host: Host): void {
  command
    .usage("[options] [image] <reference>")
    .argument(
      "<image-or-reference>",
      "an image file, a directory with an image.ts, a program, or an image such as oci:DIR (default: .)",
    )
    .argument("[reference]", "where to: HOST/NAME:TAG");
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addCompressionOption(command);
  addExamples(
    command,
    ["tare push registry.example.com/team/app:v1", "build ./image.ts and push it"],
    ["tare push ./api localhost:5000/api", "push the image of another directory, to this machine's registry"],
    ["tare push oci:redis.oci localhost:5000/redis:7", "push an image that was built before"],
  );
  command.action(async (first: string, second: string | undefined, options: Options) => {
    const [target, reference] = second === undefined ? [".", first] : [first, second];
    const { images, pushed } = await pushTarget(
      target,
      reference,
      {
        frozen: options.frozen,
        createdSeconds: createdFromEnvironment(),
        platform: options.platform,
        registry: registryAccess(options),
        adjust: (spec) => withCompression(spec, options.compression),
      },
      host.context(options),
    );
    const { blobs, bytesSent, bytesReused, unchanged } = pushed;
    host.print(
      options,
      { ...describeImages(images), ...pushed },
      [
        `${pushed.reference}${unchanged ? " (unchanged)" : ""}`,
        `  ${countLayers(images)}: ${formatMoved(bytesSent, bytesReused, "sent")}${blobs.mounted > 0 ? `, ${count(blobs.mounted, "blob")} mounted` : ""}`,
        `  ${pushed.digest}`,
      ].join("\n"),
    );
  });
}
