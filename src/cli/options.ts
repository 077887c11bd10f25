// Options that several commands share, and how their values are read.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { BuildSettings } from "../model/context.ts";
import {
  COMPRESSION_LEVELS,
  type CompressionName,
  describeLevels,
  type ImageSpec,
} from "../model/image-spec.ts";
import { isSet } from "./host.ts";

export function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option("--json", "print the result as JSON on stdout").helpGroup("Common options:"))
    .addOption(new Option("-q, --quiet", "print no progress").helpGroup("Common options:"))
    .addOption(new Option("--offline", "never use the network").helpGroup("Common options:"))
    .addOption(
      new Option("-j, --jobs <number>", "how much to do at once; no output depends on it")
        .argParser(parseCount)
        .helpGroup("Common options:"),
    );
}

export function addFrozenOption(command: Command): Command {
  return command
    .option(
      "--frozen",
      "fail when tare.lock does not cover image.ts (default when CI is set)",
      isSet(process.env["CI"]),
    )
    .option("--no-frozen", "make or complete tare.lock when needed");
}

export function addCompressionOption(command: Command): Command {
  return command.addOption(
    new Option("--compression <name[:level]>", "zstd, gzip or none, instead of what image.ts says").argParser(
      parseCompression,
    ),
  );
}

/** How derivations are built: with Nix's names. */
export interface BuildSettingOptions {
  readonly check?: boolean;
  readonly cores?: number;
  readonly keepFailed?: boolean;
  readonly maxSilentTime?: number;
  readonly timeout?: number;
  readonly substituters?: readonly string[];
  readonly trustedPublicKeys?: readonly string[];
}

export function addBuildSettings(command: Command): Command {
  const add = (flags: string, text: string, parse?: (value: string) => unknown) => {
    const option = new Option(flags, text).helpGroup("Builds of derivations:");
    command.addOption(parse === undefined ? option : option.argParser(parse));
  };
  add("--check", "build again what the image is built from, and fail when anything differs");
  add("--cores <number>", "CPUs that each build is told of (default: all)", parseCount);
  add(
    "-K, --keep-failed",
    "keep the directory of a failed build, and the output that --check found to differ",
  );
  add("--max-silent-time <seconds>", "end a build that says nothing for so long", parseSeconds);
  add(
    "--substituters <urls>",
    "binary caches that outputs are looked for in, with commas between (default: $TARE_SUBSTITUTERS)",
    parseUrls,
  );
  add("--timeout <seconds>", "end a build that takes so long", parseSeconds);
  add(
    "--trusted-public-keys <keys>",
    "whose signatures count, with commas between (beside $TARE_TRUSTED_PUBLIC_KEYS)",
    parseKeys,
  );
  return command;
}

export function readBuildSettings(options: BuildSettingOptions): BuildSettings {
  const { check, cores, keepFailed, maxSilentTime, timeout, substituters, trustedPublicKeys } = options;
  return {
    ...(check !== undefined && { check }),
    ...(cores !== undefined && { cores }),
    ...(keepFailed !== undefined && { keepFailed }),
    ...(maxSilentTime !== undefined && { maxSilentTime }),
    ...(timeout !== undefined && { timeout }),
    ...(substituters !== undefined && { substituters }),
    ...(trustedPublicKeys !== undefined && { trustedPublicKeys }),
  };
}

function parseUrls(text: string): string[] {
  const urls = parseList(text);
  if (urls.every((url) => /^(?:https?|file):\/\/./.test(url))) return urls;
  throw new InvalidArgumentError("https:, http: or file: URLs were expected, such as file:///srv/cache.");
}

function parseKeys(text: string): string[] {
  const keys = parseList(text);
  if (keys.every((key) => /^[^:]+:[A-Za-z0-9+/]{43}=?$/.test(key))) return keys;
  throw new InvalidArgumentError("Public keys as tare store generate-key prints them were expected.");
}

function parseList(text: string): string[] {
  return text.split(/[,\s]+/).filter((item) => item !== "");
}

function parseSeconds(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 2 ** 31 / 1000) {
    throw new InvalidArgumentError("A whole number of seconds, 1 or more, was expected.");
  }
  return number;
}

export interface Compression {
  readonly name: CompressionName;
  readonly level: number | undefined;
}

function parseCompression(text: string): Compression {
  const match = /^(zstd|gzip|none)(?::(\d{1,2}))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("zstd, gzip or none was expected, such as zstd:19.");
  const name = match[1] as CompressionName;
  const level = match[2] === undefined ? undefined : Number(match[2]);
  if (level !== undefined && !COMPRESSION_LEVELS[name].includes(level)) {
    throw new InvalidArgumentError(`The levels of ${name} are ${describeLevels(name)}.`);
  }
  return { name, level };
}

/** A specification with the compression that the command line asks for. */
export function withCompression(spec: ImageSpec, compression: Compression | undefined): ImageSpec {
  if (compression === undefined) return spec;
  return { ...spec, compression: compression.name, compressionLevel: compression.level };
}

export function parseCount(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 1024) {
    throw new InvalidArgumentError("A whole number from 1 to 1024 was expected.");
  }
  return number;
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** Adds examples below a command's help. */
export function addExamples(
  command: Command,
  ...examples: readonly (readonly [line: string, meaning: string])[]
): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  return command.addHelpText(
    "after",
    `\nExamples:\n${examples.map(([line, meaning]) => `  $ ${line.padEnd(width)}  ${meaning}`).join("\n")}`,
  );
}
