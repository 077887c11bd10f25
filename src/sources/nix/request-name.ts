// What can be asked of Nix: a store path, or `build:INSTALLABLE`.

import { type StorePath, storePathProblem } from "../../model/store-path.ts";
import { NixSourceError } from "./errors.ts";

export const BUILD_PREFIX = "build:";

export type RequestName =
  | { readonly kind: "path"; readonly path: StorePath }
  | { readonly kind: "build"; readonly installable: string };

/** @throws {NixSourceError} `BAD_STORE_PATH` */
export function parseRequestName(name: string): RequestName {
  const installable = name.startsWith(BUILD_PREFIX) ? name.slice(BUILD_PREFIX.length) : undefined;
  const problem = installable === undefined ? storePathProblem(name) : installableProblem(installable);
  if (problem !== undefined) {
    throw new NixSourceError("BAD_STORE_PATH", `Cannot ask Nix for ${JSON.stringify(name)}: ${problem}`, {
      hint: "Use storePath() or build() of binaryCache() or nixStore()",
    });
  }
  return installable === undefined
    ? { kind: "path", path: name as StorePath }
    : { kind: "build", installable };
}

/** Why a text is nothing that nix is asked to build; undefined when it may be. */
export function installableProblem(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.startsWith("-")) return "it begins with a dash, as options do";
  return /[\0-\x1f]/.test(text) ? "it has a control character" : undefined;
}
