// What an image.ts evaluates to: plain data, the same for the same source text.

import type { BuildGraph, NodeId, OutputReference } from "./derivation.ts";
import type { LayeringPipeline } from "./layering-pipeline.ts";

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

/** Something built, or a source tree, in an image. Plain data. */
export interface PlacedOutput extends OutputReference {
  /**
   * `linked`: at its store path, and links to its files at `/`; `store`: at its store path alone, as what a
   * configuration mentions is; an absolute path: its files are there, and no store path is.
   */
  readonly placement: "linked" | "store" | `/${string}`;
}

/** A user that image.ts declares. */
export interface DeclaredUser {
  readonly name: string;
  /** Undefined: that of a package's user of this name, else the next ordinary id. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** An absolute path. */
  readonly home: string;
  readonly createHome: boolean;
  readonly shell: string;
  /** Full name and the like. */
  readonly comment?: string | undefined;
  /** Further groups. */
  readonly groups: readonly string[];
}

/** A directory that image.ts declares. */
export interface DeclaredDirectory {
  /** An absolute path. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** `user` or `user:group`, by name or number. */
  readonly owner: string;
}

/** A file with a text that image.ts declares. */
export interface DeclaredFile extends DeclaredDirectory {
  readonly text: string;
}

/** Users, directories and files that image.ts declares. */
export interface DeclaredFiles {
  readonly users: readonly DeclaredUser[];
  readonly directories: readonly DeclaredDirectory[];
  readonly files: readonly DeclaredFile[];
}

/** Scripts that change the root file system of an image, in a sandbox; empty ones are not run. */
export interface ImageCommands {
  /** Run first, in the image, by busybox's shell, as root. */
  readonly runAsRoot: string;
  /** Run by bash beside the image, whose root is the working directory. */
  readonly extraCommands: string;
  /** The same; in dockerTools only these may give files to other users. */
  readonly fakeRootCommands: string;
  /** Whether fakeRootCommands run in the image as well. */
  readonly enableFakechroot: boolean;
  /** Packages with the programs that commands use. */
  readonly requests: readonly Request[];
  /** What they mention. */
  readonly inputs: readonly OutputReference[];
}

/** The image that another starts from. */
export type BaseImage = {
  /** What of its configuration the image has: all, as after `FROM` of a Dockerfile, or Env alone, as dockerTools does. */
  readonly inherit: "all" | "env";
} & (
  | {
      readonly kind: "reference";
      /** As on the command line: `docker-archive:FILE`, `oci:DIR`, `docker://HOST/NAME@DIGEST`; paths are absolute. */
      readonly reference: string;
      readonly architecture: Architecture;
    }
  | { readonly kind: "image"; readonly spec: ImageSpec }
);

/** Something in a layer: a package, or something built, at its store path or a place. */
export type LayerMember = Request | PlacedOutput;

/** Sets owners and modes of files of a layer. */
export interface LayerPermission {
  /** Whose files; undefined: those of all that is in the layer. */
  readonly path?: LayerMember | undefined;
  /** A regular expression; it is looked for in absolute paths of the image. */
  readonly regex: string;
  /** Permission bits; links have none. */
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** A layer that image.ts describes: with all that its members need and no layer before it has. */
export interface ExplicitLayer {
  readonly members: readonly LayerMember[];
  /** What goes into a later layer. */
  readonly ignore: readonly LayerMember[];
  readonly perms: readonly LayerPermission[];
}

/** Options of an archive that change what is resolved. Data, compared as sorted JSON. */
export interface RequestScope {
  readonly architecture: Architecture;
  readonly [option: string]: unknown;
}

export type CompressionName = "zstd" | "gzip" | "none";

/** The levels that can be asked for; `none` has only its own. Of zstd 20 and 21 no bytes were ever fixed. */
export const COMPRESSION_LEVELS: Readonly<Record<CompressionName, readonly number[]>> = {
  zstd: [...range(1, 19), 22],
  gzip: range(1, 9),
  none: [0],
};

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** The levels of a compression for people: `1 to 19 or 22`. */
export function describeLevels(compression: CompressionName): string {
  const levels = COMPRESSION_LEVELS[compression];
  const gap = levels.findIndex((level, i) => i > 0 && level !== levels[i - 1]! + 1);
  const end = gap < 0 ? levels.length : gap;
  const run = end === 1 ? `${levels[0]}` : `${levels[0]} to ${levels[end - 1]}`;
  return [run, ...levels.slice(end)].join(" or ");
}

/** Where programs are looked for in images that set no PATH: what container runtimes give them. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The owner of the files of a store in an image. */
export interface StoreOwner {
  readonly uid: number;
  readonly gid: number;
  /** Its names, which layers of store paths have beside the ids. */
  readonly uname: string;
  readonly gname: string;
}

/** An image to be built. */
export interface ImageSpec {
  readonly kind: "image";
  readonly name: string;
  readonly tag: string;
  readonly architecture: Architecture;
  /** All that the image is made for, this one among them; absent for an image that is made for one. */
  readonly architectures?: readonly Architecture[] | undefined;
  readonly contents: readonly Request[];
  readonly files: readonly LocalFile[];
  /** The image that it starts from; undefined: from nothing. */
  readonly base?: BaseImage | undefined;
  /** Undefined: none. */
  readonly commands?: ImageCommands | undefined;
  readonly declared?: DeclaredFiles | undefined;
  /** What is built for the image; also what its configuration mentions. */
  readonly outputs: readonly PlacedOutput[];
  /** Store paths that the configuration mentions and that a source provides. */
  readonly mentioned: readonly Request[];
  /** What outputs are built from. */
  readonly graph: BuildGraph;
  /** Where what is not asked for by package is looked for: what files need. */
  readonly archive: ArchiveReference;
  readonly config: NormalizedImageConfig;
  /** How it is decided which files stay: by what files name, or by what packages declare. */
  readonly closure: "inferred" | "declared";
  /** `files`: of the contents only what the command line of the image reaches; undefined: all of them. */
  readonly minimal: "files" | undefined;
  /** Patterns of package names or paths that stay, and that go, whatever inference says. */
  readonly keep: readonly string[];
  readonly drop: readonly string[];
  /** Patterns of package names or paths that must not be in the image. */
  readonly forbid: readonly string[];
  /** Seconds since the epoch; undefined is 1, or SOURCE_DATE_EPOCH. */
  readonly createdSeconds: number | undefined;
  /** The most layers that the image may have: 2 to 127. */
  readonly maxLayers: number;
  /** Whether the image has a database of its store paths. */
  readonly includeNixDB?: boolean | undefined;
  /** False: no path of the store is in the image, only links and what is placed elsewhere. */
  readonly includeStorePaths?: boolean | undefined;
  /** Who owns the files of the store and what is placed; undefined is root. */
  readonly storeOwner?: StoreOwner | undefined;
  /** Seconds since the epoch that files bear; undefined is 1. */
  readonly mtimeSeconds?: number | undefined;
  /** The derivation whose build environment the image is: its inputs are `outputs`, and so on; undefined: of none. */
  readonly shellOf?: NodeId | undefined;
  /** Layers with what image.ts puts into them; the rest is divided by the planner. */
  readonly layers?: readonly ExplicitLayer[] | undefined;
  /** Images that are delivered together with it. */
  readonly merged?: readonly ImageSpec[] | undefined;
  /** Where `tare build` writes it unless the command line says; undefined is the default. */
  readonly output?: string | undefined;
  /** What divides the image into layers, a file of layers/planners/; undefined is the default, or `pipeline`. */
  readonly planner?: string | undefined;
  /** For the planner `pipeline`. */
  readonly layeringPipeline?: LayeringPipeline | undefined;
  readonly compression: CompressionName;
  readonly compressionLevel: number | undefined;
}
