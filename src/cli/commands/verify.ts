// tare verify: derives every digest and size of an image again from its bytes.

import type { Command } from "commander";
import { verifyTarget } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";
import { describeImage } from "../results.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "check every digest and size of an image against its bytes";

export function configure(command: Command, host: Host): void {
  command.argument("<image>", "oci:DIR, oci-archive:FILE, docker-archive:FILE, or a path to one of them");
  addExamples(
    command,
    ["tare verify oci:redis.oci", "check an image that was built before"],
    ["tare verify docker-archive:app.tar", "check another tool's image"],
  );
  command.action(async (target: string, options: CommonOptions) => {
    const verified = await verifyTarget(target, host.context(options));
    const { image, problems, layers, size, uncompressedSize } = verified;
    if (problems.length > 0) process.exitCode = 1;
    host.print(
      options,
      { ...describeImage(image), problems },
      problems.length > 0
        ? problems.map(({ code, message }) => `${code}: ${message}`).join("\n")
        : `${image.digest}: ${count(layers, "layer")}, ${formatBytes(size)} (${formatBytes(uncompressedSize)} uncompressed) read; every digest and size is right`,
    );
  });
}
