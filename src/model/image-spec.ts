// What an image.ts evaluates to: plain data, the same for the same source text.

/** Part of the OCI image configuration that a user writes; names and shapes are those of the specification. */
export interface ImageConfig {
  /** User or uid, optionally `:group`; a name must exist in the image. */
  readonly User?: string;
  /** Ports as `6379/tcp`. */
  readonly ExposedPorts?: Readonly<Record<string, Readonly<Record<string, never>>>> | readonly string[];
  /** `NAME=value` pairs, or an object. */
  readonly Env?: readonly string[] | Readonly<Record<string, string>>;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  /** Paths whose data outlives the container. */
  readonly Volumes?: Readonly<Record<string, Readonly<Record<string, never>>>> | readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

/** The configuration as OCI writes it. */
export interface NormalizedImageConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

/** CPU architecture, as Debian and OCI both write it. */
export type Architecture = "amd64" | "arm64";

/** An archive as plain data: where packages, and files that packages ship, are looked for. */
export interface ArchiveReference {
  /** The folder under sources/ that resolves what is asked of it. */
  readonly source: string;
  /** Which archive, with which options: requests of equal scope are resolved together. JSON of the source's own. */
  readonly scope: RequestScope;
  /** Base URLs to fetch from, before those of the environment. Never in the lock: they do not change what is got. */
  readonly mirrors: readonly string[];
}

/** A thing asked of a source, out of one archive. Plain data. */
export interface Request extends ArchiveReference {
  /** What is wanted there: for Debian a package, or a file or library that a package ships (docs/requests.md). */
  readonly name: string;
}

/** A file of this machine that goes into an image. Plain data. */
export interface LocalFile {
  readonly kind: "file";
  /** Where it lies; relative to the image file's directory until that is evaluated, then absolute. */
  readonly path: string;
  /** Where it goes: an absolute path. */
  readonly target: string;
  /** Permission bits; undefined is 0755 for a file that can be executed, else 0644. */
  readonly mode: number | undefined;
  /** Where what it needs is looked for; undefined is the image's `archive`. */
  readonly archive: ArchiveReference | undefined;
}

/** Options of an archive that change what is resolved. Data, compared as sorted JSON. */
export interface RequestScope {
  readonly architecture: Architecture;
  readonly [option: string]: unknown;
}

export type CompressionName = "zstd" | "gzip" | "none";

/** The levels that can be asked for; `none` has only its own. */
export const COMPRESSION_LEVELS: Readonly<Record<CompressionName, readonly [least: number, most: number]>> = {
  zstd: [1, 22],
  gzip: [1, 9],
  none: [0, 0],
};

/** An image to be built. */
export interface ImageSpec {
  readonly kind: "image";
  readonly name: string;
  readonly tag: string;
  readonly architecture: Architecture;
  readonly contents: readonly Request[];
  readonly files: readonly LocalFile[];
  /** Where what is not asked for by package is looked for: what files need. */
  readonly archive: ArchiveReference;
  readonly config: NormalizedImageConfig;
  /** How it is decided which files stay: by what files name, or by what packages declare. */
  readonly closure: "inferred" | "declared";
  /** Patterns of package names or paths that stay, and that go, whatever inference says. */
  readonly keep: readonly string[];
  readonly drop: readonly string[];
  /** Patterns of package names or paths that must not be in the image. */
  readonly forbid: readonly string[];
  /** Seconds since the epoch; undefined is 1, or SOURCE_DATE_EPOCH. */
  readonly createdSeconds: number | undefined;
  /** The most layers that the image may have: 2 to 127. */
  readonly maxLayers: number;
  readonly compression: CompressionName;
  readonly compressionLevel: number | undefined;
}
