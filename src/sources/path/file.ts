// `file()`: a file of this machine for an image, as plain data. Nothing is read here.

import { fileURLToPath } from "node:url";
import { bytePathProblem, encodeByteString } from "../../model/bytes.ts";
import type { ArchiveReference, LocalFile } from "../../model/image-spec.ts";
import { ARCHIVE, checkOptions, OptionError, type Rule, show, wholeNumber } from "../../model/options.ts";

export interface FileOptions {
  /** Permission bits such as 0o755. Default: 0o755 for a file that can be executed, else 0o644. */
  readonly mode?: number;
  /**
   * Where the libraries and the interpreter that it needs are looked for: `debian("trixie")`. Default: the image's
   * `archive`.
   */
  readonly archive?: ArchiveReference;
}

const OPTIONS: Readonly<Record<keyof FileOptions, Rule>> = {
  mode: wholeNumber(0, 0o7777),
  archive: ARCHIVE,
};

/**
 * A file of this machine in the image, owned by root.
 *
 * What a program needs comes along: the interpreter and the libraries that an ELF file names, the interpreter of a
 * script's first line. They are found in a Debian archive and pinned in the lock; the file itself is not, its bytes are
 * yours.
 *
 * @param source Where it lies, relative to the directory of the image file; or a `file:` URL, such as
 *   `new URL("./server", import.meta.url)` in a module elsewhere.
 * @param target Where it goes: an absolute path with the file's name, `/usr/bin/server`.
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * export default buildLayeredImage({
 *   name: "server",
 *   contents: [packages.tzdata, file("./server", "/usr/bin/server")],
 *   config: { Entrypoint: ["server"] },
 * });
 */
export function file(source: string | URL, target: string, options: FileOptions = {}): LocalFile {
  checkOptions("file()", options, OPTIONS);
  return Object.freeze({
    kind: "file",
    path: toPath(source),
    target: checkTarget(target),
    mode: options.mode,
    archive: options.archive,
  });
}

function toPath(source: unknown): string {
  if (source instanceof URL && source.protocol === "file:") return fileURLToPath(source);
  if (typeof source === "string" && source !== "" && !source.includes("\0")) return source;
  throw new OptionError(
    "BAD_OPTION",
    `Cannot use ${source instanceof URL ? source.href : show(source)} as file()'s source: a path or a file: URL was expected`,
  );
}

function checkTarget(target: unknown): string {
  const isPath =
    typeof target === "string" &&
    /^\/[^/]/.test(target) &&
    bytePathProblem(encodeByteString(target.slice(1))) === undefined;
  if (isPath) return target;
  throw new OptionError(
    "BAD_OPTION",
    `Cannot use ${show(target)} as file()'s target: an absolute path with the file's name was expected`,
    { hint: 'Write file("./server", "/usr/bin/server")' },
  );
}
