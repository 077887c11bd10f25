// requirements.txt as a lock: every version pinned, every file by its hash. Format: pip's documentation, "Requirements
// File Format": continued lines, comments, options, `-r` and `-c`, `${NAME}`.

import { PythonFormatError } from "./errors.ts";
import { isWheelFileName, parseWheelFileName, tryParseSdistFileName } from "./file-name.ts";
import type { LockedPackage, PythonLock, RequirementPin } from "./lock.ts";
import { fileNameOfUrl, isUrl, parseSha256 } from "./locked-file.ts";
import { parseRequirement, type Requirement } from "./requirement.ts";
import { formatVersion } from "./version.ts";

export type RequirementsLock = Extract<PythonLock, { kind: "requirements" }>;

/** What a requirements file may ask of the outside. */
export interface RequirementsHost {
  /** The text of a file that is included; undefined when there is none. The path is as {@link joinRelative} makes it. */
  readonly read: (path: string) => string | undefined;
  /** The value of an environment variable. */
  readonly variable: (name: string) => string | undefined;
}

interface LogicalLine {
  /** Number of its first line, from 1. */
  readonly number: number;
  readonly text: string;
}

/** Joins lines that end in a backslash, and takes comments off. */
function* readLines(text: string): Generator<LogicalLine> {
  let pending = "";
  let first = 0;
  for (const [index, line] of text
    .replace(/^\ufeff/, "")
    .split(/\r\n|\r|\n/)
    .entries()) {
    if (pending === "") first = index + 1;
    const isComment = /^\s*#/.test(line);
    if (line.endsWith("\\") && !isComment) {
      pending += line.slice(0, -1);
      continue;
    }
    // A comment between continued lines ends them, as it does for pip.
    const whole = (pending + (isComment ? "" : line)).replace(/(?:^|\s)#.*$/, "").trim();
    pending = "";
    if (whole !== "") yield { number: first, text: whole };
  }
  if (pending.trim() !== "") yield { number: first, text: pending.trim() };
}

/** Options that stand alone and change nothing of what a lock with hashes gives. */
const WITHOUT_EFFECT = new Set(["--require-hashes", "--prefer-binary", "--pre", "--no-index"]);
const WITHOUT_EFFECT_WITH_VALUE = new Set([
  "--trusted-host",
  "--use-feature",
  "--no-binary",
  "--only-binary",
  "--find-links",
  "-f",
  "--global-option",
  "--config-settings",
  "--config-setting",
  "-C",
]);

interface Line {
  readonly requirement: string;
  readonly options: readonly (readonly [name: string, value: string])[];
}

/** Words with shell-like quotes, as pip splits options. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|[^\s"'])+/g)].map(([word]) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) =>
      double === undefined ? (single ?? "") : double.replace(/\\(.)/g, "$1"),
    ),
  );
}

function splitLine(text: string, fail: (problem: string) => PythonFormatError): Line {
  const start = /(?:^|\s)-/.exec(text)?.index ?? text.length;
  const words = splitWords(text.slice(start));
  const options: [string, string][] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? /^(-[a-zA-Z])(.+)$/s.exec(word) ?? [];
    if (name !== undefined) options.push([name, value!]);
    else if (WITHOUT_EFFECT.has(word)) options.push([word, ""]);
    else if (!word.startsWith("-")) throw fail(`"${word.slice(0, 80)}" has no meaning after an option`);
    else {
      const next = words.shift();
      if (next === undefined) throw fail(`the option ${word} has no value`);
      options.push([word, next]);
    }
  }
  return { requirement: text.slice(0, start).trim(), options };
}

/** A path as an including file means it: relative to the directory of that file. */
export function joinRelative(from: string, path: string): string {
  if (path.startsWith("/")) return path;
  const slash = from.lastIndexOf("/");
  return slash < 0 ? path : `${from.slice(0, slash)}/${path}`;
}

const DEEPEST = 16;
const MOST_LINES = 100_000;

/** One requirement of any of the files. */
interface Found {
  readonly origin: string;
  readonly line: Line;
  /** Path of the file it is in. */
  readonly file: string;
  readonly isEditable: boolean;
}

class Reader {
  readonly #host: RequirementsHost;
  readonly requirements: Found[] = [];
  readonly constraints: Found[] = [];
  readonly indexes: string[] = [];

  constructor(host: RequirementsHost) {
    this.#host = host;
  }

  read(text: string, file: string, isConstraint: boolean, within: readonly string[]): void {
    if (within.includes(file) || within.length >= DEEPEST)
      throw this.#fail(file, `it includes itself: ${[...within, file].join(" includes ")}`);
    for (const { number, text: written } of readLines(text)) {
      const origin = `${file}:${number}`;
      const expanded = written.replace(
        /\$\{([A-Z0-9_]+)\}/g,
        (whole, name: string) => this.#host.variable(name) ?? whole,
      );
      const line = splitLine(expanded, (problem) => this.#fail(origin, problem));
      if (line.requirement !== "") {
        this.#add({ origin, line, file, isEditable: false }, isConstraint);
        continue;
      }
      for (const [name, value] of line.options)
        this.#option(name, value, { origin, line, file }, isConstraint, within);
    }
  }

  #add(found: Found, isConstraint: boolean): void {
    const list = isConstraint ? this.constraints : this.requirements;
    if (list.push(found) > MOST_LINES) throw this.#fail(found.origin, "there are too many requirements");
  }

  #option(
    name: string,
    value: string,
    at: { readonly origin: string; readonly line: Line; readonly file: string },
    isConstraint: boolean,
    within: readonly string[],
  ): void {
    switch (name) {
      case "-r":
      case "--requirement":
      case "-c":
      case "--constraint": {
        const path = joinRelative(at.file, value);
        const text = isUrl(value) ? undefined : this.#host.read(path);
        if (text === undefined)
          throw this.#fail(
            at.origin,
            isUrl(value) ? "a file of the network cannot be included" : `there is no file ${path}`,
          );
        this.read(text, path, isConstraint || name === "-c" || name === "--constraint", [...within, at.file]);
        return;
      }
      case "-e":
      case "--editable":
        this.#add({ ...at, line: { requirement: value, options: [] }, isEditable: true }, isConstraint);
        return;
      case "-i":
      case "--index-url":
      case "--pypi-url":
        this.indexes.unshift(value);
        return;
      case "--extra-index-url":
        this.indexes.push(value);
        return;
      default:
        if (!WITHOUT_EFFECT.has(name) && !WITHOUT_EFFECT_WITH_VALUE.has(name))
          throw this.#fail(at.origin, `the option ${name} is not known`);
    }
  }

  #fail(origin: string, problem: string): PythonFormatError {
    return new PythonFormatError("REQUIREMENT_INVALID", `read ${origin}`, problem);
  }
}

/**
 * Parses a requirements file and what it includes, as a lock.
 *
 * @param file Its path as `host.read` would be given it, for messages and for relative paths.
 * @throws {PythonFormatError} `REQUIREMENT_INVALID`, `REQUIREMENT_NOT_PINNED`, `FILE_NAME_INVALID`, `MARKER_INVALID`
 */
export function parseRequirementsLock(text: string, file: string, host: RequirementsHost): RequirementsLock {
  const reader = new Reader(host);
  reader.read(text, file, false, []);
  const constraints = new Map<string, { requirement: Requirement; hashes: readonly string[] }[]>();
  for (const found of reader.constraints) {
    const requirement = inLine(found.origin, () => parseRequirement(found.line.requirement));
    const known = constraints.get(requirement.name) ?? [];
    constraints.set(requirement.name, [...known, { requirement, hashes: hashesOf(found) }]);
  }
  const pins = reader.requirements.map((found): RequirementPin => {
    const local = readLocal(found);
    if (local !== undefined) return local;
    const requirement = inLine(found.origin, () => parseRequirement(found.line.requirement));
    const bounds = constraints.get(requirement.name) ?? [];
    return {
      origin: found.origin,
      marker: requirement.marker,
      extras: requirement.extras,
      package: pinRequirement(found, requirement, bounds),
    };
  });
  return { kind: "requirements", file, requiresPython: undefined, pins, indexes: reader.indexes };
}

function inLine<T>(origin: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof PythonFormatError)) throw error;
    throw new PythonFormatError(error.code, `read ${origin}`, error.message, { cause: error });
  }
}

function hashesOf({ line }: Found): string[] {
  return line.options.flatMap(([name, value]) => (name === "--hash" ? (parseSha256(value) ?? []) : []));
}

function pinRequirement(
  found: Found,
  requirement: Requirement,
  bounds: readonly { requirement: Requirement; hashes: readonly string[] }[],
): LockedPackage {
  const { name, url } = requirement;
  if (url !== undefined) return archivePackage(found, url, name);
  const pinned = [requirement, ...bounds.map((bound) => bound.requirement)]
    .flatMap((one) => one.specifiers)
    .flatMap((specifier) =>
      specifier.operator === "==="
        ? specifier.text
        : specifier.operator === "==" && !specifier.isPrefix
          ? formatVersion(specifier.version)
          : [],
    );
  if (pinned.length === 0) {
    throw new PythonFormatError(
      "REQUIREMENT_NOT_PINNED",
      `use ${found.origin} as a lock`,
      `"${requirement.text.slice(0, 120)}" leaves the version open, ${name}==VERSION was expected`,
      {
        hint: "Run `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`, and use the file that it writes",
      },
    );
  }
  return {
    name,
    version: pinned[0]!,
    source: { kind: "registry", index: undefined },
    files: [],
    hashes: [...new Set([...hashesOf(found), ...bounds.flatMap(({ hashes }) => hashes)])],
  };
}

/** A wheel or source distribution that is named by URL or path. */
function archivePackage(found: Found, location: string, name: string | undefined): LockedPackage {
  const file = fileNameOfUrl(location) ?? "";
  const known = inLine(found.origin, () =>
    isWheelFileName(file) ? parseWheelFileName(file) : tryParseSdistFileName(file),
  );
  if (known === undefined && name === undefined) {
    throw new PythonFormatError(
      "REQUIREMENT_INVALID",
      `read ${found.origin}`,
      `"${location.slice(0, 200)}" says of which project it is neither by its name nor by "NAME @"`,
    );
  }
  const fragment = /#.*?(sha256=[0-9a-fA-F]{64})/.exec(location)?.[1];
  const bare = location.replace(/#.*$/s, "");
  const isFileUrl = /^file:/i.test(bare);
  return {
    name: name ?? known!.name,
    version: known === undefined ? undefined : formatVersion(known.version),
    source: { kind: "archive" },
    files: [
      {
        name: file,
        url: isUrl(bare) && !isFileUrl ? bare : undefined,
        path:
          isUrl(bare) && !isFileUrl
            ? undefined
            : joinRelative(found.file, bare.replace(/^file:(?:\/\/)?/i, "")),
        size: undefined,
        sha256: hashesOf(found)[0] ?? (fragment === undefined ? undefined : parseSha256(fragment)),
      },
    ],
    hashes: [],
  };
}

/** A line that names a place instead of a project: a URL, a file, a directory; undefined for any other. */
function readLocal(found: Found): RequirementPin | undefined {
  const { requirement } = found.line;
  const [, place = "", extras] = /^(.*?)(?:\[([^\]]*)\])?(?:\s*;.*)?$/s.exec(requirement) ?? [];
  const isPlace =
    found.isEditable ||
    isUrl(place) ||
    /^(?:file:|\.{0,2}\/)/.test(place) ||
    /^\.{1,2}$/.test(place) ||
    /^[^\s@]*\/[^\s@]*$/.test(place);
  if (!isPlace && !(isWheelFileName(place) && !/\s/.test(place))) return undefined;
  const fileName = fileNameOfUrl(place) ?? "";
  const isArchive = isWheelFileName(fileName) || tryParseSdistFileName(fileName) !== undefined;
  const marker = /\s;\s*(.*)$/s.exec(requirement)?.[1];
  const common = {
    origin: found.origin,
    marker:
      marker === undefined ? undefined : inLine(found.origin, () => parseRequirement(`x; ${marker}`)).marker,
    extras: (extras ?? "")
      .split(",")
      .map((extra) => extra.trim())
      .filter((extra) => extra !== ""),
  };
  if (isArchive) return { ...common, package: archivePackage(found, place, undefined) };
  if (/^git\+/.test(place)) {
    const [, url, commit] = /^git\+(.*?)(?:@([^@/#]+))?(?:#.*)?$/s.exec(place) ?? [];
    const name = /#(?:.*&)?egg=([A-Za-z0-9._-]+)/.exec(place)?.[1];
    return {
      ...common,
      package: {
        ...PLACE,
        name: name ?? "",
        source: { kind: "git", url: url!, commit, subdirectory: undefined },
      },
    };
  }
  if (isUrl(place) && !/^file:/i.test(place))
    return { ...common, package: archivePackage(found, place, undefined) };
  const path = joinRelative(found.file, place.replace(/^file:(?:\/\/)?/i, "") || ".");
  return {
    ...common,
    package: {
      ...PLACE,
      name: "",
      source: { kind: "directory", path, install: found.isEditable ? "editable" : "copied" },
    },
  };
}

/** What is known of a project that is named by its place: its name is in its own pyproject.toml. */
const PLACE = { version: undefined, files: [], hashes: [] } as const;
