// `binaryCache()` and `nixStore()`: what an image.ts asks of Nix, as plain requests.

import { parsePublicKey } from "../../formats/nix/signature.ts";
import { TareError } from "../../model/errors.ts";
import type { Architecture, Request, RequestScope } from "../../model/image-spec.ts";
import { registerStorePath } from "../../model/mentions.ts";
import { checkOptions, OptionError, oneOf, type Rule, show, TEXTS } from "../../model/options.ts";
import { storePathProblem } from "../../model/store-path.ts";
import { targetArchitecture } from "../../platform/machine.ts";
import { BUILD_PREFIX, installableProblem } from "./request-name.ts";

/** A store path as contents of an image or input of a build; in a template string it is the path itself. */
export interface StorePathRequest extends Request {
  toString(): string;
}

/** Where store paths come from. */
export interface NixSource {
  /**
   * A store path, with all that it refers to.
   *
   * @throws {OptionError} `BAD_OPTION` when it is none.
   */
  storePath(path: string): StorePathRequest;
  /**
   * What `nix build` makes of an installable, such as `nixpkgs#hello`: built when the lock is made, where nix is
   * installed; from then on it is the store path that the lock pins.
   *
   * @throws {OptionError} `BAD_OPTION` when it is no installable.
   */
  build(installable: string): Request;
}

export interface BinaryCacheOptions {
  /** The keys of which one must have signed each path, as `nix.conf` has them: `cache.example.org-1:…=`. */
  readonly publicKeys: readonly string[];
  /** What the paths are for. Default: this machine. */
  readonly architecture?: Architecture;
}

export interface NixStoreOptions {
  /** Absolute path of the directory that holds `nix/store`. Default: `/`. */
  readonly root?: string;
  /** What the paths are for. Default: this machine. */
  readonly architecture?: Architecture;
}

const KEYS: Rule = {
  expected: "an array of public keys such as cache.example.org-1:6NCH…=",
  accepts: (value) => TEXTS.accepts(value) && (value as string[]).every(isPublicKey),
};

const ARCHITECTURE = oneOf("amd64", "arm64");

/**
 * A binary cache of Nix: store paths from `https:`, `http:` or `file:`, each signed by one of the keys, or named by its
 * content.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * const nix = binaryCache("https://cache.nixos.org", {
 *   publicKeys: ["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="],
 * });
 * const hello = nix.storePath("/nix/store/…-hello-2.12");
 */
export function binaryCache(url: string, options: BinaryCacheOptions): NixSource {
  checkOptions("binaryCache()", options, { publicKeys: KEYS, architecture: ARCHITECTURE });
  if (options.publicKeys === undefined) throw badOption("publicKeys", undefined, KEYS.expected);
  if (typeof url !== "string" || !/^(?:https?|file):\/\/\S+$/.test(url)) {
    throw badOption("url", url, "an https:, http: or file: URL");
  }
  const { architecture = targetArchitecture() } = options;
  return createSource({ architecture, kind: "cache", publicKeys: [...options.publicKeys].sort() }, [
    url.replace(/\/+$/, ""),
  ]);
}

/**
 * A Nix store of this machine, as it is: read through its database, never written to. Without options, `/nix/store`.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 */
export function nixStore(options: NixStoreOptions = {}): NixSource {
  const root: Rule = {
    expected: "an absolute path",
    accepts: (value) => typeof value === "string" && value.startsWith("/") && !value.includes("\0"),
  };
  checkOptions("nixStore()", options, { root, architecture: ARCHITECTURE });
  const { architecture = targetArchitecture() } = options;
  return createSource({ architecture, kind: "store" }, options.root === undefined ? [] : [options.root]);
}

function createSource(scope: RequestScope, mirrors: readonly string[]): NixSource {
  const request = (name: string): Request => ({ source: "nix", scope, mirrors, name });
  return Object.freeze({
    storePath(path: string): StorePathRequest {
      const problem = typeof path === "string" ? storePathProblem(path) : "it is no text";
      if (problem !== undefined) {
        throw new OptionError("BAD_OPTION", `Cannot use ${show(path)} as a store path: ${problem}`, {
          hint: "Write /nix/store/HASH-NAME, and what is below it behind it in a template string",
        });
      }
      const plain = request(path);
      registerStorePath(path, plain);
      return Object.freeze({ ...plain, toString: () => path });
    },
    build(installable: string): Request {
      const problem = typeof installable === "string" ? installableProblem(installable) : "it is no text";
      if (problem !== undefined) {
        throw new OptionError("BAD_OPTION", `Cannot build ${show(installable)} with nix: ${problem}`, {
          hint: 'Write an installable such as "nixpkgs#hello"',
        });
      }
      const refuse = (): never => {
        throw new OptionError(
          "BAD_OPTION",
          `Cannot mention ${installable} in a string: its path is known only when it is built`,
          { hint: "Run tare lock, and use storePath() with the path that it pins" },
        );
      };
      return Object.freeze({ ...request(`${BUILD_PREFIX}${installable}`), toString: refuse });
    },
  });
}

function isPublicKey(text: string): boolean {
  try {
    parsePublicKey(text);
    return true;
  } catch (error) {
    if (error instanceof TareError) return false;
    throw error;
  }
}

function badOption(name: string, value: unknown, expected: string): OptionError {
  return new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(value)} as binaryCache()'s "${name}": ${expected} was expected`,
  );
}
