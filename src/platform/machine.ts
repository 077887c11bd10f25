// What this machine is.

import { availableParallelism } from "node:os";
import type { Architecture } from "../model/image-spec.ts";

/** The architecture of this machine, as Debian and OCI name it; on any other kind `amd64`. */
export function machineArchitecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "amd64";
}

/** How many things can be computed at once. */
export function processorCount(): number {
  return availableParallelism();
}
