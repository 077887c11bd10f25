// `path()`: a file or directory of this machine as an input of builds and images. Which of its entries belong to it is
// decided here, by filter and ignore file; their bytes are read when something is built.

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ignorePatterns, { type Ignore } from "ignore";
import { type BytePath, compareStrings, decodeByteString, ROOT_PATH } from "../model/bytes.ts";
import { checkOptions, OptionError, type Rule, show, TEXT } from "../model/options.ts";
import { listEntries } from "../platform/directory-entries.ts";
import { pathKind, readSmallFile } from "../platform/files.ts";
import { badOption, checkName, createSource, type Output } from "./derivation.ts";
import { currentDirectory } from "./image-directory.ts";

/** What of a directory belongs to a source. */
export interface PathOptions {
  /** The end of the store path's name. Default: the name of the file or directory. */
  readonly name?: string;
  /** Called for every entry, directories before what they hold; false leaves it out, with all it holds. */
  readonly filter?: (path: string, type: "file" | "directory" | "symlink") => boolean;
  /** Files with patterns of what is left out, such as `".gitignore"`; read in every directory. `.git` is always out then. */
  readonly ignore?: string | readonly string[];
}

const OPTIONS: Readonly<Record<keyof PathOptions, Rule>> = {
  name: TEXT,
  filter: { expected: "a function", accepts: (value) => typeof value === "function" },
  ignore: {
    expected: 'the name of a file such as ".gitignore", or several',
    accepts: (value) =>
      [value].flat().length > 0 &&
      [value].flat().every((item) => TEXT.accepts(item) && !String(item).includes("/")),
  },
};

/**
 * A file or directory of this machine, copied into the store when something is built from it.
 *
 * @param source Relative to the directory of the image file; or a `file:` URL.
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`; also when there is nothing at the path and a filter or an
 *   ignore file would have to look at it.
 *
 * @example
 * const src = path("./src", { ignore: ".gitignore" });
 * const app = runCommand("app", { inputs: [packages.make] }, `cp -r ${src} work && make -C work`);
 */
export function path(source: string | URL, options: PathOptions = {}): Output {
  checkOptions("path()", options, OPTIONS);
  const given = toPath(source);
  const name = options.name ?? nameOf(resolve(currentDirectory(), given));
  checkName(name);
  const chosen = options.filter !== undefined || options.ignore !== undefined;
  return createSource({
    kind: "source",
    name,
    path: given,
    include: chosen ? choose(resolve(currentDirectory(), given), options) : undefined,
  });
}

function toPath(source: unknown): string {
  if (source instanceof URL && source.protocol === "file:") return fileURLToPath(source);
  if (typeof source === "string" && source !== "" && !source.includes("\0")) return source;
  throw badOption("path()'s source", source instanceof URL ? source.href : source, "a path or a file: URL");
}

/** Names may hold what store paths may not: that is left out. */
function nameOf(absolute: string): string {
  const last =
    absolute
      .split("/")
      .filter((part) => part !== "")
      .at(-1) ?? "root";
  return last.replaceAll(/[^0-9a-zA-Z+._?=-]+/g, "-").replace(/^\.+/, "") || "source";
}

function choose(root: string, { filter, ignore = [] }: PathOptions): string[] {
  if (pathKind(root) !== "directory") {
    throw new OptionError("BAD_OPTION", `Cannot read ${show(root)} for path(): a directory was expected`, {
      hint: "Paths are relative to the directory of the image file",
    });
  }
  const ignoreFiles = [ignore].flat();
  const chosen: BytePath[] = [];
  const visit = (directory: BytePath, above: readonly Patterns[]): void => {
    const entries = listEntries(root, directory);
    const own = ignoreFiles.flatMap((name) => readPatterns(root, decodeByteString(directory), name));
    const patterns = [...above, ...own];
    for (const { name, path: entry, type } of entries) {
      if (type === "other") continue;
      const text = decodeByteString(entry);
      if (ignoreFiles.length > 0 && (name === ".git" || isIgnored(text, type === "directory", patterns)))
        continue;
      if (filter !== undefined && filter(text, type) !== true) continue;
      chosen.push(entry);
      if (type === "directory") visit(entry, patterns);
    }
  };
  visit(ROOT_PATH, []);
  return chosen.sort(compareStrings);
}

/** The patterns of one ignore file: they mean what lies below its directory. */
interface Patterns {
  readonly directory: string;
  readonly rules: Ignore;
}

/** Bytes: a larger ignore file is none. */
const LARGEST_IGNORE_FILE = 1 << 20;

function readPatterns(root: string, directory: string, name: string): Patterns[] {
  const bytes = readSmallFile(join(root, directory, name), LARGEST_IGNORE_FILE);
  if (bytes === undefined || bytes === "too-large") return [];
  return [{ directory, rules: ignorePatterns().add(bytes.toString("utf8")) }];
}

/** The last pattern that says something counts; those of deeper directories come later. */
function isIgnored(text: string, isDirectory: boolean, patterns: readonly Patterns[]): boolean {
  let ignored = false;
  for (const { directory, rules } of patterns) {
    const below = directory === "" ? text : text.slice(directory.length + 1);
    const said = rules.test(isDirectory ? `${below}/` : below);
    if (said.ignored) ignored = true;
    else if (said.unignored) ignored = false;
  }
  return ignored;
}
