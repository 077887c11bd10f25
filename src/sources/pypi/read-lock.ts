// A project's lock file: found, read, parsed, with the pyproject.toml beside it.

import { join, resolve } from "node:path";
import { PythonFormatError } from "../../formats/python/errors.ts";
import type { PythonLock } from "../../formats/python/lock.ts";
import { type PythonProject, parseProject } from "../../formats/python/project.ts";
import { isPylockName, parsePylock } from "../../formats/python/pylock.ts";
import { parseRequirementsLock } from "../../formats/python/requirements-file.ts";
import { parseUvLock } from "../../formats/python/uv-lock.ts";
import { environmentVariable } from "../../platform/environment.ts";
import { pathKind, readSmallFile } from "../../platform/files.ts";
import { PypiError } from "./errors.ts";

/** A lock with what it is the lock of. */
export interface LockedProject {
  readonly lock: PythonLock;
  /** Absolute path of the directory that holds the lock: what its paths are relative to. */
  readonly directory: string;
  /** What the project's pyproject.toml says; undefined when there is none, or when it describes no project. */
  readonly project: PythonProject | undefined;
}

/** Bytes; the largest locks have some 10 MiB. */
const LARGEST = 1 << 28;
/** In the order in which they are preferred: what tools keep up to date, then what was exported. */
const NAMES = ["uv.lock", "pylock.toml", "requirements.txt"];
/** Locks of other tools, with what makes one of ours of them. */
const OTHERS: Readonly<Record<string, string>> = {
  "poetry.lock": "Run `poetry export --format requirements.txt --output requirements.txt` (it writes hashes)",
  "pdm.lock": "Run `pdm export --format pylock -o pylock.toml`",
  "Pipfile.lock": "Run `pipenv requirements --hash > requirements.txt`",
};
const HOW_TO_LOCK =
  "Run `uv lock`, or `uv pip compile --generate-hashes pyproject.toml -o requirements.txt`, and keep the file with the project";

/**
 * Reads the lock of a project.
 *
 * @param path Absolute path of the project's directory, or of a lock file: uv.lock, pylock.toml, pylock.NAME.toml, or
 * any other name for a requirements file. A project of a workspace may have its uv.lock in a directory above.
 * @throws {PypiError} `LOCK_MISSING`
 * @throws {PythonFormatError} What is wrong with the lock or pyproject.toml.
 * @throws {DiskError}
 */
export function readPythonLock(path: string): LockedProject {
  const start = resolve(path);
  const file = pathKind(start) === "directory" ? findLock(start) : start;
  const directory = resolve(file, "..");
  const projectDirectory = pathKind(start) === "directory" ? start : directory;
  const text = readText(file);
  if (text === undefined) {
    throw new PypiError("LOCK_MISSING", `Cannot read the lock file ${file}: there is no such file`, {
      hint: HOW_TO_LOCK,
    });
  }
  return {
    lock: parseLock(text, file, directory),
    directory,
    project: readProject(projectDirectory),
  };
}

function findLock(directory: string): string {
  for (const name of NAMES) if (pathKind(join(directory, name)) === "file") return join(directory, name);
  const workspace = findWorkspaceLock(directory);
  if (workspace !== undefined) return workspace;
  const other = Object.keys(OTHERS).find((name) => pathKind(join(directory, name)) === "file");
  throw new PypiError(
    "LOCK_MISSING",
    `Cannot install the Python project ${directory}: ${other === undefined ? "it has no lock file" : `${other} is not supported`}, ${NAMES.join(", ")} was expected`,
    { hint: other === undefined ? HOW_TO_LOCK : OTHERS[other] },
  );
}

/** The uv.lock of the workspace that a project is a member of. */
function findWorkspaceLock(directory: string): string | undefined {
  const name = readProject(directory)?.name;
  if (name === undefined) return undefined;
  for (
    let above = resolve(directory, ".."), below = directory;
    above !== below;
    below = above, above = resolve(above, "..")
  ) {
    const file = join(above, "uv.lock");
    const text = pathKind(file) === "file" ? readText(file) : undefined;
    if (text !== undefined) return parseUvLock(text, file).members.includes(name) ? file : undefined;
  }
  return undefined;
}

function parseLock(text: string, file: string, directory: string): PythonLock {
  const name = file.slice(directory.length).replace(/^\/+/, "");
  if (name === "uv.lock") return parseUvLock(text, name);
  if (isPylockName(name)) return parsePylock(text, name);
  return parseRequirementsLock(text, name, {
    read: (path) => readText(resolve(directory, path)),
    variable: environmentVariable,
  });
}

/** What the pyproject.toml of a directory says; undefined when there is none, or when it describes no project. */
export function readProject(directory: string): PythonProject | undefined {
  const file = join(directory, "pyproject.toml");
  const text = readText(file);
  if (text === undefined) return undefined;
  const project = parseProject(text, file);
  return project.name === undefined ? undefined : project;
}

/** The text of a file of the project; undefined when there is none. */
export function readText(file: string): string | undefined {
  const bytes = readSmallFile(file, LARGEST);
  if (bytes === undefined) return undefined;
  if (bytes === "too-large") {
    throw new PythonFormatError("LOCK_INVALID", `read ${file}`, `it is larger than ${LARGEST} bytes`);
  }
  return bytes.toString("utf8");
}
