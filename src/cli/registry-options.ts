// Options of the commands that speak with registries, and how what they moved is told.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { RegistryAccess } from "../pipeline.ts";
import { looksLikeRegistryReference, REGISTRY_TRANSPORT } from "../platform/registry/reference.ts";
import { formatBytes } from "./text.ts";

export interface RegistryFlags {
  readonly insecure?: boolean;
  readonly ca?: string;
}

export function addRegistryOptions(command: Command): Command {
  return command
    .option("--insecure", "allow plain HTTP, and certificates that nobody vouches for")
    .option("--ca <file>", "trust the certificates in this PEM file, too");
}

export function registryAccess({ insecure, ca }: RegistryFlags): RegistryAccess {
  return { insecure, caFile: ca };
}

export interface PlatformFlags {
  readonly platform?: { readonly architecture: string; readonly variant?: string | undefined };
}

export function addPlatformOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--platform <os/architecture[/variant]>",
      "the image to take of several, such as linux/arm64 (default: that for this machine)",
    ).argParser(parsePlatform),
  );
}

function parsePlatform(text: string): NonNullable<PlatformFlags["platform"]> {
  const match = /^(?:linux\/)?([a-z0-9]+)(?:\/(v\d+))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("linux/ARCHITECTURE was expected, such as linux/arm64.");
  return { architecture: match[1]!, variant: match[2] };
}

/** A place that may be written without its transport: `localhost:5000/app`. */
export function withTransport(text: string): string {
  return looksLikeRegistryReference(text) ? `${REGISTRY_TRANSPORT}${text}` : text;
}

/** What was moved, and what was not: `1.2 MB sent, 40 MB there already`. */
export function formatMoved(moved: number, reused: number, verb: string): string {
  const parts = [`${formatBytes(moved)} ${verb}`];
  if (reused > 0) parts.push(`${formatBytes(reused)} there already`);
  return parts.join(", ");
}
