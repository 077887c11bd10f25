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
  /** Parsed package indices, by the sha256 of the index. */
  "indices",
  /** What the files of a package name, by the package's content. */
  "facts",
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

export interface Context {
  readonly cache: CacheDirectory;
  readonly progress: Progress;
  /** Ends the work; every stage stops at its next step and leaves nothing half-written. */
  readonly signal: AbortSignal;
  /** True: the network is never touched. */
  readonly offline: boolean;
  /** Number of worker threads and of things done at once. No output depends on it. */
  readonly jobs: number;
}
