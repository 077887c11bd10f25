// The directory of an application's project: where it is, and which of its files are the project's own.

import { basename, join, resolve } from "node:path";
import { encodeByteString } from "../../model/bytes.ts";
import { findNode } from "../../model/mentions.ts";
import { OptionError, type Rule, show } from "../../model/options.ts";
import { pathKind, readSmallFile } from "../../platform/files.ts";
import { isOutput, type Output } from "../derivation.ts";
import { currentDirectory } from "../image-directory.ts";
import { path } from "../source-path.ts";
import { AppError } from "./errors.ts";

/** What `src` may be: a directory of this machine, as `path()` gives it, or its path. */
export type ProjectSource = Output | string | URL;

export const PROJECT_SOURCE: Rule = {
  expected: 'a directory of this machine such as path(".")',
  accepts: (value) =>
    (typeof value === "string" && value !== "") || value instanceof URL || isSourceTree(value),
};

export interface Project {
  /** Absolute path. */
  readonly directory: string;
  /** As image.ts has it: relative to its directory, or absolute. */
  readonly path: string;
  /** The project's own files. */
  readonly source: Output;
  /** Whether a file of the directory is one of the project's own; byte path. */
  readonly holds: (path: string) => boolean;
}

/** What lies beside a project and is Tare's or its owner's: an image that changed with each build would never be the same twice. */
const BESIDE = /^(?:image\.ts|tare\.lock|[^/]+\.oci(?:\.tar)?)$/;

/** Never a part of an application: what version control keeps, and what can hold a token. */
const NEVER = new Set([".git", ".hg", ".svn", ".npmrc", ".netrc", ".DS_Store"]);

/**
 * Opens a project.
 *
 * @param where The function of the API, for messages.
 * @param excluded Names of directories and files that are made anew for an image, wherever they are.
 * @throws {AppError} `PROJECT_MISSING`; {OptionError} `BAD_OPTION`.
 */
export function openProject(where: string, src: unknown, excluded: readonly string[]): Project {
  if (!PROJECT_SOURCE.accepts(src)) {
    throw new OptionError(
      "BAD_OPTION",
      `Cannot use ${show(src)} as ${where}'s "src": ${PROJECT_SOURCE.expected} was expected`,
    );
  }
  const chosen = isOutput(src) ? findNode(src) : undefined;
  const given = chosen?.kind === "source" ? chosen : undefined;
  const place = given?.path ?? (src as string | URL);
  const written = place instanceof URL ? decodeURIComponent(place.pathname) : place;
  const directory = resolve(currentDirectory(), written);
  if (pathKind(directory) !== "directory") {
    throw new AppError(
      "PROJECT_MISSING",
      `Cannot use ${show(written)} as ${where}'s "src": there is no such directory`,
      { hint: "Paths are relative to the directory of the image file" },
    );
  }
  const included = given?.include === undefined ? undefined : new Set<string>(given.include);
  const left = new Set([...NEVER, ...excluded]);
  const own = new Set<string>();
  const source = path(written, {
    // The directory's own name may be anybody's: the store path must not depend on it.
    name: "source",
    ...(included === undefined && { ignore: [".gitignore", ".dockerignore"] }),
    filter: (entry, type) => {
      const isOwn =
        !left.has(basename(entry)) &&
        !BESIDE.test(entry) &&
        !(type === "directory" && pathKind(join(directory, entry, "oci-layout")) === "file") &&
        (included === undefined || included.has(encodeByteString(entry)));
      if (isOwn) own.add(entry);
      return isOwn;
    },
  });
  return { directory, path: written, source, holds: (entry) => own.has(entry) };
}

/** Bytes of the largest manifest or lock that is looked at. */
const LARGEST_DOCUMENT = 64 * 2 ** 20;

/** A document of a project as text; undefined when there is none. */
export function readProjectText({ directory }: Pick<Project, "directory">, name: string): string | undefined {
  const bytes = readSmallFile(join(directory, name), LARGEST_DOCUMENT);
  return bytes instanceof Buffer ? bytes.toString("utf8") : undefined;
}

/** A text that every shell reads as one word. */
export function quoteWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function isSourceTree(value: unknown): boolean {
  return isOutput(value) && findNode(value)?.kind === "source";
}
