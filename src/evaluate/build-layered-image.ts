// `buildLayeredImage`: options as a user writes them in, an ImageSpec as plain data out.

import { compareStrings } from "../model/bytes.ts";
import { defaultArchive } from "../model/default-archive.ts";
import {
  type Architecture,
  type ArchiveReference,
  COMPRESSION_LEVELS,
  type CompressionName,
  type ImageConfig,
  type ImageSpec,
  type LocalFile,
  type NormalizedImageConfig,
  type Request,
} from "../model/image-spec.ts";
import {
  ARCHIVE,
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
import { impliedProgram } from "./implied-program.ts";

/** A package of an archive, or a file of this machine. */
export type ImageContent = Request | LocalFile;

/** What an image holds and how it runs. */
export interface LayeredImageOptions {
  /**
   * The image's name, with a registry and path if you like: `redis`, `registry.example.com/team/redis`.
   * Lower-case letters, digits, and `.`, `_`, `-`, `/` between them.
   */
  readonly name: string;
  /** The image's tag. Default: `latest`. */
  readonly tag?: string;
  /**
   * What the image is made for: the packages whose programs you want, and files of your own. What they need comes by
   * itself. Without any package, the package that ships the program of `Entrypoint` (or `Cmd`) is looked for in
   * `archive`: `config: { Entrypoint: ["/usr/bin/redis-server"] }` is enough.
   */
  readonly contents?: ImageContent | readonly ImageContent[];
  /**
   * Where what is not asked for by package is looked for: the program of `Entrypoint`, the libraries of files. Default:
   * the archive of the first package in `contents`, else `debian("bookworm")`.
   */
  readonly archive?: ArchiveReference;
  /** How the image runs: `Cmd`, `Entrypoint`, `Env`, `User`… with the names of the OCI image specification. */
  readonly config?: ImageConfig;
  /**
   * When the image says it was made: an ISO 8601 date with a time zone, or seconds since the epoch.
   * Default: `SOURCE_DATE_EPOCH` from the environment, else one second after the epoch. Never the clock: two
   * builds of the same image must be the same bytes.
   */
  readonly created?: string | number;
  /**
   * How it is decided which files stay. Default: `inferred`, from what the files of the contents name, each with its
   * evidence. `declared` keeps whatever packages declare to need.
   */
  readonly closure?: "inferred" | "declared";
  /** Patterns of packages (`perl-*`) or paths (`/usr/share/perl5/**`) that stay in any case; each must have an effect. */
  readonly keep?: readonly string[];
  /** Patterns of packages or paths that go in any case; each must have an effect. */
  readonly drop?: readonly string[];
  /** Patterns of packages or paths that must not be in the image: the build fails with what brought them in. */
  readonly forbid?: readonly string[];
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

const CONTENTS: Rule = {
  expected: 'an array of packages and files such as [packages.bash, file("./server", "/usr/bin/server")]',
  accepts: (value) =>
    (Array.isArray(value) ? value : [value]).every((item) => isRequest(item) || isLocalFile(item)),
};

const COMPRESSION_NAMES = ["zstd", "gzip", "none"] as const;

const OPTIONS: Readonly<Record<keyof LayeredImageOptions, Rule>> = {
  name: TEXT,
  tag: TEXT,
  contents: CONTENTS,
  archive: ARCHIVE,
  config: { expected: "an object", accepts: (value) => typeof value === "object" && value !== null },
  created: {
    expected: "a date such as 2026-01-31T12:00:00Z, or whole seconds since the epoch",
    accepts: (value) => parseCreated(value) !== undefined,
  },
  closure: oneOf("inferred", "declared"),
  keep: TEXTS,
  drop: TEXTS,
  forbid: TEXTS,
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
  const contents = [options.contents ?? []].flat() as ImageContent[];
  const packages = contents.filter(isRequest);
  const files = contents.filter(isLocalFile);
  const named = options.archive ?? packages[0] ?? files.find((file) => file.archive !== undefined)?.archive;
  const architecture =
    options.architecture ??
    packages[0]?.scope.architecture ??
    named?.scope.architecture ??
    machineArchitecture();
  const archive = toArchiveReference(named ?? defaultArchive(architecture));
  checkArchitectures(architecture, packages, files, archive);
  const normalized = normalizeConfig(config);
  const program = packages.length === 0 ? impliedProgram(normalized, files) : undefined;
  const { name: compression, level } =
    typeof options.compression === "object" ? options.compression : { name: options.compression ?? "zstd" };
  const [least, most] = COMPRESSION_LEVELS[compression];
  if (level !== undefined && !(Number.isInteger(level) && level >= least && level <= most)) {
    throw badOption("compression.level", level, `a whole number from ${least} to ${most} for ${compression}`);
  }
  return {
    kind: "image",
    name,
    tag,
    architecture,
    contents: [
      ...packages.map((request) => ({ ...toArchiveReference(request), name: request.name })),
      ...(program === undefined ? [] : [{ ...archive, name: program }]),
    ],
    files: files.map(({ kind, path, target, mode, archive: own }) => ({
      kind,
      path,
      target,
      mode,
      archive: own && toArchiveReference(own),
    })),
    archive,
    config: normalized,
    closure: options.closure ?? "inferred",
    keep: [...(options.keep ?? [])],
    drop: [...(options.drop ?? [])],
    forbid: [...(options.forbid ?? [])],
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

function isLocalFile(value: unknown): value is LocalFile {
  if (typeof value !== "object" || value === null) return false;
  const { kind, path, target } = value as Partial<LocalFile>;
  return kind === "file" && typeof path === "string" && typeof target === "string";
}

/** What of an archive, or of something asked of it, is data. */
function toArchiveReference({ source, scope, mirrors }: ArchiveReference): ArchiveReference {
  return { source, scope, mirrors };
}

/** All that is in an image is for one architecture. */
function checkArchitectures(
  architecture: Architecture,
  packages: readonly Request[],
  files: readonly LocalFile[],
  archive: ArchiveReference,
): void {
  const parts = [
    ...packages.map(({ name, scope }) => ({ what: name, scope })),
    ...files.flatMap(({ target, archive: own }) =>
      own === undefined ? [] : [{ what: `what ${target} needs`, scope: own.scope }],
    ),
    { what: "packages of the archive", scope: archive.scope },
  ];
  for (const { what, scope } of parts) {
    if (scope.architecture === architecture) continue;
    throw new OptionError(
      "BAD_OPTION",
      `Cannot put ${what} for ${scope.architecture} into an image for ${architecture}`,
      { hint: `Ask for ${architecture} packages: debian(suite, { architecture: "${architecture}" })` },
    );
  }
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
  return Object.fromEntries([...entries].sort(([a], [b]) => compareStrings(a, b)));
}
