// Files of a wheel's .dist-info: METADATA and WHEEL (headers as in e-mail), entry_points.txt (INI), RECORD (CSV).
// Specifications: PEP 427, PEP 376, core metadata 2.x, "Entry points specification". All of them are hostile.

import { compareStrings } from "../../model/bytes.ts";
import { PythonFormatError } from "./errors.ts";

/** Headers by lower-case name, each with all its values, in order. */
export type Headers = ReadonlyMap<string, readonly string[]>;

/** Parses headers up to the first empty line; what is no header is passed over, as Python's parser does. */
export function parseHeaders(text: string): Headers {
  const headers = new Map<string, string[]>();
  let last: string[] | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === "") break;
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) last.push(`${last.pop()!}\n${line.trim()}`);
      continue;
    }
    const [, name, value] = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) continue;
    last = headers.get(name.toLowerCase()) ?? [];
    last.push(value!);
    headers.set(name.toLowerCase(), last);
  }
  return headers;
}

/** A command that a distribution has: a function of a module. */
export interface EntryPoint {
  /** Name of the script. */
  readonly name: string;
  /** `flask.cli`. */
  readonly module: string;
  /** `main`, or `Class.method`. */
  readonly attribute: string;
}

export interface ScriptEntryPoints {
  readonly console: readonly EntryPoint[];
  readonly gui: readonly EntryPoint[];
}

const IDENTIFIER = "[\\p{L}\\p{Nl}_][\\p{L}\\p{Nl}\\p{Mn}\\p{Mc}\\p{Nd}\\p{Pc}]*";
const OBJECT = new RegExp(
  `^(${IDENTIFIER}(?:\\.${IDENTIFIER})*)\\s*:\\s*(${IDENTIFIER}(?:\\.${IDENTIFIER})*)\\s*(?:\\[.*\\])?$`,
  "u",
);

/**
 * The scripts of an entry_points.txt, sorted by name; of a name that is given twice the last counts.
 *
 * @throws {PythonFormatError} `WHEEL_INVALID` when a script has no function, or a name that is no file name.
 */
export function parseScriptEntryPoints(text: string): ScriptEntryPoints {
  const groups = {
    console_scripts: new Map<string, EntryPoint>(),
    gui_scripts: new Map<string, EntryPoint>(),
  };
  let group: Map<string, EntryPoint> | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const section = /^\[([^\]]*)\]/.exec(line)?.[1];
    if (section !== undefined) {
      group = Object.hasOwn(groups, section) ? groups[section as keyof typeof groups] : undefined;
      continue;
    }
    if (group === undefined || /^\s*(?:[#;]|$)/.test(line)) continue;
    const entry = parseEntryPoint(line);
    group.set(entry.name, entry);
  }
  const sorted = (map: Map<string, EntryPoint>) =>
    [...map.values()].sort((a, b) => compareStrings(a.name, b.name));
  return { console: sorted(groups.console_scripts), gui: sorted(groups.gui_scripts) };
}

/** Parses a line such as `flask = flask.cli:main`. @throws {PythonFormatError} `WHEEL_INVALID` */
export function parseEntryPoint(line: string): EntryPoint {
  const [, name, object] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
  const fail = (problem: string) =>
    new PythonFormatError(
      "WHEEL_INVALID",
      "read entry_points.txt",
      `"${line.trim().slice(0, 120)}" ${problem}`,
    );
  if (name === undefined) throw fail("is no entry point");
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name) || name.length > 255)
    throw fail("names no file of bin");
  const [, module, attribute] = OBJECT.exec(object!) ?? [];
  if (module === undefined) throw fail("is no script, NAME = MODULE:FUNCTION was expected");
  return { name, module, attribute: attribute! };
}

/** The text of a script that runs an entry point, without its first line. It is the text that pip writes. */
export function formatEntryPointScript({ module, attribute }: EntryPoint): string {
  const [first] = attribute.split(".");
  return `import sys
from ${module} import ${first}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(${attribute}())
`;
}

/** A line of RECORD. */
export interface RecordedFile {
  /** As written: relative to site-packages, with `/`. */
  readonly path: string;
  /** Undefined for RECORD itself and its signatures. */
  readonly hash: { readonly algorithm: string; readonly digest: string } | undefined;
  /** Bytes. */
  readonly size: number | undefined;
}

/**
 * Parses a RECORD.
 *
 * @throws {PythonFormatError} `WHEEL_INVALID`
 */
export function parseRecord(text: string): RecordedFile[] {
  return parseCsv(text).map((row) => {
    const [path = "", hash = "", size = ""] = row;
    const [, algorithm, digest] = /^([A-Za-z0-9_]+)=([A-Za-z0-9_-]+)=*$/.exec(hash) ?? [];
    if (
      row.length < 1 ||
      path === "" ||
      (hash !== "" && algorithm === undefined) ||
      !/^\d{0,15}$/.test(size)
    ) {
      throw new PythonFormatError(
        "WHEEL_INVALID",
        "read RECORD",
        `"${row.join(",").slice(0, 120)}" is no line of it`,
      );
    }
    return {
      path,
      hash: algorithm === undefined ? undefined : { algorithm: algorithm.toLowerCase(), digest: digest! },
      size: size === "" ? undefined : Number(size),
    };
  });
}

function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  const field = /("(?:[^"]|"")*"|(?!")[^,\r\n]*)(,|\r\n|\n|\r|$)/y;
  let row: string[] = [];
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null)
      throw new PythonFormatError("WHEEL_INVALID", "read RECORD", "a quoted path does not end");
    const [, value, end] = match as unknown as [string, string, string];
    row.push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}

/** Writes a RECORD: sorted by path, so that it depends on nothing else. */
export function formatRecord(
  files: readonly { readonly path: string; readonly sha256?: string; readonly size?: number }[],
): string {
  return [...files]
    .sort((a, b) => compareStrings(a.path, b.path))
    .map(({ path, sha256, size }) => {
      const digest = sha256 === undefined ? "" : `sha256=${Buffer.from(sha256, "hex").toString("base64url")}`;
      return `${/[",\r\n]/.test(path) ? `"${path.replaceAll('"', '""')}"` : path},${digest},${size ?? ""}\n`;
    })
    .join("");
}
