// `pythonEnv`: a lock as a user has it in, an environment with what it pins out.

import { fileURLToPath } from "node:url";
import { checkOptions, type Rule, TEXT } from "../../model/options.ts";
import { badOption, checkName, createDerivation, type Derivation } from "../derivation.ts";
import { describeEnvironment, LOCK_OPTIONS, listLockParts, type PythonLockOptions } from "./python-parts.ts";
import { describePython, PYTHON } from "./python-platform.ts";

/** What an environment holds. */
export interface PythonEnvOptions extends PythonLockOptions {
  /**
   * The project's directory, or its lock: uv.lock, pylock.toml, or a requirements file with hashes; relative to the
   * image file.
   */
  readonly lock: string | URL;
  /** The end of the store path's name. Default: `python-env`. */
  readonly name?: string;
}

export const LOCK_PATH: Rule = {
  expected: "the path of a lock file or of a project's directory",
  accepts: (value) =>
    (TEXT.accepts(value) && value !== "") || (value instanceof URL && value.protocol === "file:"),
};

/**
 * An environment of Python with what a lock pins, and without the project itself: `bin` with its programs, and
 * `lib/python3.X/site-packages`. Wheels are taken as they are, each checked by its hash.
 *
 * @throws {OptionError} `BAD_OPTION` or `UNKNOWN_OPTION`.
 *
 * @example
 * const env = pythonEnv({ lock: "uv.lock" });
 * export default buildLayeredImage({ name: "tool", config: { Entrypoint: [`${env}/bin/python`] } });
 */
export function pythonEnv(options: PythonEnvOptions): Derivation<PythonEnvOptions> {
  checkOptions("pythonEnv()", options, { lock: LOCK_PATH, name: TEXT, python: PYTHON, ...LOCK_OPTIONS });
  if (options.lock === undefined) throw badOption('pythonEnv()\'s "lock"', options.lock, LOCK_PATH.expected);
  const { name = "python-env", systemSitePackages = false } = options;
  checkName(name);
  const python = describePython("pythonEnv()", options.python);
  const parts = listLockParts(toPath(options.lock), options, python);
  return createDerivation(
    describeEnvironment(name, { parts }, python, systemSitePackages),
    options,
    pythonEnv,
  );
}

export function toPath(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path;
}
