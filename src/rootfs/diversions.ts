// dpkg's diversions: files that one package gives another name to, in every other package.
// Specification: dpkg-divert(1).

import type { ScriptText } from "../formats/maintainer-script.ts";
import type { BytePath } from "../model/bytes.ts";
import { bytePathProblem } from "../model/bytes.ts";
import { parseArguments } from "./arguments.ts";

export interface Diversion {
  readonly from: BytePath;
  readonly to: BytePath;
  /** The package whose own file keeps its name; undefined: no package's does. */
  readonly package: string | undefined;
  /** Whether files that are there already are renamed. */
  readonly rename: boolean;
}

const ACTIONS = ["remove", "list", "listpackage", "truename"] as const;
export type DiversionAction = "add" | (typeof ACTIONS)[number];

export class Diversions {
  readonly #byPath = new Map<BytePath, Diversion>();

  add(diversion: Diversion): void {
    this.#byPath.set(diversion.from, diversion);
  }

  remove(from: BytePath): void {
    this.#byPath.delete(from);
  }

  get(from: BytePath): Diversion | undefined {
    return this.#byPath.get(from);
  }

  /** The name that a package's file gets. */
  place(path: BytePath, packageName: string | undefined): BytePath {
    const diversion = this.#byPath.get(path);
    return diversion === undefined || diversion.package === packageName ? path : diversion.to;
  }
}

/**
 * Reads the arguments of `dpkg-divert`.
 *
 * @param self The package whose script calls it.
 * @returns Undefined when they are not known, or are no paths.
 */
export function parseDiversion(
  args: readonly ScriptText[],
  self: string,
): { readonly action: DiversionAction; readonly diversion: Diversion } | undefined {
  if (!args.every((arg) => arg.known)) return undefined;
  const { options, operands } = parseArguments(args, [
    "--package",
    "--divert",
    "--admindir",
    "--instdir",
    "--root",
  ]);
  const path = toPath(operands[0]?.text ?? options.get("--truename")?.text ?? "");
  if (path === undefined) return undefined;
  const action = ACTIONS.find((one) => options.has(`--${one}`)) ?? "add";
  const to = toPath(options.get("--divert")?.text ?? `${path}.distrib`);
  if (to === undefined) return undefined;
  return {
    action,
    diversion: {
      from: path,
      to,
      package: options.has("--local") ? undefined : (options.get("--package")?.text ?? self),
      rename: options.has("--rename"),
    },
  };
}

function toPath(text: string): BytePath | undefined {
  const path = text.replace(/^\/+/, "").replace(/\/{2,}/g, "/");
  return path === "" || bytePathProblem(path) !== undefined ? undefined : (path as BytePath);
}
