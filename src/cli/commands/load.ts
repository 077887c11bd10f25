// tare load: an image, built or found, into podman or docker; the engine gets only the layers that it lacks.

import { type Command, Option } from "commander";
import { loadTarget } from "../../pipeline/targets.ts";
import { ENGINES, type EngineName } from "../../run/engines.ts";
import type { CommonOptions, Host } from "../host.ts";
import {
  addCompressionOption,
  addExamples,
  addFrozenOption,
  type Compression,
  collect,
  withCompression,
} from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import { createdFromEnvironment, describeImage } from "../results.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "load an image into podman or docker";

interface Options extends CommonOptions, RegistryFlags, PlatformFlags {
  readonly frozen: boolean;
  readonly engine?: EngineName;
  readonly name?: readonly string[];
  readonly compression?: Compression;
}

/** How an engine got the image, for people. */
const METHODS = {
  present: () => "it was there already",
  registry: (moved: number) => `${formatBytes(moved)} moved, pulled from Tare on the loopback`,
  archive: (moved: number) => `${formatBytes(moved)} moved, all of it as an archive`,
} as const;

export function configure(command: Command, host: Host): void {
  command
    .argument(
      "[image]",
      "an image file, a directory with an image.ts, a program, or an image such as oci:DIR",
      ".",
    )
    .addOption(
      new Option("--engine <name>", "podman or docker (default: the first that is installed)").choices(
        ENGINES,
      ),
    )
    .option("--name <name:tag>", "what the engine shall call it (default: as the image is called)", collect);
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addCompressionOption(command);
  addExamples(
    command,
    ["tare load", "build ./image.ts and load it into podman, or else docker"],
    ["tare load --engine docker --name app:dev", "load it into docker as app:dev"],
    ["tare load oci:redis.oci", "load an image that was built before"],
  );
  command.action(async (target: string, options: Options) => {
    const { image, names, loaded } = await loadTarget(
      target,
      {
        frozen: options.frozen,
        createdSeconds: createdFromEnvironment(),
        engine: options.engine,
        names: options.name,
        platform: options.platform,
        registry: registryAccess(options),
        adjust: (spec) => withCompression(spec, options.compression),
      },
      host.context(options),
    );
    const { engine, method, bytesMoved } = loaded;
    host.print(
      options,
      { ...describeImage(image), ...loaded, names },
      [
        `${names.join(", ")} in ${engine}`,
        `  ${count(image.layers.length, "layer")}: ${METHODS[method](bytesMoved)}`,
        `  ${image.digest}`,
      ].join("\n"),
    );
  });
}
