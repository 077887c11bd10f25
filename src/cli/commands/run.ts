// tare run: starts an image that image.ts describes, or that lies somewhere, and gives its program's exit status.

import { type Command, InvalidArgumentError, Option } from "commander";
import { runTarget } from "../../pipeline/targets.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addExamples, addFrozenOption, collect } from "../options.ts";
import {
  addPlatformOption,
  addRegistryOptions,
  type PlatformFlags,
  type RegistryFlags,
  registryAccess,
} from "../registry-options.ts";
import { createdFromEnvironment } from "../results.ts";

export const summary = "start an image";

interface Options extends CommonOptions, PlatformFlags, RegistryFlags {
  readonly frozen: boolean;
  readonly runtime: "auto" | "podman" | "docker" | "namespaces";
  readonly env?: readonly string[];
  readonly volume?: readonly Mount[];
  readonly publish?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly entrypoint?: string;
  readonly network?: "host" | "none";
  readonly hostname?: string;
  readonly readOnly?: boolean;
  readonly tty?: boolean;
}

interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export function configure(command: Command, host: Host): void {
  command
    .argument(
      "[image]",
      "an image file, a directory with an image.ts, a program, oci:DIR, oci-archive:FILE or docker-archive:FILE (default: .)",
    )
    .argument("[command...]", "what to run in it instead of its Cmd, after --")
    .option("-e, --env <name=value>", "set a variable (NAME alone passes it on)", collect)
    .option("-v, --volume <source:target[:ro]>", "mount a file or directory of this machine", collectMount)
    .option("-p, --publish <host:container>", "publish a port", collect)
    .option("-u, --user <user[:group]>", "run as this user of the image")
    .option("-w, --workdir <directory>", "start in this directory")
    .option("--entrypoint <program>", "run this instead of the image's entrypoint")
    .option("--hostname <name>", "what the container calls itself")
    .option("--read-only", "mount the image read-only")
    .option("-t, --tty", "give the program a terminal")
    .addOption(new Option("--network <mode>", "the network that the program sees").choices(["host", "none"]))
    .addOption(
      new Option("--runtime <name>", "what starts it: podman, docker, or Linux namespaces without either")
        .choices(["auto", "podman", "docker", "namespaces"])
        .default("auto"),
    );
  addPlatformOption(command);
  addRegistryOptions(command);
  addFrozenOption(command);
  addExamples(
    command,
    ["tare run", "build ./image.ts and start it"],
    ["tare run . -- redis-server --version", "run another command in it"],
    ["tare run ./server -- --port 80", "start a program with what it needs, and nothing else"],
    ["tare run oci:redis.oci -p 6379:6379", "start an image that was built before"],
  );
  command.action(async (image: string | undefined, rest: readonly string[], options: Options) => {
    const { target, words } = splitOperands([...(image === undefined ? [] : [image]), ...rest], host.args);
    const context = host.context(options);
    const { exitCode, runtime } = await runTarget(
      target,
      {
        frozen: options.frozen,
        createdSeconds: createdFromEnvironment(),
        platform: options.platform,
        registry: registryAccess(options),
        beforeStart: () => host.endProgress(),
        run: {
          runtime: options.runtime,
          command: words.length > 0 ? words : undefined,
          entrypoint: options.entrypoint === undefined ? undefined : [options.entrypoint],
          env: parseEnvironment(options.env ?? []),
          mounts: options.volume ?? [],
          publish: options.publish ?? [],
          user: options.user,
          workdir: options.workdir,
          network: options.network,
          hostname: options.hostname,
          readOnly: options.readOnly,
          tty: options.tty,
        },
      },
      context,
    );
    if (options.json) process.stderr.write(`${JSON.stringify({ exitCode, runtime })}\n`);
    process.exitCode = exitCode;
  });
}

/** Tells the image from the command: what is behind `--` is always the command. */
function splitOperands(
  operands: readonly string[],
  args: readonly string[],
): { readonly target: string; readonly words: readonly string[] } {
  const dashes = args.indexOf("--");
  const behind = dashes < 0 ? Math.max(0, operands.length - 1) : args.length - dashes - 1;
  const before = operands.slice(0, operands.length - behind);
  return {
    target: before[0] ?? ".",
    words: [...before.slice(1), ...operands.slice(operands.length - behind)],
  };
}

function parseEnvironment(items: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    items.flatMap((item) => {
      const equals = item.indexOf("=");
      if (equals > 0) return [[item.slice(0, equals), item.slice(equals + 1)]];
      const value = process.env[item];
      return value === undefined ? [] : [[item, value]];
    }),
  );
}

function collectMount(text: string, previous: readonly Mount[] = []): readonly Mount[] {
  const match = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError("SOURCE:TARGET or SOURCE:TARGET:ro was expected, TARGET absolute.");
  return [...previous, { source: match[1]!, target: match[2]!, readOnly: match[3] === "ro" }];
}
