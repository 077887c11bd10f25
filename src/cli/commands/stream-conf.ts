// tare stream-conf: the image of a dockerTools stream script, streamed or pushed, to the byte as the script would.

import { Argument, type Command, Option } from "commander";
import { loadConf, pushConf, streamConf } from "../../pipeline/stream.ts";
import { ENGINES, type EngineName } from "../../run/engines.ts";
import type { CommonOptions, Host } from "../host.ts";
import { addCompressionOption, addExamples, type Compression } from "../options.ts";
import { addRegistryOptions, formatMoved, type RegistryFlags, registryAccess } from "../registry-options.ts";
import { describeImage } from "../results.ts";
import { count, formatBytes } from "../text.ts";

export const summary = "stream, push or load the image of a nixpkgs dockerTools script";

interface Options extends CommonOptions, RegistryFlags {
  readonly output: string;
  readonly storeRoot: string;
  readonly repoTag?: string;
  readonly engine?: EngineName;
  readonly compression?: Compression;
}

export function configure(command: Command, host: Host): void {
  command
    .usage("[options] <conf> [push <reference> | load]")
    .argument(
      "<conf>",
      "the conf.json that the script of streamLayeredImage reads; its last line has the path",
    )
    .addArgument(
      new Argument("[action]", "into a registry or an engine, instead of streaming").choices([
        "push",
        "load",
      ]),
    )
    .argument("[reference]", "where to push: HOST/NAME:TAG")
    .option("-o, --output <output>", "- for stdout, docker-archive:FILE, oci:DIR, oci-archive:FILE", "-")
    .option("-t, --repo-tag <name:tag>", "the image's name, instead of what the configuration says")
    .option("--store-root <directory>", "where the store is, for a chroot store", "/");
  command.addOption(
    new Option(
      "--engine <name>",
      "what loads: podman or docker (default: the first that is installed)",
    ).choices(ENGINES),
  );
  addRegistryOptions(command);
  addCompressionOption(command);
  addExamples(
    command,
    ["tare stream-conf conf.json | docker load", "load it as ./result | docker load does"],
    ["tare stream-conf conf.json load", "load it; the engine gets only the layers that it lacks"],
    ["tare stream-conf conf.json -o oci:app.oci", "write a compressed layout"],
    ["tare stream-conf conf.json push localhost:5000/app:1", "push it; only what the registry lacks is sent"],
  );
  command.action(
    async (conf: string, action: string | undefined, reference: string | undefined, options: Options) => {
      if (action === undefined) return stream(conf, options, host);
      if (action === "load") return load(conf, options, host);
      if (reference === undefined) command.error("error: missing the reference to push to: HOST/NAME:TAG");
      return push(conf, reference, options, host);
    },
  );
}

function streamOptions({ storeRoot, repoTag, compression }: Options) {
  return {
    storeRoot,
    repoTag,
    compression: { compression: compression?.name ?? "zstd", level: compression?.level },
  } as const;
}

async function stream(conf: string, options: Options, host: Host): Promise<void> {
  const context = host.context(options);
  const { delivered, ...image } = await streamConf(conf, options.output, streamOptions(options), context);
  const { output, bytesWritten, unchanged } = delivered;
  const text = [
    `${image.repoTag}${unchanged ? " (unchanged)" : ""}`,
    `  ${count(image.layers, "layer")}, ${formatBytes(bytesWritten)} written`,
    `  ${image.imageId}`,
    `  ${output}`,
  ].join("\n");
  // The archive itself is on stdout then; what is said goes to stderr.
  if (output === "-") {
    host.endProgress();
    context.progress.note(text);
  } else host.print(options, { ...image, output, bytesWritten, unchanged }, text);
}

async function push(conf: string, reference: string, options: Options, host: Host): Promise<void> {
  const { image, pushed } = await pushConf(
    conf,
    reference,
    { ...streamOptions(options), registry: registryAccess(options) },
    host.context(options),
  );
  const { bytesSent, bytesReused, unchanged } = pushed;
  host.print(
    options,
    { ...describeImage(image), ...pushed },
    [
      `${pushed.reference}${unchanged ? " (unchanged)" : ""}`,
      `  ${count(image.layers.length, "layer")}: ${formatMoved(bytesSent, bytesReused, "sent")}`,
      `  ${pushed.digest}`,
    ].join("\n"),
  );
}

async function load(conf: string, options: Options, host: Host): Promise<void> {
  const { image, loaded } = await loadConf(
    conf,
    options.engine,
    streamOptions(options),
    host.context(options),
  );
  host.print(
    options,
    { ...describeImage(image), ...loaded },
    [
      `${image.name}:${image.tag} in ${loaded.engine}`,
      `  ${count(image.layers.length, "layer")}, ${formatBytes(loaded.bytesMoved)} moved`,
      `  ${image.imageId}`,
    ].join("\n"),
  );
}
