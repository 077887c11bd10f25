// What `packages["…"]` may hold: `name` or `name=version`.

import { versionProblem } from "../../formats/debian-version.ts";
import { DebianError } from "./errors.ts";

export interface RequestName {
  readonly name: string;
  readonly version: string | undefined;
}

/**
 * Takes the name of a request apart.
 *
 * @param text `redis-server`, or `redis-server=5:7.0.15-1~deb12u6` for one version of it.
 * @throws {DebianError} `BAD_NAME` when it can be no Debian package (as dpkg checks it).
 */
export function parseRequestName(text: string): RequestName {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  const version = equals < 0 ? undefined : text.slice(equals + 1);
  const fail = (problem: string, hint: string): never => {
    throw new DebianError("BAD_NAME", `Cannot use "${text}" as a Debian package: ${problem}`, { hint });
  };
  if (!/^[a-z0-9][a-z0-9+.-]*$/.test(name)) {
    fail(
      "a name consists of lower-case letters and digits, and + - . behind the first of them",
      'Write the name as apt does: packages["redis-server"]',
    );
  }
  if (version !== undefined && versionProblem(version) !== undefined) {
    fail(`"${version}" is no version`, 'Write name=version as apt does: packages["redis-server=5:7.0.15-1"]');
  }
  return { name, version };
}
