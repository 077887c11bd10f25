// Where the bytes of a locked package come from, and what vouches for them.

import { NodeLockError } from "./errors.ts";
import type { Integrity } from "./integrity.ts";
import { parseIntegrity } from "./integrity.ts";

/** Where a locked package comes from. */
export type PackageOrigin =
  | {
      /** A tarball of a registry, or of any server when `resolved` says so. */
      readonly kind: "tarball";
      /** As the lock has it; without it the URL is made from registry, name and version. */
      readonly resolved: string | undefined;
      readonly integrity: Integrity;
    }
  | {
      /** A tarball in the project. */
      readonly kind: "file";
      /** Relative to the project's directory, without `..`. */
      readonly path: string;
      /** Undefined: the file is the project's own, and its bytes are taken as they are. */
      readonly integrity: Integrity | undefined;
    };

/** What a lock says of a package's bytes. */
export interface OriginFields {
  readonly name: string;
  readonly version: string | undefined;
  readonly resolved: string | undefined;
  readonly integrity: string | undefined;
  /** How to make the lock anew: `npm install --package-lock-only`. */
  readonly remake: string;
  /** How messages call the lock file. */
  readonly lockName: string;
}

/**
 * Decides where a package comes from.
 *
 * @throws {NodeLockError} `INTEGRITY_MISSING`, `BAD_INTEGRITY` or `DEPENDENCY_UNSUPPORTED`.
 */
export function readOrigin(fields: OriginFields): PackageOrigin {
  const { name, version, resolved, lockName } = fields;
  const label = version === undefined ? name : `${name} ${version}`;
  const integrity = () =>
    fields.integrity === undefined || fields.integrity === ""
      ? undefined
      : parseIntegrity(fields.integrity, label);
  if (resolved !== undefined && !/^https?:\/\//i.test(resolved)) {
    if (!resolved.startsWith("file:")) throw unsupported(label, describeUrl(resolved));
    const path = checkProjectPath(resolved.slice("file:".length), label);
    if (!/\.(?:tgz|tar\.gz|tar)$/i.test(path)) {
      throw unsupported(label, `a packed copy of the directory ${path}`);
    }
    return { kind: "file", path, integrity: integrity() };
  }
  if (resolved === undefined && version === undefined) {
    throw new NodeLockError(
      "NODE_LOCK_INVALID",
      `Cannot install ${label}: ${lockName} gives it neither a version nor a place`,
      { hint: `Make the lock anew: ${fields.remake}` },
    );
  }
  const checked = integrity();
  if (checked === undefined) {
    throw new NodeLockError(
      "INTEGRITY_MISSING",
      `Cannot install ${label}: ${lockName} has no integrity for it, and unchecked bytes are never used`,
      { hint: `Delete its entry from ${lockName}, and node_modules, then run ${fields.remake}` },
    );
  }
  return { kind: "tarball", resolved, integrity: checked };
}

/**
 * A path below the project's directory: `./libs/a` is `libs/a`, the project itself is empty.
 *
 * @throws {NodeLockError} `DEPENDENCY_UNSUPPORTED` when it is absolute or leads out of the project.
 */
export function checkProjectPath(path: string, label: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw outside(path, label);
  }
  if (path.startsWith("/") || path.includes("\0")) throw outside(path, label);
  return parts.join("/");
}

function outside(path: string, label: string): NodeLockError {
  return new NodeLockError(
    "DEPENDENCY_UNSUPPORTED",
    `Cannot install ${label}: it lies at ${path}, which is outside of the project`,
    { hint: "Make the directory that holds both the source, or publish the package to a registry" },
  );
}

/** The error of a package that cannot be had the same twice. */
export function unsupported(label: string, what: string): NodeLockError {
  return new NodeLockError(
    "DEPENDENCY_UNSUPPORTED",
    `Cannot install ${label}: it comes from ${what}, and only tarballs with an integrity can be checked`,
    { hint: "Depend on a version from a registry, or on the URL or file of a packed .tgz" },
  );
}

function describeUrl(url: string): string {
  const shown = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1***@");
  return /^git[+:@]|\.git(?:#|$)|^(?:github|gitlab|bitbucket|gist):/.test(url)
    ? `the git repository ${shown}`
    : `"${shown}"`;
}
