// What this machine is.

import { availableParallelism, hostname } from "node:os";
import type { Architecture } from "../model/image-spec.ts";
import { fileIdentity } from "./files.ts";

/** The architecture of this machine, as Debian and OCI name it; on any other kind `amd64`. */
export function machineArchitecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "amd64";
}

let chosen: Architecture | undefined;

/** The architecture that an image file is evaluated for; undefined while it may say so itself. */
export function chosenArchitecture(): Architecture | undefined {
  return chosen;
}

/** What is asked for without an architecture is asked for this one: that which was chosen, or this machine's. */
export function targetArchitecture(): Architecture {
  return chosen ?? machineArchitecture();
}

/** Evaluates for an architecture; one evaluation at a time. */
export async function withTargetArchitecture<T>(
  architecture: Architecture | undefined,
  evaluate: () => Promise<T>,
): Promise<T> {
  const before = chosen;
  chosen = architecture;
  try {
    return await evaluate();
  } finally {
    chosen = before;
  }
}

/** How many things can be computed at once. */
export function processorCount(): number {
  return availableParallelism();
}

/** Names this very Node on this very machine: another text wherever its libraries may compute something else. */
export function describeNode(): string {
  const { arch, execPath, version, versions } = process;
  return [hostname(), arch, version, versions.zlib, versions.zstd, execPath, fileIdentity(execPath)].join(
    " ",
  );
}
