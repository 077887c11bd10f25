// Derivations that need no program: texts, scripts, joined trees, fetched files. Tare makes them itself, by the
// instructions in their environment; their names and arguments are nixpkgs'.

import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { Request } from "../model/image-spec.ts";
import { checkOptions, OptionError, type Rule, show, TEXT, TEXTS } from "../model/options.ts";
import type { TreeInstruction } from "../model/tree-instructions.ts";
import {
  badOption,
  checkName,
  createDerivation,
  type Derivation,
  describeDerivation,
  isOutput,
  isRequest,
  type Output,
} from "./derivation.ts";

/** What a text derivation can be varied by. */
interface TextOptions {
  readonly text: string;
}

/**
 * A file in the store with a text: its path is the file.
 *
 * @example
 * const settings = writeText("nginx.conf", `error_log stderr; include ${types};`);
 */
export function writeText(name: string, text: string): Derivation<TextOptions> {
  return createText("writeText()", name, "", false, text);
}

/** A directory in the store with one text file at a path: `writeTextDir("share/motd", "hello")`. */
export function writeTextDir(path: string, text: string): Derivation<TextOptions> {
  return createText("writeTextDir()", nameOf(path), checkPath("writeTextDir()", path), false, text);
}

/** A file in the store that can be executed; its first line names its interpreter. */
export function writeScript(name: string, text: string): Derivation<TextOptions> {
  return createText("writeScript()", name, "", true, text);
}

/** A directory in the store with `bin/NAME`, a script that can be executed. */
export function writeScriptBin(name: string, text: string): Derivation<TextOptions> {
  checkName(name);
  return createText("writeScriptBin()", name, `bin/${name}`, true, text);
}

function createText(
  where: string,
  name: string,
  path: string,
  executable: boolean,
  text: string,
): Derivation<TextOptions> {
  const create = (options: TextOptions): Derivation<TextOptions> => {
    if (typeof options.text !== "string") throw badOption(`${where}'s text`, options.text, "a string");
    const instruction: TreeInstruction = { type: "file", path, text: options.text, executable };
    return createDerivation(describeTree(name, [instruction]), options, create);
  };
  return create({ text });
}

/** A tree of text files, by their paths. */
export function createFiles(
  name: string,
  files: Readonly<Record<string, string>>,
): Derivation<Record<never, never>> {
  const instructions = Object.entries(files).map(
    ([path, text]): TreeInstruction => ({ type: "file", path, text, executable: false }),
  );
  const create = (): Derivation<Record<never, never>> =>
    createDerivation(describeTree(name, instructions), {}, create);
  return create();
}

function describeTree(name: string, instructions: readonly TreeInstruction[]) {
  checkName(name);
  return describeDerivation({
    name,
    builder: "builtin:tree",
    system: "builtin",
    env: { tree: formatCanonicalJson(instructions), preferLocalBuild: true, allowSubstitutes: false },
  });
}

function nameOf(path: string): string {
  return String(path).split("/").at(-1) ?? "";
}

function checkPath(where: string, path: unknown): string {
  const fits =
    typeof path === "string" &&
    path !== "" &&
    !path.includes("\0") &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (fits) return path;
  throw badOption(`${where}'s path`, path, "a relative path without . or ..");
}

/** Trees that are joined by symbolic links. */
export interface SymlinkJoinOptions {
  readonly name: string;
  /** What is joined; where two have the same file, the first counts. */
  readonly paths: readonly (Output | Request)[];
}

const PATHS: Rule = {
  expected: "a list of derivations and store paths",
  accepts: (value) =>
    Array.isArray(value) &&
    value.every((item) => isOutput(item) || (isRequest(item) && item.source !== "debian")),
};

/** One tree of symbolic links to the files of several; directories are merged. */
export function symlinkJoin(options: SymlinkJoinOptions): Derivation<SymlinkJoinOptions> {
  checkOptions("symlinkJoin()", options, { name: TEXT, paths: PATHS });
  const paths = options.paths.map((path) => (isOutput(path) ? `${path}` : path.name));
  return createDerivation(
    describeTree(options.name, [{ type: "join", paths, collisions: "first" }]),
    options,
    symlinkJoin,
  );
}

/** What an environment holds. */
export interface BuildEnvOptions extends SymlinkJoinOptions {
  /** Which directories of the paths are linked. Default: `["/"]`. */
  readonly pathsToLink?: readonly string[];
  /** True: of different files with one name the first counts. Default: false, an error. */
  readonly ignoreCollisions?: boolean;
  /** Below which directory of the result everything is. Default: `""`. */
  readonly extraPrefix?: string;
}

/** A tree of symbolic links to the files of several, as `nix-env` makes profiles: a directory of one is one link. */
export function buildEnv(options: BuildEnvOptions): Derivation<BuildEnvOptions> {
  checkOptions("buildEnv()", options, {
    name: TEXT,
    paths: PATHS,
    pathsToLink: TEXTS,
    ignoreCollisions: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
    extraPrefix: TEXT,
  });
  const { name, pathsToLink = ["/"], ignoreCollisions = false, extraPrefix = "" } = options;
  const instruction: TreeInstruction = {
    type: "join",
    paths: options.paths.map((path) => (isOutput(path) ? `${path}` : path.name)),
    collisions: ignoreCollisions ? "first" : "error",
    foldDirectories: true,
    pathsToLink,
    prefix: extraPrefix.replace(/^\/+|\/+$/g, ""),
  };
  return createDerivation(describeTree(name, [instruction]), options, buildEnv);
}

/** A file of the network, known by its hash. */
export interface FetchUrlOptions {
  /** `http`, `https` or `file`. */
  readonly url?: string;
  /** The same file elsewhere: tried in this order. */
  readonly urls?: readonly string[];
  /** As Nix writes hashes: `sha256-…=`, or `sha256:` and 52 or 64 characters. */
  readonly hash: string;
  /** Default: the last part of the URL. */
  readonly name?: string;
  /** True: the file can be executed, and the hash is of its NAR. */
  readonly executable?: boolean;
}

/** Fetches a file when it is needed, and refuses any that has another hash. */
export function fetchUrl(options: FetchUrlOptions): Derivation<FetchUrlOptions> {
  checkOptions("fetchUrl()", options, {
    url: TEXT,
    urls: TEXTS,
    hash: TEXT,
    name: TEXT,
    executable: { expected: "true or false", accepts: (value) => typeof value === "boolean" },
  });
  const urls = [options.url ?? [], options.urls ?? []].flat();
  const wrong = urls.find((url) => !/^(?:https?|file):\/\/\S+$/.test(url));
  if (urls.length === 0 || wrong !== undefined)
    throw badOption("fetchUrl()'s url", wrong, "an http, https or file URL");
  if (options.hash === undefined) {
    throw new OptionError("BAD_OPTION", `Cannot fetch ${show(urls[0])}: fetchUrl()'s "hash" is missing`, {
      hint: "Give the hash of the file that you looked at: sha256:… as sha256sum prints it",
    });
  }
  const name = options.name ?? nameOf(urls[0]!.replace(/[?#].*$/, ""));
  checkName(name);
  const node = describeDerivation({
    name,
    builder: "builtin:fetchurl",
    system: "builtin",
    env: {
      url: urls[0]!,
      urls,
      executable: options.executable ?? false,
      outputHashAlgo: "",
      unpack: false,
      preferLocalBuild: true,
      impureEnvVars: ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"],
    },
    outputHash: options.hash,
    outputHashMode: options.executable === true ? "recursive" : "flat",
  });
  return createDerivation(node, options, fetchUrl);
}
