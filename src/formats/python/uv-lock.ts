// uv.lock (version 1) → the packages that uv pinned, with what each asks for. Format: docs.astral.sh/uv, read from what
// uv writes; keys that are not known are passed over, as uv does for revisions of one version.

import { PythonFormatError } from "./errors.ts";
import type {
  LockedFile,
  LockedSource,
  PythonLock,
  UvDependency,
  UvMetadata,
  UvPackage,
  UvRequirement,
} from "./lock.ts";
import { fileNameOfUrl, parseSha256, toPathOrUrl } from "./locked-file.ts";
import { parseMarker } from "./marker.ts";
import { isName, normalizeName } from "./names.ts";
import { parseSpecifiers } from "./specifier.ts";
import { parseTomlTable, type TomlTable } from "./toml-table.ts";

export type UvLock = Extract<PythonLock, { kind: "uv" }>;

/**
 * Parses a uv.lock.
 *
 * @param file Its name, for messages.
 * @throws {PythonFormatError} `LOCK_INVALID` or `LOCK_UNSUPPORTED`
 */
export function parseUvLock(text: string, file = "uv.lock"): UvLock {
  const root = parseTomlTable(text, { code: "LOCK_INVALID", name: `the lock file ${file}` });
  const version = root.size("version");
  if (version === undefined) throw root.error("version", "it is missing");
  if (version !== 1) {
    throw new PythonFormatError(
      "LOCK_UNSUPPORTED",
      `read the lock file ${file}`,
      `it has version ${version}, 1 was expected`,
      { hint: "Run `uv export --format pylock.toml -o pylock.toml`: that format is a standard" },
    );
  }
  const requiresPython = root.text("requires-python");
  return {
    kind: "uv",
    file,
    requiresPython:
      requiresPython === undefined
        ? undefined
        : root.parse("requires-python", requiresPython, parseSpecifiers),
    packages: root.tables("package").map(readPackage),
    members: (root.table("manifest")?.texts("members") ?? []).map(normalizeName),
  };
}

function readName(table: TomlTable): string {
  const name = table.requiredText("name");
  if (!isName(name)) throw table.error("name", `"${name}" is no name`);
  return normalizeName(name);
}

function readPackage(table: TomlTable): UvPackage {
  const source = readSource(table);
  const sdist = table.table("sdist");
  const files = [...table.tables("wheels"), ...(sdist === undefined ? [] : [sdist])];
  return {
    name: readName(table),
    version: table.text("version"),
    source,
    files: files.map((file) => readFile(file, table.table("source")!)),
    hashes: [],
    dependencies: table.tables("dependencies").map(readDependency),
    extras: readLists(table.table("optional-dependencies"), readDependency),
    groups: readLists(table.table("dev-dependencies"), readDependency),
    metadata: readMetadata(table.table("metadata")),
  };
}

function readSource(table: TomlTable): LockedSource {
  const source = table.table("source");
  if (source === undefined) throw table.error("source", "it is missing");
  const path = source.text("editable") ?? source.text("virtual") ?? source.text("directory");
  if (path !== undefined) {
    return {
      kind: "directory",
      path,
      install: source.has("editable") ? "editable" : source.has("virtual") ? "none" : "copied",
    };
  }
  const git = source.text("git");
  if (git !== undefined) return { kind: "git", ...readGitUrl(git) };
  if (source.has("url") || source.has("path")) return { kind: "archive" };
  const registry = source.text("registry");
  if (registry === undefined)
    throw table.error("source", `none of ${source.keys().join(", ")} is a known kind`);
  return { kind: "registry", index: registry };
}

/** `https://host/repository?rev=main&subdirectory=a#commit`. */
function readGitUrl(text: string): {
  url: string;
  commit: string | undefined;
  subdirectory: string | undefined;
} {
  const [address, commit] = text.split("#", 2) as [string, string?];
  const [url, query] = address.split("?", 2) as [string, string?];
  return { url, commit, subdirectory: new URLSearchParams(query ?? "").get("subdirectory") ?? undefined };
}

function readFile(file: TomlTable, source: TomlTable): LockedFile {
  const { url, path } = toPathOrUrl(
    file.text("url") ?? source.text("url"),
    file.text("path") ?? (file.has("url") ? undefined : source.text("path")),
    source.text("registry"),
  );
  const location = url ?? path;
  const name = file.text("filename") ?? (location === undefined ? undefined : fileNameOfUrl(location));
  if (name === undefined || location === undefined) throw file.error("url", "it is missing");
  const hash = file.text("hash");
  return {
    name,
    url,
    path,
    size: file.size("size"),
    sha256: hash === undefined ? undefined : parseSha256(hash),
  };
}

function readDependency(table: TomlTable): UvDependency {
  const marker = table.text("marker");
  const source = table.table("source");
  return {
    name: readName(table),
    version: table.text("version"),
    sourceKey: source === undefined ? undefined : sourceKey(readSource(table)),
    extras: (table.texts("extra") ?? []).map(normalizeName),
    marker: marker === undefined ? undefined : table.parse("marker", marker, parseMarker),
  };
}

/** What tells sources of packages of one name apart. */
export function sourceKey(source: LockedSource): string {
  switch (source.kind) {
    case "registry":
      return `registry ${source.index ?? ""}`;
    case "directory":
      return `directory ${source.path}`;
    case "git":
      return `git ${source.url} ${source.subdirectory ?? ""} ${source.commit ?? ""}`;
    case "archive":
      return "archive";
  }
}

function readLists<T>(
  table: TomlTable | undefined,
  read: (table: TomlTable) => T,
): Map<string, readonly T[]> {
  return new Map((table?.keys() ?? []).map((name) => [normalizeName(name), table!.tables(name).map(read)]));
}

function readMetadata(table: TomlTable | undefined): UvMetadata | undefined {
  if (table === undefined) return undefined;
  return {
    requires: table.tables("requires-dist").map(readRequirement),
    extras: (table.texts("provides-extras") ?? []).map(normalizeName),
    groups: readLists(table.table("requires-dev"), readRequirement),
  };
}

const OWN_SOURCES = ["git", "url", "path", "directory", "editable", "virtual", "index"];

function readRequirement(table: TomlTable): UvRequirement {
  const marker = table.text("marker");
  const specifier = table.text("specifier");
  const hasOwnSource = OWN_SOURCES.some((key) => table.has(key));
  return {
    name: readName(table),
    extras: (table.texts("extras") ?? []).map(normalizeName).sort(),
    specifiers:
      specifier === undefined
        ? hasOwnSource
          ? undefined
          : []
        : table.parse("specifier", specifier, parseSpecifiers),
    hasOwnSource,
    marker: marker === undefined ? undefined : table.parse("marker", marker, parseMarker),
  };
}
