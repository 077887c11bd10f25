// The options of `nodeApp`, and what each accepts.

import type { Architecture, ArchiveReference, Request } from "../../model/image-spec.ts";
import { ARCHIVE, oneOf, type Rule, TEXT, TEXTS } from "../../model/options.ts";
import { isOutput, isRequest, type Output } from "../derivation.ts";
import { normalizeFile } from "./node-start.ts";
import { PROJECT_SOURCE, type ProjectSource } from "./project.ts";

/** What of a Node project goes into an image, and how it is made. */
export interface NodeAppOptions {
  /** The directory with package.json and its lock: `path(".")`. Files that .gitignore or .dockerignore name stay out. */
  readonly src: ProjectSource;
  /**
   * A range of versions of the official builds, from npm's node-linux packages: `"24"`, `"^24.15.0"`; or Debian's
   * `packages.nodejs`; or something built that has `bin/node`. Default: 24, or what package.json's engines ask for.
   */
  readonly node?: string | Request | Output;
  /** The end of the store paths' names. Default: that of package.json, without its scope. */
  readonly name?: string;
  /** The script of package.json that makes what runs; false: none. Default: `build`, when there is one. */
  readonly build?: string | false;
  /** Packages and derivations that the build uses, beside Node, npm and the dependencies. */
  readonly buildInputs?: readonly (Output | Request)[];
  /** Packages that the application may use when it runs: libraries of addons beside those of C and C++. */
  readonly runtimeInputs?: readonly Request[];
  /**
   * Packages whose install scripts run, in the sandbox: `["better-sqlite3"]`. As an object, `false` says that a package
   * is known to do without its scripts.
   */
  readonly allowScripts?: readonly string[] | Readonly<Record<string, boolean>>;
  /** The file that is started: `dist/server.js`. Default: what `scripts.start` starts, `main`, `server.js`, `index.js`. */
  readonly entry?: string;
  /** Groups of dependencies that are left out. Default: `["dev"]`. */
  readonly omit?: readonly ("dev" | "optional" | "peer")[];
  /** Where tools of the build, and libraries of Node and addons, come from. Default: Debian bookworm. */
  readonly archive?: ArchiveReference;
  /** Default: that of `node` or `archive`, else this machine's. */
  readonly architecture?: Architecture;
}

const INPUTS: Rule = {
  expected: "a list of derivations, sources and packages",
  accepts: (value) => Array.isArray(value) && value.every((item) => isOutput(item) || isRequest(item)),
};

export const NODE_APP: Readonly<Record<keyof NodeAppOptions, Rule>> = {
  src: PROJECT_SOURCE,
  node: {
    expected: 'a range of versions such as "24", or packages.nodejs',
    accepts: (value) => (typeof value === "string" && value !== "") || isRequest(value) || isOutput(value),
  },
  name: TEXT,
  build: {
    expected: "the name of a script of package.json, or false",
    accepts: (value) => value === false || (typeof value === "string" && value !== ""),
  },
  buildInputs: INPUTS,
  runtimeInputs: {
    expected: "a list of packages",
    accepts: (value) => Array.isArray(value) && value.every(isRequest),
  },
  allowScripts: {
    expected: 'a list of package names such as ["better-sqlite3"], or an object of true and false by name',
    accepts: (value) =>
      TEXTS.accepts(value) ||
      (typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((item) => typeof item === "boolean")),
  },
  entry: {
    expected: "a path inside the project such as dist/server.js",
    accepts: (value) => typeof value === "string" && normalizeFile(value) !== undefined,
  },
  omit: {
    expected: 'a list of "dev", "optional" and "peer"',
    accepts: (value) =>
      TEXTS.accepts(value) &&
      (value as string[]).every((group) => ["dev", "optional", "peer"].includes(group)),
  },
  archive: ARCHIVE,
  architecture: oneOf("amd64", "arm64"),
};
