// `os`, `cpu`, `libc` and `engines` of a package.json → whether the package is for a platform.

import { satisfies, validRange } from "semver";
import type { Architecture } from "../../model/image-spec.ts";

/** What an image's programs run on, in Node's words. */
export interface NodePlatform {
  readonly os: "linux";
  readonly cpu: "x64" | "arm64";
  readonly libc: "glibc" | "musl";
  /** Version of Node, for `engines`; undefined when it is not known, and nothing is left out for it. */
  readonly nodeVersion?: string | undefined;
}

/** What a package says it is for; undefined is everything. */
export interface PlatformConstraint {
  readonly os?: readonly string[] | undefined;
  readonly cpu?: readonly string[] | undefined;
  readonly libc?: readonly string[] | undefined;
  /** A range of Node's versions. */
  readonly nodeRange?: string | undefined;
}

/** The platform of an image made of Debian's packages. */
export function platformOf(architecture: Architecture, nodeVersion?: string): NodePlatform {
  return { os: "linux", cpu: architecture === "amd64" ? "x64" : "arm64", libc: "glibc", nodeVersion };
}

/**
 * What of a package's constraint the platform breaks, for people; undefined when it is for the platform.
 *
 * As npm has it: none of the names with `!`, and one of the others where there are any; `any` alone is everything.
 */
export function platformProblem(constraint: PlatformConstraint, platform: NodePlatform): string | undefined {
  for (const field of ["os", "cpu", "libc"] as const) {
    const list = constraint[field];
    if (list !== undefined && !isListed(platform[field], list)) {
      return `it is for ${field} ${list.join(", ")}, the image has ${platform[field]}`;
    }
  }
  return undefined;
}

/** What a package says about Node that the platform's Node is not; undefined when it is, or is not known. */
export function engineProblem(
  { nodeRange }: PlatformConstraint,
  { nodeVersion }: NodePlatform,
): string | undefined {
  if (nodeRange === undefined || nodeVersion === undefined || validRange(nodeRange) === null)
    return undefined;
  return satisfies(nodeVersion, nodeRange, { includePrerelease: true })
    ? undefined
    : `it is for Node ${nodeRange}, the image has ${nodeVersion}`;
}

function isListed(value: string, list: readonly string[]): boolean {
  if (list.length === 1 && list[0] === "any") return true;
  if (list.includes(`!${value}`)) return false;
  const wanted = list.filter((item) => !item.startsWith("!"));
  return wanted.length === 0 || wanted.includes(value);
}
