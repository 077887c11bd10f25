// `buildLayeredImage`: options as a user writes them in, an ImageSpec as plain data out.

import { compareStrings } from "../model/bytes.ts";
import { defaultArchive } from "../model/default-archive.ts";
import type { OutputReference } from "../model/derivation.ts";
import {
  type Architecture,
  type ArchiveReference,
  COMPRESSION_LEVELS,
  type CompressionName,
  describeLevels,
  type ImageConfig,
  type ImageSpec,
  type LocalFile,
  type NormalizedImageConfig,
  type PlacedOutput,
  type Request,
} from "../model/image-spec.ts";
import { type LayeringPipeline, layeringPipelineProblem } from "../model/layering-pipeline.ts";
import { collectGraph, findMentions, textsOf } from "../model/mentions.ts";
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
import { chosenArchitecture, machineArchitecture, targetArchitecture } from "../platform/machine.ts";
import { isBase, type PulledImage, toBaseImage } from "./base-image.ts";
import { flattenLayers, LAYERS, type LayerDescription } from "./build-layer.ts";
import {
  CUSTOMISATION,
  type CustomisationOptions,
  describeCommands,
  describeDeclared,
} from "./customisation.ts";
import { isOutput, isRequest, type Output } from "./derivation.ts";
import { impliedProgram } from "./implied-program.ts";

/** A package of an archive, a file of this machine, something built, or something built at a place of its own. */
export type ImageContent = Request | LocalFile | Output | PlacedOutput;

/** The planners that come with Tare; any file of layers/planners/ can be named. */
export type PlannerName = "bySizeAndChange" | "autoLayer" | "popularity" | "pipeline" | (string & {});

/** What an image holds and how it runs. */
export interface LayeredImageOptions extends CustomisationOptions {
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
  /**
   * `files`: the image holds only what its command line (`Entrypoint` and `Cmd`) reaches, file by file, and files of
   * your own; libraries of languages stay whole. Default: all of the packages in `contents`, and what they reach.
   */
  readonly minimal?: "files";
  /**
   * The image that this one starts from: `"docker-archive:base.tar"`, `"oci:DIR"`, `"docker://HOST/NAME@sha256:…"`, what
   * `pullImage()` gives, or another image. Its layers stay as they are, below; paths are relative to the image file.
   */
  readonly fromImage?: string | ImageSpec | PulledImage;
  /**
   * What of the base's configuration the image has. Default: `all`, as after `FROM` of a Dockerfile; `env` is Env alone,
   * as dockerTools has it.
   */
  readonly inherit?: "all" | "env";
  /** Patterns of packages (`perl-*`) or paths (`/usr/share/perl5/**`) that stay in any case; each must have an effect. */
  readonly keep?: readonly string[];
  /** Patterns of packages or paths that go in any case; each must have an effect. */
  readonly drop?: readonly string[];
  /** Patterns of packages or paths that must not be in the image: the build fails with what brought them in. */
  readonly forbid?: readonly string[];
  /** The most layers the image may have, 2 to 127. Default: 100. */
  readonly maxLayers?: number;
  /** True: the image has a database of its store paths that Nix accepts, at /nix/var/nix/db. Default: false. */
  readonly includeNixDB?: boolean;
  /** False: what the contents and the configuration mention of the store is not in the image. Default: true. */
  readonly includeStorePaths?: boolean;
  /** Owner of the store's files and of those copied to a place. Default: 0. */
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since the epoch, or an ISO 8601 date, that all files bear. Default: one second after the epoch. */
  readonly mtime?: string | number;
  /**
   * What divides the image into layers (docs/layers.md). Default: `bySizeAndChange`, with which updates move few bytes;
   * `autoLayer` and `popularity` are nixpkgs' present and former ways.
   */
  readonly planner?: PlannerName;
  /** Layers whose contents are decided here, with `buildLayer()`; the planner divides what is in none of them. */
  readonly layers?: readonly LayerDescription[];
  /** Divides the image by operations of your own, written as dockerTools' `layeringPipeline`: see docs/layers.md. */
  readonly layeringPipeline?: LayeringPipeline;
  /** CPU architecture. Default: that of the contents, else that of this machine. */
  readonly architecture?: Architecture;
  /**
   * Several CPU architectures: the image is then an index with one image each, and the image file is evaluated for each
   * of them; `debian("bookworm")` without an architecture means that one. Nothing has to be emulated.
   */
  readonly architectures?: readonly Architecture[];
  /**
   * How layers are compressed. Default: `zstd`. `gzip` is for engines older than 2021, `none` for images that never
   * leave this machine. A level can be given: `{ name: "zstd", level: 19 }`.
   */
  readonly compression?: CompressionName | { readonly name: CompressionName; readonly level?: number };
}

const CONTENTS: Rule = {
  expected: 'an array of packages and files such as [packages.bash, file("./server", "/usr/bin/server")]',
  accepts: (value) =>
    (Array.isArray(value) ? value : [value]).every(
      (item) => isRequest(item) || isLocalFile(item) || isOutput(item),
    ),
};

const BOOLEAN: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

const ARCHITECTURES = ["amd64", "arm64"] as const satisfies readonly Architecture[];

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
  minimal: oneOf("files"),
  ...CUSTOMISATION,
  fromImage: {
    expected: "an image reference such as docker-archive:base.tar, a pulled image or an image",
    accepts: isBase,
  },
  inherit: oneOf("all", "env"),
  keep: TEXTS,
  drop: TEXTS,
  forbid: TEXTS,
  maxLayers: wholeNumber(2, 127),
  includeNixDB: BOOLEAN,
  includeStorePaths: BOOLEAN,
  uid: wholeNumber(0, 2 ** 32 - 2),
  gid: wholeNumber(0, 2 ** 32 - 2),
  mtime: {
    expected: "a date such as 2026-01-31T12:00:00Z, or whole seconds since the epoch",
    accepts: (value) => parseCreated(value) !== undefined,
  },
  planner: TEXT,
  layers: LAYERS,
  layeringPipeline: {
    expected: 'an array of operations such as [["popularity_contest"], ["limit_layers", 50]]',
    accepts: Array.isArray,
  },
  architecture: oneOf("amd64", "arm64"),
  architectures: {
    expected: 'an array such as ["amd64", "arm64"], each once',
    accepts: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      new Set(value).size === value.length &&
      value.every((one) => ARCHITECTURES.includes(one as Architecture)),
  },
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
  const layers = flattenLayers(options.layers ?? []);
  const members = layers.flatMap((layer) => layer.members);
  const packages = [...contents.filter(isRequest), ...members.filter(isRequest)];
  const given = distinct([...contents, ...members].filter(isOutput).map(toPlacedOutput));
  const files = contents.filter(isLocalFile);
  const named = options.archive ?? packages[0] ?? files.find((file) => file.archive !== undefined)?.archive;
  const architecture =
    chooseArchitecture(options) ??
    packages[0]?.scope.architecture ??
    named?.scope.architecture ??
    targetArchitecture();
  const archive = toArchiveReference(named ?? defaultArchive(architecture));
  checkArchitectures(architecture, packages, files, archive);
  const normalized = normalizeConfig(config);
  const commands = describeCommands(options, named, architecture);
  const mentions = findMentions(textsOf(normalized));
  const outputs = [...given, ...unplaced(mentions.outputs, given)];
  const program =
    packages.length === 0 && outputs.length === 0 ? impliedProgram(normalized, files) : undefined;
  const { name: compression, level } =
    typeof options.compression === "object" ? options.compression : { name: options.compression ?? "zstd" };
  if (level !== undefined && !COMPRESSION_LEVELS[compression].includes(level)) {
    throw badOption("compression.level", level, `${describeLevels(compression)} for ${compression}`);
  }
  const pipelineProblem = options.layeringPipeline && layeringPipelineProblem(options.layeringPipeline);
  if (pipelineProblem !== undefined) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use buildLayeredImage's "layeringPipeline": ${pipelineProblem}`,
    );
  }
  if (options.minimal !== undefined) checkMinimal(options.closure, normalized, files);
  return {
    kind: "image",
    name,
    tag,
    architecture,
    ...(options.architectures !== undefined && { architectures: [...options.architectures] }),
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
    ...(options.fromImage !== undefined && {
      base: toBaseImage(options.fromImage, options.inherit ?? "all", architecture),
    }),
    outputs,
    mentioned: mentions.requests.map((request) => ({ ...toArchiveReference(request), name: request.name })),
    ...(options.includeNixDB === true && { includeNixDB: true }),
    ...(options.includeStorePaths === false && { includeStorePaths: false }),
    ...((options.uid !== undefined || options.gid !== undefined) && {
      storeOwner: { uid: options.uid ?? 0, gid: options.gid ?? 0 },
    }),
    ...(options.mtime !== undefined && { mtimeSeconds: parseCreated(options.mtime) }),
    commands,
    declared: describeDeclared(options),
    graph: collectGraph([...outputs, ...(commands?.inputs ?? [])]),
    archive,
    config: normalized,
    closure: options.closure ?? "inferred",
    minimal: options.minimal,
    keep: [...(options.keep ?? [])],
    drop: [...(options.drop ?? [])],
    forbid: [...(options.forbid ?? [])],
    createdSeconds: created === undefined ? undefined : parseCreated(created),
    maxLayers,
    planner: options.planner,
    ...(layers.length > 0 && { layers }),
    layeringPipeline: options.layeringPipeline,
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

/** What is reached from the command line can be found only when there is one, and when files are looked at at all. */
function checkMinimal(
  closure: LayeredImageOptions["closure"],
  { Entrypoint = [], Cmd = [] }: NormalizedImageConfig,
  files: readonly LocalFile[],
): void {
  if (closure === "declared") throw badOption("minimal", "files", 'closure: "inferred"');
  if (Entrypoint.length + Cmd.length + files.length > 0) return;
  throw badOption("minimal", "files", "an Entrypoint or Cmd in config, from which files are reached,");
}

function isLocalFile(value: unknown): value is LocalFile {
  if (typeof value !== "object" || value === null) return false;
  const { kind, path, target } = value as Partial<LocalFile>;
  return kind === "file" && typeof path === "string" && typeof target === "string";
}

function toPlacedOutput(content: Output | PlacedOutput): PlacedOutput {
  const { node, output } = content;
  return { kind: "output", node, output, placement: "placement" in content ? content.placement : "linked" };
}

/** Each output at each of its places once. */
function distinct(outputs: readonly PlacedOutput[]): PlacedOutput[] {
  const keys = new Map(outputs.map((one) => [[one.node, one.output, one.placement].join(" "), one]));
  return [...keys.values()];
}

/** What a configuration mentions that is not in the image anyhow. */
function unplaced(mentioned: readonly OutputReference[], placed: readonly PlacedOutput[]): PlacedOutput[] {
  return mentioned
    .filter(
      ({ node, output }) =>
        !placed.some(
          (other) => other.node === node && other.output === output && !other.placement.startsWith("/"),
        ),
    )
    .map((reference) => ({ ...reference, placement: "store" }));
}

/** What the image file says, or of several that for which it is evaluated; undefined where that is not known yet. */
function chooseArchitecture({
  architecture,
  architectures,
}: Pick<LayeredImageOptions, "architecture" | "architectures">): Architecture | undefined {
  if (architectures === undefined) return architecture;
  if (architecture !== undefined) {
    throw new OptionError("BAD_OPTION", "Cannot use both architecture and architectures: they say the same", {
      hint: "Leave out architecture",
    });
  }
  const chosen = chosenArchitecture();
  if (chosen !== undefined && !architectures.includes(chosen)) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot make the image for ${chosen}: its architectures are ${architectures.join(", ")}`,
    );
  }
  return chosen ?? architectures.find((one) => one === machineArchitecture());
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
