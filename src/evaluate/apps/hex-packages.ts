// The packages of a hex lock → a script that unpacks them where a build tool looks for its dependencies. Each tarball is a
// derivation of its own, known by the lock's outer checksum; the inner one is checked when it is unpacked.
// Source: Hex, "Package tarball": a tar of VERSION, CHECKSUM, metadata.config and contents.tar.gz.

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { HexLock, LockedPackage } from "../../formats/hex/locked-package.ts";
import { OptionError, type Rule, show } from "../../model/options.ts";
import { environmentVariable, homeDirectory } from "../../platform/environment.ts";
import { pathKind } from "../../platform/files.ts";
import type { Output } from "../derivation.ts";
import { currentDirectory } from "../image-directory.ts";
import { fetchUrl } from "../trivial-builders.ts";
import { AppError } from "./errors.ts";
import { quoteWord } from "./project.ts";

/** Where packages are looked for before hex.pm: directories of tarballs, or base URLs of mirrors. */
export type HexSources = string | readonly string[];

export const HEX_SOURCES: Rule = {
  expected: "a directory of tarballs, the URL of a mirror, or several",
  accepts: (value) => [value].flat().every((item) => typeof item === "string" && item !== ""),
};

const PUBLIC = "https://repo.hex.pm";

/** A lock file as messages name it, with the command that writes it. */
export interface LockFile {
  readonly name: "mix.lock" | "rebar.lock";
  readonly command: string;
}

/**
 * Describes how the packages of a lock come to be in a directory.
 *
 * @param directory Relative to the working directory of the script.
 * @throws {AppError} `CHECKSUM_MISSING`, `DEPENDENCY_UNSUPPORTED`; {OptionError} `BAD_OPTION`.
 */
export function unpackPackages(
  { packages, others }: HexLock,
  lock: LockFile,
  directory: string,
  sources: HexSources | undefined,
): string {
  const [other] = others;
  if (other !== undefined) {
    throw new AppError(
      "DEPENDENCY_UNSUPPORTED",
      `Cannot fetch ${other.application} of ${lock.name}: it comes from ${other.kind}, a hex package was expected`,
      { hint: "Use a release of it from hex.pm, or copy it into the project and depend on its path" },
    );
  }
  const places = [sources ?? []].flat().map(toPlace);
  const steps = packages.map((locked) => {
    const target = quoteWord(`${directory}/${locked.application}`);
    return `unpack_package ${fetchPackage(locked, lock, places)} ${locked.inner ?? '""'} ${target}`;
  });
  return steps.length === 0 ? "" : [UNPACK, ...steps].join("\n");
}

const UNPACK = `
unpack_package() {
  local parts
  parts=$(mktemp -d)
  tar -xf "$1" -C "$parts"
  if [ -n "$2" ] && [ "$(cat "$parts"/{VERSION,metadata.config,contents.tar.gz} | sha256sum | cut -d' ' -f1)" != "$2" ]; then
    echo "The contents of \${1##*/} do not have the checksum that the lock says: $2" >&2
    exit 1
  fi
  mkdir -p "$3"
  tar -xzf "$parts/contents.tar.gz" -C "$3" --no-same-owner --no-same-permissions
  rm -r "$parts"
}`;

function fetchPackage(locked: LockedPackage, lock: LockFile, places: readonly string[]): Output {
  const { name, version, outer, repository } = locked;
  if (outer === undefined) {
    throw new AppError(
      "CHECKSUM_MISSING",
      `Cannot fetch ${name} ${version} of ${lock.name}: the lock has no checksum of its tarball`,
      { hint: `Delete ${lock.name} and run ${lock.command}: present versions write it` },
    );
  }
  const file = `${name}-${version}.tar`;
  const urls = [...places, ...defaultPlaces(repository)].flatMap((place) =>
    place.startsWith("file:")
      ? [`${place}/${file}`, `${place}/tarballs/${file}`]
      : [`${place}/tarballs/${file}`],
  );
  if (urls.length === 0) {
    throw new AppError(
      "DEPENDENCY_UNSUPPORTED",
      `Cannot fetch ${name} ${version} of ${lock.name}: it is in the repository ${repository}, whose tarballs need a login`,
      { hint: 'Give a directory that has them: hex: "./tarballs"' },
    );
  }
  return fetchUrl({ urls, hash: `sha256:${outer}`, name: file });
}

/** Hex's own cache, and the public repository or its mirror. */
function defaultPlaces(repository: string): string[] {
  const home = environmentVariable("HEX_HOME") ?? resolve(homeDirectory(), ".hex");
  const cache = resolve(home, "packages", repository);
  const local = pathKind(cache) === "directory" ? [pathToFileURL(cache).href] : [];
  const mirror = environmentVariable("HEX_MIRROR");
  return repository === "hexpm" ? [...local, ...(mirror === undefined ? [] : [trim(mirror)]), PUBLIC] : local;
}

function toPlace(source: string): string {
  if (/^https?:\/\/\S+$/.test(source)) return trim(source);
  const directory = resolve(
    currentDirectory(),
    source.startsWith("file:") ? new URL(source).pathname : source,
  );
  if (pathKind(directory) === "directory") return pathToFileURL(directory).href;
  throw new OptionError(
    "BAD_OPTION",
    `Cannot fetch packages from ${show(source)}: there is no such directory`,
    {
      hint: "Paths are relative to the directory of the image file; mirrors begin with https://",
    },
  );
}

function trim(url: string): string {
  return url.replace(/\/+$/, "");
}
