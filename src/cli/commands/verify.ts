// tare verify: derives every digest and size of an image again from its bytes, and checks that its programs would load.

import type { Command } from "commander";
import { describeProblem } from "../../inspect/verify-root/providers.ts";
import { verifyTarget } from "../../pipeline/targets.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption } from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import { createdFromEnvironment, describeImage } from "../results.ts";
import { count, formatBytes, showPath } from "../text.ts";

export const summary = "check an image: every digest and size, and that its programs would load";

interface Options extends CommonOptions, PlatformFlags, RegistryFlags {
  readonly frozen: boolean;
}

export function configure(command: Command, host: Host): void {
  command.argument(
    "[image]",
    "oci:DIR, oci-archive:FILE, docker-archive:FILE or a path to one of them; or what tare build takes, to verify what it makes",
    ".",
  );
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addExamples(
    command,
    ["tare verify oci:redis.oci", "check an image that was built before"],
    ["tare verify docker-archive:app.tar", "check another tool's image"],
    ["tare verify ./server", "build the image of a program into the cache, and check it"],
  );
  command.action(async (target: string, options: Options) => {
    const verified = await verifyTarget(
      target,
      {
        frozen: options.frozen,
        createdSeconds: createdFromEnvironment(),
        platform: options.platform,
        registry: registryAccess(options),
      },
      host.context(options),
    );
    const { image, problems, rootProblems, layers, size, uncompressedSize } = verified;
    const errors = rootProblems.filter(({ severity }) => severity === "error");
    if (problems.length + errors.length > 0) process.exitCode = 1;
    const lines = [
      ...problems.map(({ code, message }) => `${code}: ${message}`),
      ...rootProblems.map((problem) => `${problem.severity} ${problem.code}: ${describeProblem(problem)}`),
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
