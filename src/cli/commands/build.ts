// tare build: image.ts → an image where -o says.

import type { Command } from "commander";
import { buildAndDeliver, evaluate } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import {
  addCompressionOption,
  addExamples,
  addFrozenOption,
  type Compression,
  withCompression,
} from "../options.ts";
import { createdFromEnvironment, describeBuild, formatBuild } from "../results.ts";

export const summary = "build an image from image.ts";

interface Options extends CommonOptions {
  readonly output?: string;
  readonly frozen: boolean;
  readonly compression?: Compression;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .option(
      "-o, --output <target>",
      "oci:DIR, oci-archive:FILE, docker-archive:FILE, or - for a docker archive on stdout (default: oci:NAME.oci)",
    );
  addFrozenOption(command);
  addCompressionOption(command);
  addExamples(
    command,
    ["tare build", "build ./image.ts into ./NAME.oci"],
    ["tare build ./server", "build an image of a program with what it needs, without image.ts"],
    ["tare build -o docker-archive:app.tar", "build for docker load"],
    ["tare build -o - | podman load", "build straight into podman"],
  );
  command.action(async (path: string, options: Options) => {
    const context = host.context(options);
    const evaluated = await evaluate(path);
    const spec = withCompression(evaluated.spec, options.compression);
    const built = await buildAndDeliver(
      { ...evaluated, spec },
      {
        frozen: options.frozen,
        createdSeconds: createdFromEnvironment(),
        output: options.output ?? `oci:${spec.name.split("/").at(-1)}.oci`,
      },
      context,
    );
    // The archive itself is on stdout then; what is said goes to stderr.
    if (options.output === "-") {
      host.endProgress();
      context.progress.note(formatBuild(built));
    } else {
      host.print(options, describeBuild(built), formatBuild(built));
    }
  });
}
