// An image that asks for no package asks for the program that it starts: which one that is.

import { posix } from "node:path";
import type { LocalFile, NormalizedImageConfig } from "../model/image-spec.ts";

/** Directories in which a program that is named without a slash is looked for. */
const PROGRAM_DIRECTORY = /^\/(?:usr\/(?:local\/)?)?s?bin$/;

/**
 * What to ask an archive for, so that the image has the program that it starts: an absolute path, or `bin:NAME`.
 *
 * @returns Undefined when the image starts nothing, or something that one of its files is.
 */
export function impliedProgram(
  { Entrypoint = [], Cmd = [] }: NormalizedImageConfig,
  files: readonly LocalFile[],
): string | undefined {
  const [program] = [...Entrypoint, ...Cmd];
  if (program === undefined || program === "") return undefined;
  if (program.startsWith("/")) {
    const path = posix.normalize(program);
    return files.some(({ target }) => mergeUsr(target) === mergeUsr(path)) ? undefined : path;
  }
  if (program.includes("/")) return undefined;
  const isThere = files.some(
    ({ target }) => posix.basename(target) === program && PROGRAM_DIRECTORY.test(posix.dirname(target)),
  );
  return isThere ? undefined : `bin:${program}`;
}

/** `/bin/x` and `/usr/bin/x` are one file. */
function mergeUsr(path: string): string {
  return path.replace(/^\/(?=(?:bin|sbin|lib[a-z0-9]*)\/)/, "/usr/");
}
