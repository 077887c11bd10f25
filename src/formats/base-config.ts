// The configuration that an image inherits from its base, and how both become one: as `FROM` of a Dockerfile has it, or
// Env alone, as nixpkgs' dockerTools does.

import type { NormalizedImageConfig } from "../model/image-spec.ts";
import { FormatError } from "./errors.ts";

/** The part of a configuration that describes containers, as the base has it; unknown properties are kept. */
export type InheritedConfig = NormalizedImageConfig & Readonly<Record<string, unknown>>;

/** A history entry of a base, as it is. */
export type HistoryEntry = Readonly<Record<string, unknown>>;

/**
 * Reads `config` of an image configuration.
 *
 * @param name How messages call the image.
 * @throws {FormatError} `BAD_OCI_DOCUMENT` when it is no JSON, or a property has another type than the specification says.
 */
export function parseBaseConfig(bytes: Uint8Array, name: string): InheritedConfig {
  const config = (readDocument(bytes, name)["config"] ?? {}) as Record<string, unknown>;
  const isTexts = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === "string");
  const isMap = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isText = (value: unknown) => typeof value === "string";
  const rules: Readonly<Record<string, (value: unknown) => boolean>> = {
    User: isText,
    ExposedPorts: isMap,
    Env: isTexts,
    Entrypoint: isTexts,
    Cmd: isTexts,
    Volumes: isMap,
    WorkingDir: isText,
    Labels: isMap,
    StopSignal: isText,
  };
  const kept = Object.entries(config).filter(([, value]) => value !== null && value !== undefined);
  for (const [key, value] of kept) {
    if (rules[key]?.(value) === false)
      throw new FormatError("BAD_OCI_DOCUMENT", name, `its config has a wrong ${key}`);
  }
  return Object.fromEntries(kept.filter(([key]) => !NOT_INHERITED.has(key)));
}

/** The history of an image, as it is. */
export function parseBaseHistory(bytes: Uint8Array, name: string): readonly HistoryEntry[] {
  const history = readDocument(bytes, name)["history"] ?? [];
  return Array.isArray(history) ? (history as HistoryEntry[]) : [];
}

function readDocument(bytes: Uint8Array, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new FormatError("BAD_OCI_DOCUMENT", name, "its configuration is no JSON object");
}

/** What docker writes of the container that a build ran in, and does not hand on. */
const NOT_INHERITED = new Set([
  "Hostname",
  "Domainname",
  "AttachStdin",
  "AttachStdout",
  "AttachStderr",
  "Tty",
  "OpenStdin",
  "StdinOnce",
  "Image",
  "OnBuild",
  "ArgsEscaped",
  "MacAddress",
]);

/**
 * Merges configurations. `all`: as a Dockerfile does after `FROM`: Env by name, maps by key, all else as the image says
 * or else as the base does; an Entrypoint of its own takes the base's Cmd away. `env`: of the base only Env.
 */
export function mergeConfigs(
  base: InheritedConfig,
  own: NormalizedImageConfig,
  inherit: "all" | "env",
): NormalizedImageConfig {
  const env = mergeEnv(base.Env ?? [], own.Env ?? []);
  const withEnv = env.length === 0 ? {} : { Env: env };
  if (inherit === "env") return { ...own, ...withEnv };
  const { Cmd, ...rest } = base;
  const maps = (["ExposedPorts", "Volumes", "Labels"] as const).flatMap((key) =>
    base[key] === undefined && own[key] === undefined ? [] : [[key, { ...base[key], ...own[key] }] as const],
  );
  return {
    ...rest,
    ...(Cmd !== undefined && own.Entrypoint === undefined && { Cmd }),
    ...own,
    ...withEnv,
    ...Object.fromEntries(maps),
  };
}

/** One entry for each variable: where the first was, with the last value. */
function mergeEnv(base: readonly string[], own: readonly string[]): string[] {
  if (base.length === 0) return [...own];
  const merged = new Map<string, string>();
  for (const entry of [...base, ...own]) merged.set(entry.replace(/=.*$/s, ""), entry);
  return [...merged.values()];
}
