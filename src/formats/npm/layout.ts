// What goes where in the node_modules of a project: the plan that npm's and pnpm's locks become. Paths are relative to
// the project, in text.

import { posix } from "node:path";
import type { PackageOrigin } from "./origin.ts";

/** A package in its directory. */
export interface PlacedPackage {
  /** `node_modules/express`, or below `node_modules/.pnpm`. */
  readonly path: string;
  readonly name: string;
  readonly version: string | undefined;
  /** Undefined for what the tarball of another package holds. */
  readonly origin: PackageOrigin | undefined;
  /** Whether the lock says that it has scripts that run when it is installed; undefined when it does not say. */
  readonly hasInstallScript: boolean | undefined;
}

export interface PlacedLink {
  readonly path: string;
  /** As the link says it: relative to its directory. */
  readonly target: string;
}

/** The commands of one package in one `.bin`. */
export interface PlacedCommands {
  /** The `.bin` directory. */
  readonly directory: string;
  /** Where the package is, links in between: what the commands' links name. */
  readonly via: string;
  /** Where it really is: a placed package or a directory of the project. */
  readonly path: string;
  /** By name; undefined when the lock does not say, and the package's own package.json is asked. */
  readonly commands: Readonly<Record<string, string>> | undefined;
}

export interface NodeModulesPlan {
  /** Which rules for names and modes of files hold. */
  readonly manager: "npm" | "pnpm";
  /** Sorted by path. */
  readonly packages: readonly PlacedPackage[];
  readonly links: readonly PlacedLink[];
  /** Of two commands of one name in one directory the first is meant. */
  readonly commands: readonly PlacedCommands[];
  /** For people. */
  readonly warnings: readonly string[];
}

/** What a link at `path` says to lead to `target`, both relative to the project. */
export function relativeTarget(path: string, target: string): string {
  return posix.relative(posix.dirname(`/${path}`), `/${target}`);
}
