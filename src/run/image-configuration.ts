// The OCI image configuration (image-spec, config.md) → what the program shall be: the part that running needs, checked.

import { RunError } from "./errors.ts";
import type { RunOptions } from "./options.ts";

/** What an image says of how to run it. */
export interface ImageConfiguration {
  /** As GOARCH names it; empty when the image does not say. */
  readonly architecture: string;
  readonly environment: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Empty for root. */
  readonly user: string;
  /** Absolute. */
  readonly workingDirectory: string;
  readonly volumes: readonly string[];
  readonly stopSignal: NodeJS.Signals;
}

/**
 * Parses an image configuration.
 *
 * @throws {RunError} `BAD_IMAGE` when it is no JSON object or a field that is used has the wrong type.
 */
export function parseImageConfiguration(bytes: Uint8Array): ImageConfiguration {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new RunError("BAD_IMAGE", "Cannot run the image: its configuration is no JSON document", { cause });
  }
  const root = toRecord(document, "the configuration");
  const config = toRecord(root["config"] ?? {}, "config");
  return {
    architecture: toText(root["architecture"], "architecture"),
    environment: toTexts(config["Env"], "Env"),
    entrypoint: toTexts(config["Entrypoint"], "Entrypoint"),
    command: toTexts(config["Cmd"], "Cmd"),
    user: toText(config["User"], "User"),
    workingDirectory: toText(config["WorkingDir"], "WorkingDir").replace(/^\/*/, "/"),
    volumes: Object.keys(toRecord(config["Volumes"] ?? {}, "Volumes")),
    stopSignal: toSignal(toText(config["StopSignal"], "StopSignal")),
  };
}

function bad(field: string, wanted: string): never {
  throw new RunError("BAD_IMAGE", `Cannot run the image: ${field} in its configuration is not ${wanted}`);
}

function toRecord(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) bad(field, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function toText(value: unknown, field: string): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" && !value.includes("\0") ? value : bad(field, "a text without NUL");
}

function toTexts(value: unknown, field: string): readonly string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map((item) => toText(item, field)) : bad(field, "a list of texts");
}

const STOP_SIGNALS: Readonly<Record<string, NodeJS.Signals>> = {
  "1": "SIGHUP",
  "2": "SIGINT",
  "3": "SIGQUIT",
  "9": "SIGKILL",
  "10": "SIGUSR1",
  "12": "SIGUSR2",
  "15": "SIGTERM",
  "28": "SIGWINCH",
};

function toSignal(text: string): NodeJS.Signals {
  if (text === "") return "SIGTERM";
  const named = `SIG${text.replace(/^SIG/i, "")}`.toUpperCase();
  const signal = STOP_SIGNALS[text] ?? Object.values(STOP_SIGNALS).find((known) => known === named);
  return signal ?? "SIGTERM";
}

/** The program to start. */
export interface Program {
  /** At least one text. */
  readonly argv: readonly string[];
  /** Without HOME and HOSTNAME, unless the image or the user sets them. */
  readonly environment: ReadonlyMap<string, string>;
  /** User or uid, optionally `:group`; empty for root. */
  readonly user: string;
  /** Absolute. */
  readonly workingDirectory: string;
}

/** What docker gives to programs of images that set no PATH. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Joins what the image says and what the user asks, as docker does: a command takes the place of Cmd, an entrypoint
 * that of Entrypoint and Cmd.
 *
 * @throws {RunError} `NO_COMMAND` or `BAD_OPTION`.
 */
export function planProgram(image: ImageConfiguration, options: RunOptions): Program {
  const command = options.command ?? (options.entrypoint === undefined ? image.command : []);
  const argv = [...(options.entrypoint ?? image.entrypoint), ...command];
  if (argv[0] === undefined || argv[0] === "") {
    throw new RunError(
      "NO_COMMAND",
      "Cannot run the image: it has no Entrypoint and no Cmd, and no command was given",
      {
        hint: "Say what to start: tare run … -- PROGRAM ARGUMENTS",
      },
    );
  }
  const workingDirectory = options.workdir ?? image.workingDirectory;
  if (!workingDirectory.startsWith("/")) refuse("working directory", workingDirectory, "an absolute path");
  for (const text of [...argv, workingDirectory])
    if (text.includes("\0")) refuse("text", text, "a text without NUL");
  return {
    argv,
    environment: joinEnvironment(image.environment, options.env ?? {}),
    user: options.user ?? image.user,
    workingDirectory,
  };
}

function refuse(what: string, value: string, wanted: string): never {
  throw new RunError(
    "BAD_OPTION",
    `Cannot run the image: the ${what} is ${JSON.stringify(value)}, ${wanted} was wanted`,
  );
}

function joinEnvironment(
  pairs: readonly string[],
  overrides: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const environment = new Map([["PATH", DEFAULT_PATH]]);
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals > 0) environment.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  for (const [name, value] of Object.entries(overrides)) {
    if (name === "" || /[=\0]/.test(name)) refuse("name of a variable", name, "a name without = and NUL");
    if (value.includes("\0")) refuse(`value of ${name}`, value, "a text without NUL");
    environment.set(name, value);
  }
  return environment;
}
