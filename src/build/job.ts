// What a build is given, and what it leaves: the contract between the builders, sandboxed and builtin, and the rest.

import type { Derivation } from "../formats/nix/aterm.ts";
import type { Context } from "../model/context.ts";
import type { PathInfo } from "../model/path-info.ts";
import type { StorePath } from "../model/store-path.ts";

/** One derivation to be built. */
export interface BuildJob {
  readonly name: string;
  readonly drvPath: StorePath;
  readonly derivation: Derivation;
  /** All that the build may read: the closure of its inputs. */
  readonly inputs: readonly PathInfo[];
  /** Absolute path of the root file system that its packages make; undefined: it has none but /nix/store. */
  readonly root: string | undefined;
}

/** What builds need of the store. */
export interface BuildStore {
  physicalPath(path: StorePath): string;
  isValid(path: StorePath): boolean;
  /** An absolute path, on the store's disk, where nothing is. */
  stage(path: { readonly path: StorePath }): string;
  discard(staged: string): void;
  canonicalise(staged: string): void;
  scan(
    staged: string,
    candidates: Iterable<StorePath>,
    signal: AbortSignal,
  ): Promise<{ readonly narHash: string; readonly narSize: number; readonly references: StorePath[] }>;
  register(paths: readonly { readonly info: PathInfo; readonly staged: string }[]): void;
  query(path: StorePath): PathInfo;
  /** Absolute path of the file that a build's log goes to. */
  logFile(drvPath: StorePath): string;
  /** Absolute path of the lock that whoever builds the derivation holds. */
  lockFile(drvPath: StorePath): string;
  /** An absolute path, on the store's disk, where nothing is and what is put there stays. */
  failedPlace(name: string): string;
}

export interface BuildOptions {
  /** True: the directory of a failed build stays. */
  readonly keepFailed: boolean;
  /** Seconds that a build may take; undefined is any. */
  readonly timeout: number | undefined;
  /** Seconds that it may be silent. */
  readonly maxSilentTime: number | undefined;
  /** True: what is valid already is built again and compared; what is not, twice. */
  readonly check: boolean;
  /** CPUs that a build is told of: NIX_BUILD_CORES. */
  readonly cores: number;
}

export interface BuildContext extends Context {
  readonly store: BuildStore;
}

/** A builder that Tare has itself: one file in builtins/ each, named as `builtin:NAME`. */
export interface Builtin {
  /**
   * Makes the outputs, each at its place.
   *
   * @param outputs Absolute paths where nothing is, by the names of the outputs.
   */
  build(job: BuildJob, outputs: ReadonlyMap<string, string>, context: BuildContext): Promise<void>;
}
