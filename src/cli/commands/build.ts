// tare build: image.ts → an image where -o says.

import type { Command } from "commander";
import type { Context } from "../../model/context.ts";
import type { ImageSpec } from "../../model/image-spec.ts";
import type { ImagePlan } from "../../pipeline/plan.ts";
import {
  type Built,
  buildAndDeliver,
  buildAndDeliverIndex,
  type Evaluated,
  evaluate,
} from "../../pipeline.ts";
import type { CommonOptions, Host } from "../host.ts";
import { describeLeftOut } from "../left-out.ts";
import {
  addBuildSettings,
  addCompressionOption,
  addExamples,
  addFrozenOption,
  type BuildSettingOptions,
  type Compression,
  readBuildSettings,
  withCompression,
} from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import {
  createdFromEnvironment,
  describeBuild,
  describeIndexBuild,
  formatBuild,
  formatIndexBuild,
} from "../results.ts";

export const summary = "build an image from image.ts";

interface Options extends CommonOptions, BuildSettingOptions, PlatformFlags, RegistryFlags {
  readonly output?: string;
  readonly frozen: boolean;
  readonly compression?: Compression;
}

export function configure(command: Command, host: Host): void {
  command
    .argument("[image]", "an image file, a directory with an image.ts, or a program", ".")
    .option(
      "-o, --output <target>",
      "oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, docker://HOST/NAME:TAG, or - for a docker archive on stdout (default: oci:NAME.oci)",
    );
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addCompressionOption(command);
  addBuildSettings(command);
  addExamples(
    command,
    ["tare build", "build ./image.ts into ./NAME.oci"],
    ["tare build ./server", "build an image of a program with what it needs, without image.ts"],
    ["tare build -o docker-archive:app.tar", "build for docker load"],
    ["tare build --platform linux/arm64", "build for another architecture"],
    ["tare build -o - | podman load", "build straight into podman"],
  );
  command.action(async (path: string, options: Options) => {
    const builds = { built: [] as string[], substituted: [] as string[] };
    const context = {
      ...host.context(options),
      builds: {
        ...readBuildSettings(options),
        onRealised: (output: string, how: keyof typeof builds) => builds[how].push(output),
      },
    };
    // Which build ended first depends on the machine.
    const realised = () => ({ built: builds.built.sort(), substituted: builds.substituted.sort() });
    const evaluated = await evaluate(path, { platform: options.platform });
    const adjust = (one: ImageSpec) => withCompression(one, options.compression);
    const spec = adjust(evaluated.spec);
    const output = options.output ?? spec.output ?? `oci:${spec.name.split("/").at(-1)}.oci`;
    const settings = {
      frozen: options.frozen,
      createdSeconds: createdFromEnvironment(),
      output,
      registry: registryAccess(options),
    };
    if (evaluated.specs.length > 1 && options.platform === undefined) {
      const all = { ...evaluated, specs: evaluated.specs.map(adjust) };
      const index = await buildAndDeliverIndex(all, settings, context);
      host.print(options, { ...describeIndexBuild(index), builds: realised() }, formatIndexBuild(index));
      return;
    }
    const built = await buildAndDeliver({ ...evaluated, spec }, settings, context);
    // The archive itself is on stdout then; what is said goes to stderr.
    if (output === "-") {
      host.endProgress();
      context.progress.note(formatBuild(built));
    } else {
      const left =
        options.json === true ? describeLeftOut(await planOf(built, { ...evaluated, spec }, context)) : {};
      host.print(options, { ...describeBuild(built), builds: realised(), ...left }, formatBuild(built));
    }
  });
}

/** The plan of a build; one that had nothing to do planned nothing, and its inputs are all in the cache. */
async function planOf(built: Built, evaluated: Evaluated, context: Context): Promise<ImagePlan> {
  if (built.plan !== undefined) return built.plan;
  const [{ resolveLock }, { planImage }] = await Promise.all([
    import("../../pipeline/lock.ts"),
    import("../../pipeline/plan.ts"),
  ]);
  const { lock } = await resolveLock(evaluated, "frozen", context);
  return planImage(evaluated.spec, lock, context);
}
