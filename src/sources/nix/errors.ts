// The errors of the Nix source.

import { TareError } from "../../model/errors.ts";

export type NixSourceErrorCode =
  /** A request that is neither a store path nor something to be built by nix. */
  | "BAD_STORE_PATH"
  /** A pin that no lock file of Tare's making has. */
  | "BAD_STORE_PIN"
  /** Neither the store nor a cache has a path. */
  | "PATH_UNAVAILABLE"
  /** Nobody who is trusted vouches for a path. */
  | "PATH_UNTRUSTED"
  /** What is named as a binary cache is no URL of one. */
  | "CACHE_UNSUPPORTED"
  /** What a cache says of a path is not what it may say: of another path, of a file elsewhere. */
  | "NARINFO_WRONG"
  /** A path is not what the lock pins. */
  | "PATH_CHANGED"
  /** The file of a NAR is not what the cache says of it. */
  | "NAR_FILE_WRONG"
  /** Paths refer to each other in a circle, which no build makes. */
  | "REFERENCE_LOOP"
  /** A path mentions another that it does not declare to refer to. */
  | "REFERENCE_UNDECLARED"
  /** There is no Nix store where one is said to be. */
  | "NIX_STORE_MISSING"
  /** What only the program nix can do, where it is not installed. */
  | "NIX_MISSING"
  /** nix could not build what was asked for. */
  | "NIX_BUILD_FAILED";

/** Thrown by everything under sources/nix. */
export class NixSourceError extends TareError<NixSourceErrorCode> {}
