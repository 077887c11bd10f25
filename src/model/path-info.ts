// What a store knows of a valid path, beside its bytes: Nix's ValidPathInfo.

import type { StorePath } from "./store-path.ts";

export interface PathInfo {
  readonly path: StorePath;
  /** SHA-256 of the NAR, lower-case hex. */
  readonly narHash: string;
  /** Bytes of the NAR. */
  readonly narSize: number;
  /** Sorted by bytes; the path itself where it refers to itself. */
  readonly references: readonly StorePath[];
  /** The derivation that made it. */
  readonly deriver?: StorePath | undefined;
  /** `NAME:base64`, sorted. */
  readonly signatures: readonly string[];
  /** Content address, as Nix writes it: `fixed:r:sha256:…`, `text:sha256:…`. */
  readonly ca?: string | undefined;
  /** Whether it was built here, and so is trusted without a signature. */
  readonly ultimate: boolean;
}
