// What the mounts of this machine mean for those of a container.

import { join } from "node:path";
import { listMounts, mountOf, realPath } from "../linux.ts";
import { SandboxError } from "./errors.ts";
import type { TreeMount } from "./init-script.ts";

/** The flags that a mount of a directory has, and that one of it in a user namespace must keep. */
export function mountFlags(path: string): readonly string[] {
  return mountOf(realPath(path) ?? path, listMounts())?.flags ?? [];
}

/** What has to be remounted read-only when `source`, a path without links, is mounted at `place` with all below it. */
export function readOnlyMounts(
  source: string,
  place: string,
): Extract<TreeMount, { kind: "bind" }>["readOnly"] {
  const mounts = listMounts();
  const below = mounts.filter(
    ({ target }) => target.startsWith(source === "/" ? "/" : `${source}/`) && target !== "/",
  );
  return [
    { target: place, flags: mountOf(source, mounts)?.flags ?? [] },
    ...below.map(({ target, flags }) => ({ target: join(place, target.slice(source.length)), flags })),
  ];
}

/** @throws {SandboxError} `SANDBOX_NOEXEC` */
export function checkExecutable(directory: string): void {
  if (!mountFlags(directory).includes("noexec")) return;
  throw new SandboxError(
    "SANDBOX_NOEXEC",
    `Cannot run programs in ${directory}: it is on a disk that is mounted noexec`,
    { hint: "Set XDG_CACHE_HOME to a directory where programs may be executed" },
  );
}
