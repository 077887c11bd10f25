// tare verify: derives every digest and size of an image again from its bytes, and checks that its programs would load.

import type { Command } from "commander";
import { verifyTarget } from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples } from "../options.ts";
import { showPath } from "../plan-report.ts";
import { describeImage } from "../results.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "check an image: every digest and size, and that its programs would load";

export function configure(command: Command, host: Host): void {
  command.argument("<image>", "oci:DIR, oci-archive:FILE, docker-archive:FILE, or a path to one of them");
  addExamples(
    command,
    ["tare verify oci:redis.oci", "check an image that was built before"],
    ["tare verify docker-archive:app.tar", "check another tool's image"],
  );
  command.action(async (target: string, options: CommonOptions) => {
    const verified = await verifyTarget(target, host.context(options));
    const { image, problems, rootProblems, layers, size, uncompressedSize } = verified;
    const errors = rootProblems.filter(({ severity }) => severity === "error");
    if (problems.length + errors.length > 0) process.exitCode = 1;
    const lines = [
      ...problems.map(({ code, message }) => `${code}: ${message}`),
      ...rootProblems.map(({ code, severity, message }) => `${severity} ${code}: ${message}`),
    ];
    if (problems.length === 0) {
      lines.push(
        `${image.digest}: ${count(layers, "layer")}, ${formatBytes(size)} (${formatBytes(uncompressedSize)} uncompressed) read; every digest and size is right`,
        errors.length === 0 ? "every program loads" : `${count(errors.length, "error")} in its files`,
      );
    }
    host.print(
      options,
      { ...describeImage(image), problems, rootProblems: rootProblems.map(showPath) },
      lines.join("\n"),
    );
  });
}
