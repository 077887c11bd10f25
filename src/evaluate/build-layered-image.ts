// `buildLayeredImage`: options as a user writes them in, an ImageSpec as plain data out.

import type {
  Architecture,
  CompressionName,
  ImageConfig,
  ImageSpec,
  NormalizedImageConfig,
  Request,
} from "../model/image-spec.ts";
import {
  checkOptions,
  ENVIRONMENT,
  NAME_SET,
  OptionError,
  oneOf,
  type Rule,
  show,
  TEXT,
  TEXT_RECORD,
  TEXTS,
  wholeNumber,
} from "../model/options.ts";
import { machineArchitecture } from "../platform/machine.ts";

/** What an image holds and how it runs. */
export interface LayeredImageOptions {
  /**
   * The image's name, with a registry and path if you like: `redis`, `registry.example.com/team/redis`.
   * Lower-case letters, digits, and `.`, `_`, `-`, `/` between them.
   */
  readonly name: string;
  /** The image's tag. Default: `latest`. */
  readonly tag?: string;
  /** What the image is made for: the packages whose programs you want. What they need comes by itself. */
  readonly contents?: Request | readonly Request[];
  /** How the image runs: `Cmd`, `Entrypoint`, `Env`, `User`… with the names of the OCI image specification. */
  readonly config?: ImageConfig;
  /**
   * When the image says it was made: an ISO 8601 date with a time zone, or seconds since the epoch.
   * Default: `SOURCE_DATE_EPOCH` from the environment, else one second after the epoch. Never the clock: two
   * builds of the same image must be the same bytes.
   */
  readonly created?: string | number;
  /** The most layers the image may have, 2 to 127. Default: 100. */
  readonly maxLayers?: number;
  /** CPU architecture. Default: that of the contents, else that of this machine. */
  readonly architecture?: Architecture;
  /**
   * How layers are compressed. Default: `zstd`. `gzip` is for engines older than 2021, `none` for images that never
   * leave this machine. A level can be given: `{ name: "zstd", level: 19 }`.
   */
  readonly compression?: CompressionName | { readonly name: CompressionName; readonly level?: number };
}

const REQUESTS: Rule = {
  expected: "a package, or an array of packages such as [packages.bash]",
  accepts: (value) => (Array.isArray(value) ? value : [value]).every(isRequest),
};

const COMPRESSION_NAMES = ["zstd", "gzip", "none"] as const;

const OPTIONS: Readonly<Record<keyof LayeredImageOptions, Rule>> = {
  name: TEXT,
  tag: TEXT,
  contents: REQUESTS,
  config: { expected: "an object", accepts: (value) => typeof value === "object" && value !== null },
  created: {
    expected: "a date such as 2026-01-31T12:00:00Z, or whole seconds since the epoch",
    accepts: (value) => parseCreated(value) !== undefined,
  },
  maxLayers: wholeNumber(2, 127),
  architecture: oneOf("amd64", "arm64"),
  compression: {
    expected: '"zstd", "gzip", "none", or { name, level }',
    accepts: (value) =>
      typeof value === "object" && value !== null
        ? COMPRESSION_NAMES.includes((value as { name: CompressionName }).name)
        : COMPRESSION_NAMES.includes(value as CompressionName),
  },
};

const CONFIG: Readonly<Record<keyof ImageConfig, Rule>> = {
  User: TEXT,
  ExposedPorts: NAME_SET,
  Env: ENVIRONMENT,
  Entrypoint: TEXTS,
  Cmd: TEXTS,
  Volumes: NAME_SET,
  WorkingDir: {
    expected: "an absolute path",
    accepts: (value) => TEXT.accepts(value) && String(value).startsWith("/"),
  },
  Labels: TEXT_RECORD,
  StopSignal: TEXT,
};

const LEVELS: Readonly<Record<CompressionName, readonly [least: number, most: number]>> = {
  zstd: [1, 22],
  gzip: [1, 9],
  none: [0, 0],
};

// The grammar of references: components of the distribution specification, an optional host before them.
const NAME =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Describes an image in layers that images can share: `export default buildLayeredImage({ … })`.
 *
 * @example
 * ```ts
 * const { packages } = debian("bookworm");
 * export default buildLayeredImage({
 *   name: "redis",
 *   contents: [packages["redis-server"]],
 *   config: { Cmd: ["redis-server", "--bind", "0.0.0.0"], User: "redis" },
 * });
 * ```
 * @returns Plain data: nothing is fetched or built before `tare build`.
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; the message names the option and what was expected.
 */
export function buildLayeredImage(options: LayeredImageOptions): ImageSpec {
  checkOptions("buildLayeredImage", options, OPTIONS);
  const { name, tag = "latest", config = {}, created, maxLayers = 100 } = options;
  if (name === undefined) throw badOption("name", name, "a string");
  if (!NAME.test(name) || name.length > 255) {
    throw badOption("name", name, "lower-case letters and digits with single . _ - / between them");
  }
  if (!TAG.test(tag))
    throw badOption("tag", tag, "at most 128 letters, digits and . _ - (the first no . or -)");
  checkOptions("buildLayeredImage's config", config, CONFIG);
  const contents = [options.contents ?? []].flat() as Request[];
  const architecture = architectureOf(contents, options.architecture);
  const { name: compression, level } =
    typeof options.compression === "object" ? options.compression : { name: options.compression ?? "zstd" };
  const [least, most] = LEVELS[compression];
  if (level !== undefined && !(Number.isInteger(level) && level >= least && level <= most)) {
    throw badOption("compression.level", level, `a whole number from ${least} to ${most} for ${compression}`);
  }
  return {
    kind: "image",
    name,
    tag,
    architecture,
    contents: contents.map(({ source, scope, name: wanted, mirrors }) => ({
      source,
      scope,
      name: wanted,
      mirrors,
    })),
    config: normalizeConfig(config),
    createdSeconds: created === undefined ? undefined : parseCreated(created),
    maxLayers,
    compression,
    compressionLevel: level,
  };
}

function badOption(option: string, value: unknown, expected: string): OptionError {
  return new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(value)} as buildLayeredImage's "${option}": ${expected} was expected`,
  );
}

function isRequest(value: unknown): value is Request {
  if (typeof value !== "object" || value === null) return false;
  const { source, scope, name } = value as Partial<Request>;
  return typeof source === "string" && typeof scope === "object" && typeof name === "string";
}

/** The architecture that all contents share. */
function architectureOf(contents: readonly Request[], wanted: Architecture | undefined): Architecture {
  const architecture = wanted ?? contents[0]?.scope.architecture ?? machineArchitecture();
  for (const { name, scope } of contents) {
    if (scope.architecture !== architecture) {
      throw new OptionError(
        "BAD_OPTION",
        `Cannot put ${name} for ${scope.architecture} into an image for ${architecture}`,
        { hint: `Ask for ${architecture} packages: debian(suite, { architecture: "${architecture}" })` },
      );
    }
  }
  return architecture;
}

const ISO_8601 = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

function parseCreated(value: unknown): number | undefined {
  const seconds =
    typeof value === "number"
      ? value
      : typeof value === "string" && ISO_8601.test(value)
        ? Math.floor(Date.parse(value) / 1000)
        : Number.NaN;
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= LAST_SECOND ? seconds : undefined;
}

function normalizeConfig(config: ImageConfig): NormalizedImageConfig {
  const { Env, ExposedPorts, Volumes, Labels, ...rest } = config;
  const given = {
    ...rest,
    Env: Array.isArray(Env)
      ? [...Env]
      : Env && Object.entries(Env).map(([name, value]) => `${name}=${value}`),
    ExposedPorts: toNameSet(ExposedPorts),
    Volumes: toNameSet(Volumes),
    Labels: Labels && sortedRecord(Object.entries(Labels)),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function toNameSet(set: ImageConfig["Volumes"]): Record<string, object> | undefined {
  if (set === undefined) return undefined;
  const names: string[] = Array.isArray(set) ? set : Object.keys(set);
  return sortedRecord(names.map((name) => [name, {}]));
}

function sortedRecord<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
