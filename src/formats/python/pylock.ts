// pylock.toml → the packages that it pins. Specification: PEP 751 (lock-version 1.0).

import { PythonFormatError } from "./errors.ts";
import type { LockedFile, LockedSource, PylockPackage, PythonLock } from "./lock.ts";
import { fileNameOfUrl } from "./locked-file.ts";
import { parseMarker } from "./marker.ts";
import { isName, normalizeName } from "./names.ts";
import { parseSpecifiers } from "./specifier.ts";
import { parseTomlTable, type TomlTable } from "./toml-table.ts";

export type Pylock = Extract<PythonLock, { kind: "pylock" }>;

/** Whether a file name is one that PEP 751 gives to lock files. */
export function isPylockName(fileName: string): boolean {
  return /^pylock(?:\.[^.]+)?\.toml$/.test(fileName);
}

/**
 * Parses a pylock.toml.
 *
 * @param file Its name, for messages.
 * @throws {PythonFormatError} `LOCK_INVALID` or `LOCK_UNSUPPORTED`
 */
export function parsePylock(text: string, file = "pylock.toml"): Pylock {
  const root = parseTomlTable(text, { code: "LOCK_INVALID", name: `the lock file ${file}` });
  const version = root.requiredText("lock-version");
  if (!/^1(?:\.\d+)*$/.test(version)) {
    throw new PythonFormatError(
      "LOCK_UNSUPPORTED",
      `read the lock file ${file}`,
      `it has lock-version "${version}", 1.0 was expected`,
    );
  }
  return {
    kind: "pylock",
    file,
    requiresPython: readSpecifiers(root),
    environments: root
      .texts("environments")
      ?.map((marker) => root.parse("environments", marker, parseMarker)),
    extras: (root.texts("extras") ?? []).map(normalizeName),
    groups: (root.texts("dependency-groups") ?? []).map(normalizeName),
    defaultGroups: (root.texts("default-groups") ?? []).map(normalizeName),
    packages: root.tables("packages").map(readPackage),
  };
}

function readSpecifiers(table: TomlTable) {
  const text = table.text("requires-python");
  return text === undefined ? undefined : table.parse("requires-python", text, parseSpecifiers);
}

function readPackage(table: TomlTable): PylockPackage {
  const name = table.requiredText("name");
  if (!isName(name)) throw table.error("name", `"${name}" is no name`);
  const marker = table.text("marker");
  const archive = table.table("archive");
  const sdist = table.table("sdist");
  const files = [
    ...table.tables("wheels"),
    ...(sdist === undefined ? [] : [sdist]),
    ...(archive === undefined ? [] : [archive]),
  ];
  return {
    name: normalizeName(name),
    version: table.text("version"),
    source: readSource(table),
    files: files.map(readFile),
    hashes: [],
    marker: marker === undefined ? undefined : table.parse("marker", marker, parseMarker),
    requiresPython: readSpecifiers(table),
  };
}

function readSource(table: TomlTable): LockedSource {
  const kinds = ["vcs", "directory", "archive"].filter((kind) => table.has(kind));
  const hasFiles = table.has("sdist") || table.has("wheels");
  if (kinds.length > 1 || (kinds.length === 1 && hasFiles))
    throw table.error(
      "name",
      `a package has one source, and this one has ${[...kinds, ...(hasFiles ? ["wheels or sdist"] : [])].join(", ")}`,
    );
  const directory = table.table("directory");
  if (directory !== undefined) {
    return {
      kind: "directory",
      path: joinSubdirectory(directory.requiredText("path"), directory.text("subdirectory")),
      install: directory.boolean("editable") === true ? "editable" : "copied",
    };
  }
  const vcs = table.table("vcs");
  if (vcs !== undefined) {
    const type = vcs.requiredText("type");
    if (type !== "git") throw vcs.error("type", `"${type}" is not supported, "git" was expected`);
    const url = vcs.text("url") ?? vcs.text("path");
    if (url === undefined) throw vcs.error("url", "it is missing");
    return {
      kind: "git",
      url,
      commit: vcs.requiredText("commit-id"),
      subdirectory: vcs.text("subdirectory"),
    };
  }
  if (table.has("archive")) return { kind: "archive" };
  if (!hasFiles) throw table.error("name", "the package has neither wheels nor another source");
  return { kind: "registry", index: table.text("index") };
}

function joinSubdirectory(path: string, subdirectory: string | undefined): string {
  return subdirectory === undefined ? path : `${path.replace(/\/$/, "")}/${subdirectory}`;
}

function readFile(table: TomlTable): LockedFile {
  const [url, path] = [table.text("url"), table.text("path")];
  const location = path ?? url;
  const name = table.text("name") ?? (location === undefined ? undefined : fileNameOfUrl(location));
  if (name === undefined) throw table.error("url", "it is missing");
  const hash = table.table("hashes")?.text("sha256");
  if (hash !== undefined && !/^[0-9a-f]{64}$/i.test(hash))
    throw table.error("hashes.sha256", "64 hex digits were expected");
  // A path is preferred: PEP 751 has it for files that lie beside the lock.
  return { name, url, path, size: table.size("size"), sha256: hash?.toLowerCase() };
}
