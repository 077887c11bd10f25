// What `packages["…"]` may hold: `name`, `name=version`, or a file by which a package is found: `/path`, `bin:NAME`,
// `lib:SONAME`.

import { versionProblem } from "../../formats/debian-version.ts";
import { bytePathProblem, encodeByteString } from "../../model/bytes.ts";
import { DebianError } from "./errors.ts";

export interface PackageRequest {
  readonly kind: "package";
  readonly name: string;
  readonly version: string | undefined;
}

/** A file that the wanted package ships. */
export type FileRequest =
  /** Without a leading slash; a byte string. */
  | { readonly kind: "path"; readonly path: string }
  /** A program in a directory of programs, by its name alone; a byte string. */
  | { readonly kind: "program"; readonly name: string }
  /** A shared library where the loader looks, by its soname; a byte string. */
  | { readonly kind: "library"; readonly name: string };

export type RequestName = PackageRequest | FileRequest;

/**
 * Takes the name of a request apart.
 *
 * @param text `redis-server`, or `redis-server=5:7.0.15-1~deb12u6` for one version of it; `/usr/bin/redis-server`,
 *   `bin:redis-server` or `lib:libssl.so.3` for the package that ships it.
 * @throws {DebianError} `BAD_NAME` when it can be no Debian package (as dpkg checks it), and no file.
 */
export function parseRequestName(text: string): RequestName {
  if (text.startsWith("/")) return { kind: "path", path: checkPath(text, text.slice(1)) };
  if (text.startsWith("bin:")) return { kind: "program", name: checkFileName(text, text.slice(4)) };
  if (text.startsWith("lib:")) return { kind: "library", name: checkFileName(text, text.slice(4)) };
  return parsePackageName(text);
}

/** As {@link parseRequestName}, for packages alone. */
export function parsePackageName(text: string): PackageRequest {
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
  return { kind: "package", name, version };
}

function checkPath(text: string, path: string): string {
  const bytes = encodeByteString(path);
  const problem = path === "" ? "it is the root directory" : bytePathProblem(bytes);
  if (problem === undefined) return bytes;
  throw new DebianError("BAD_NAME", `Cannot look for "${text}" in the archive: ${problem}`, {
    hint: 'Write the path of a file: packages["/usr/bin/redis-server"]',
  });
}

function checkFileName(text: string, name: string): string {
  if (name !== "" && !name.includes("/")) return checkPath(text, name);
  throw new DebianError("BAD_NAME", `Cannot look for "${text}" in the archive: "${name}" is no file's name`, {
    hint: 'Write packages["bin:redis-server"] or packages["lib:libssl.so.3"]',
  });
}
