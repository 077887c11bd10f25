// What every stage is handed: where the cache is, how to report, when to stop.

import type { Progress } from "./progress.ts";

/** The folders of the cache. */
export const CACHE_FOLDERS = [
  /** Artifacts as they were fetched, named by their sha256. */
  "downloads",
  /** Unfinished downloads, named by the sha256 they shall have. */
  "partial",
  /** Archives unpacked to one tar each, with an index beside it. */
  "trees",
  /** Layer blobs, named by their sha256. */
  "blobs",
  /** What a layer's contents were packed to, by the key of the contents. */
  "layers",
  /** Results of whole builds, by the key of everything that went in. */
  "builds",
  /** Which repositories of which registries have a blob, by its sha256. */
  "registries",
  /** Parsed package indices, by the sha256 of the index. */
  "indices",
  /** What the files of a package name, by the package's content. */
  "facts",
  /** What programs of an image wrote, by the key of everything that they could see. */
  "runs",
  /** Root file systems of builds, by what is in them. */
  "roots",
  /** V8's compile cache. */
  "compile",
  /** Temporary directories. */
  "tmp",
] as const;

export type CacheFolder = (typeof CACHE_FOLDERS)[number];

/** A place for state that can be made again; nothing in it is trusted unread. */
export interface CacheDirectory {
  /** Absolute path. */
  readonly root: string;
  /** The absolute path of a name in a folder, which exists after the call. */
  path(folder: CacheFolder, name: string): string;
  /** Clears what killed processes left in any folder. */
  tidy(): void;
}

/** How registries are spoken to, where the user says so. */
export interface RegistrySettings {
  /** Plain HTTP where HTTPS fails, and certificates that nobody vouches for. */
  readonly insecure?: boolean | undefined;
  /** A PEM file with certificates that are trusted besides those of the machine. */
  readonly caFile?: string | undefined;
}

/** How derivations are built, where the user says so. */
export interface BuildSettings {
  /** The directory of a failed build stays. */
  readonly keepFailed?: boolean;
  /** Seconds that a build may take. */
  readonly timeout?: number | undefined;
  /** Seconds that a build may be silent. */
  readonly maxSilentTime?: number | undefined;
  /** All that the image is built from is built again and compared. */
  readonly check?: boolean;
  /** CPUs that each build is told of. */
  readonly cores?: number;
  /** URLs of binary caches that outputs are looked for in, before those of the environment. */
  readonly substituters?: readonly string[];
  /** Keys whose signatures count, `NAME:base64`, beside those of the environment. */
  readonly trustedPublicKeys?: readonly string[];
  /** Called with each output that was not valid before, a store path. */
  readonly onRealised?: (path: string, how: "built" | "substituted") => void;
}

export interface Context {
  readonly cache: CacheDirectory;
  readonly progress: Progress;
  /** Ends the work; every stage stops at its next step and leaves nothing half-written. */
  readonly signal: AbortSignal;
  /** True: the network is never touched. */
  readonly offline: boolean;
  /** Number of worker threads and of things done at once. No output depends on it. */
  readonly jobs: number;
  readonly builds?: BuildSettings | undefined;
  /** Of every registry that is asked for anything; what the one call says goes before. */
  readonly registries?: RegistrySettings | undefined;
}
