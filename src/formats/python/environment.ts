// The layout of an environment: where its modules and programs are, and what makes the image's Python look there.
// Specification: PEP 405 (virtual environments).

/** Where scripts say that their Python is, until the environment that they belong to has a place. */
export const UNPLACED_PREFIX = "/python-environment";

/** The Python of an environment. */
export interface EnvironmentPython {
  /** Minor version: `3.11`. */
  readonly python: string;
  /** Absolute path: `/usr/bin/python3.11`. */
  readonly interpreter: string;
  /** Whether Debian's own Python packages can be imported too. Default false. */
  readonly systemSitePackages?: boolean | undefined;
}

/** Where modules are, relative to the environment. */
export function sitePackagesOf(python: string): string {
  return `lib/python${python}/site-packages`;
}

/** The text of pyvenv.cfg. */
export function formatEnvironmentConfig({
  python,
  interpreter,
  systemSitePackages,
}: EnvironmentPython): string {
  const lines = [
    `home = ${interpreter.slice(0, interpreter.lastIndexOf("/")) || "/"}`,
    `include-system-site-packages = ${systemSitePackages === true}`,
    `version = ${python}`,
    `executable = ${interpreter}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The links in bin that are the environment's Python: names and targets. */
export function listInterpreterLinks({
  python,
  interpreter,
}: EnvironmentPython): readonly (readonly [name: string, target: string])[] {
  return [
    ["python", interpreter],
    ["python3", "python"],
    [`python${python}`, "python"],
  ];
}

/** The first line of a script, with its end. */
export function formatScriptStart(prefix: string): string {
  return `#!${prefix}/bin/python\n`;
}

/**
 * Gives a script of an environment without a place, or of one at another place, the Python of this one.
 *
 * @returns Undefined for a file that is no script of `from`.
 */
export function replaceScriptStart(bytes: Buffer, from: string, to: string): Buffer | undefined {
  const start = formatScriptStart(from);
  if (bytes.toString("utf8", 0, Buffer.byteLength(start)) !== start) return undefined;
  return Buffer.concat([Buffer.from(formatScriptStart(to)), bytes.subarray(Buffer.byteLength(start))]);
}
