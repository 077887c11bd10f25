// The options of images as users write them, and what each accepts.

import type {
  Architecture,
  ArchiveReference,
  CompressionName,
  ImageConfig,
  ImageSpec,
  LocalFile,
  PlacedOutput,
  Request,
} from "../model/image-spec.ts";
import type { LayeringPipeline } from "../model/layering-pipeline.ts";
import { ARCHIVE, oneOf, type Rule, TEXT, TEXTS, wholeNumber } from "../model/options.ts";
import { isBase, type PulledImage } from "./base-image.ts";
import { LAYERS, type LayerDescription } from "./build-layer.ts";
import { CUSTOMISATION, type CustomisationOptions } from "./customisation.ts";
import { isOutput, isRequest, type Output } from "./derivation.ts";

/** A package of an archive, a file of this machine, something built, or something built at a place of its own. */
export type ImageContent = Request | LocalFile | Output | PlacedOutput;

/** The planners that come with Tare; any file of layers/planners/ can be named. */
export type PlannerName = "bySizeAndChange" | "autoLayer" | "popularity" | "pipeline" | (string & {});

/** How dockerTools calls compressions, and how they are called here. */
export const COMPRESSORS = { none: "none", gz: "gzip", zstd: "zstd" } as const satisfies Record<
  string,
  CompressionName
>;

export type Compressor = keyof typeof COMPRESSORS;

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
  /** What layers of store paths call that owner. Runtimes read its ids alone. Default: `root`. */
  readonly uname?: string;
  readonly gname?: string;
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
  /** `compression` in dockerTools' words. */
  readonly compressor?: Compressor;
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

/** Rules of the options, for the functions that have them too. */
export const LAYERED_IMAGE: Readonly<Record<keyof LayeredImageOptions, Rule>> = {
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
  uname: TEXT,
  gname: TEXT,
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
  compressor: oneOf("none", "gz", "zstd"),
};

export function isLocalFile(value: unknown): value is LocalFile {
  if (typeof value !== "object" || value === null) return false;
  const { kind, path, target } = value as Partial<LocalFile>;
  return kind === "file" && typeof path === "string" && typeof target === "string";
}

const ISO_8601 = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

/** Seconds since the epoch; undefined for what is no time that an image can bear. */
export function parseCreated(value: unknown): number | undefined {
  const seconds =
    typeof value === "number"
      ? value
      : typeof value === "string" && ISO_8601.test(value)
        ? Math.floor(Date.parse(value) / 1000)
        : Number.NaN;
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= LAST_SECOND ? seconds : undefined;
}
