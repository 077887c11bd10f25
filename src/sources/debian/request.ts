// `debian()`: what an image.ts asks of a Debian archive, as plain data. Nothing is fetched or looked up here.

import { compareStrings } from "../../model/bytes.ts";
import type { Architecture, ArchiveReference, Request, RequestScope } from "../../model/image-spec.ts";
import { checkOptions, OptionError, oneOf, type Rule, show, TEXTS } from "../../model/options.ts";
import { targetArchitecture } from "../../platform/machine.ts";
import { parseRequestName } from "./request-name.ts";
import { isSnapshotTimestamp } from "./snapshot-timestamp.ts";

/** Which Debian archive, and how to choose from it. */
export interface DebianOptions {
  /**
   * The CPU that the packages are for. Default: that of the machine that evaluates the file; name it when the image
   * must be the same wherever it is built.
   */
  readonly architecture?: Architecture;
  /**
   * Base URLs to fetch from before all others, such as `https://mirror.example/debian`; `http`, `https` and `file`.
   * The security archive is looked for beside the main one (`…/debian-security`), or name it as well.
   *
   * Mirrors never change what is built, and are not written to the lock: every file is checked.
   */
  readonly mirrors?: readonly string[];
  /**
   * Takes the archive as it was at a moment in UTC, `20260901T000000Z`, from a snapshot service. Default: as it is when
   * the lock is made.
   */
  readonly snapshot?: string;
  /** Parts of the archive. Default: `["main"]`. Others are `contrib`, `non-free` and `non-free-firmware`. */
  readonly components?: readonly string[];
  /** True: also takes what packages recommend, as `apt-get install` does without further options. Default: false. */
  readonly recommends?: boolean;
}

/** Every package by its name; `name=version` asks for one version of it. */
export interface DebianPackages {
  readonly [name: string]: Request;
}

export interface DebianArchive extends ArchiveReference {
  /**
   * The packages: `packages.curl`, `packages["redis-server"]`, `packages["redis-server=5:7.0.15-1~deb12u6"]`.
   *
   * A package can also be asked for by a file that it ships: `packages["/usr/bin/redis-server"]`,
   * `packages["bin:redis-server"]`, `packages["lib:libssl.so.3"]`.
   *
   * Any name can be written; whether the archive has it is found out when the lock is made.
   */
  readonly packages: DebianPackages;
}

/**
 * A Debian release as a source of packages.
 *
 * Its packages, updates and security updates are taken together: of each package the newest version.
 *
 * @param suite The codename: `"bookworm"` (Debian 12) or `"trixie"` (Debian 13).
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION` when an argument is wrong.
 *
 * @example
 * const { packages } = debian("bookworm", { architecture: "amd64" });
 * export default buildLayeredImage({ name: "redis", contents: [packages["redis-server"]] });
 */
export function debian(suite: string, options: DebianOptions = {}): DebianArchive {
  checkSuite(suite);
  checkOptions("debian()", options, RULES);
  const { mirrors = [], snapshot, components = ["main"], recommends = false } = options;
  const scope: RequestScope = Object.freeze({
    architecture: options.architecture ?? targetArchitecture(),
    suite,
    components: Object.freeze([...new Set(components)].sort(compareStrings)),
    recommends,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const archive: ArchiveReference = { source: "debian", scope, mirrors: Object.freeze([...mirrors]) };
  return Object.freeze({ ...archive, packages: createPackages(archive) });
}

function createPackages(archive: ArchiveReference): DebianPackages {
  const requests = new Map<string, Request>();
  const target: DebianPackages = Object.freeze({});
  return new Proxy(target, {
    get(_, name) {
      // What runtimes and printers look for in any object is no package: promises, JSON, inspection, conversion.
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      if (name in Object.prototype) return Reflect.get(target, name);
      let request = requests.get(name);
      if (request === undefined) {
        parseRequestName(name);
        request = Object.freeze({ ...archive, name });
        requests.set(name, request);
      }
      return request;
    },
  });
}

function checkSuite(suite: unknown): void {
  if (typeof suite !== "string" || !/^[a-z0-9][a-z0-9._-]*$/i.test(suite)) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use ${show(suite)} as the suite of debian(): a codename was expected`,
      {
        hint: 'Write debian("bookworm") or debian("trixie")',
      },
    );
  }
}

const RULES: Readonly<Record<keyof DebianOptions, Rule>> = {
  architecture: oneOf("amd64", "arm64"),
  mirrors: {
    expected: "an array of http, https or file URLs",
    accepts: (value) =>
      TEXTS.accepts(value) && (value as string[]).every((url) => /^(?:https?|file):\/\/[^\s]+$/.test(url)),
  },
  snapshot: {
    expected: "a moment in UTC such as 20260901T000000Z",
    accepts: (value) => typeof value === "string" && isSnapshotTimestamp(value),
  },
  components: {
    expected: "a non-empty array of component names",
    accepts: (value) =>
      TEXTS.accepts(value) &&
      (value as string[]).length > 0 &&
      (value as string[]).every((name) => /^[a-z][a-z-]*$/.test(name)),
  },
  recommends: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
};
