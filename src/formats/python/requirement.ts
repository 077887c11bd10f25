// Requirements: `flask[async]>=3,<4; python_version >= "3.9"`. Specification: PEP 508.

import { compareStrings } from "../../model/bytes.ts";
import { PythonFormatError } from "./errors.ts";
import { type Marker, parseMarker } from "./marker.ts";
import { isName, normalizeName } from "./names.ts";
import { formatSpecifiers, parseSpecifiers, type SpecifierSet } from "./specifier.ts";

export interface Requirement {
  /** As it was written, trimmed. */
  readonly text: string;
  /** Normalised. */
  readonly name: string;
  /** Normalised, sorted, each once. */
  readonly extras: readonly string[];
  readonly specifiers: SpecifierSet;
  /** Of `name @ URL`. */
  readonly url: string | undefined;
  readonly marker: Marker | undefined;
}

const HEAD = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*/;
const LONGEST = 64 * 1024;

/**
 * Parses a requirement.
 *
 * @throws {PythonFormatError} `REQUIREMENT_INVALID`, with the cause when a part of it is at fault.
 */
export function parseRequirement(text: string): Requirement {
  const fail = (problem: string, cause?: unknown) =>
    new PythonFormatError(
      "REQUIREMENT_INVALID",
      `read the requirement "${text.trim().slice(0, 200)}"`,
      problem,
      { cause },
    );
  if (text.length > LONGEST) throw fail("it is too long");
  const head = HEAD.exec(text);
  const name = head?.[1] ?? "";
  if (head === null || !isName(name))
    throw fail('it does not begin with a name, one such as "flask>=3" was expected');
  const extras = (head[2] ?? "").split(",").map((extra) => extra.trim());
  if (head[2]?.trim() && !extras.every(isName)) throw fail(`"${head[2].trim()}" is no list of extras`);
  const { url, versions, marker } = splitRest(text.slice(head[0].length));
  if (url === "") throw fail('there is no URL after "@"');
  try {
    return {
      text: text.trim(),
      name: normalizeName(name),
      extras: [...new Set(extras.filter((extra) => extra !== "").map(normalizeName))].sort(compareStrings),
      specifiers: parseSpecifiers(versions),
      url,
      marker: marker === undefined ? undefined : parseMarker(marker),
    };
  } catch (error) {
    if (!(error instanceof PythonFormatError)) throw error;
    throw fail(error.message.replace(/^Cannot read /, ""), error);
  }
}

/** What follows the name: a URL or versions, and the marker. A `;` in a URL begins a marker only after a blank. */
function splitRest(rest: string): { url: string | undefined; versions: string; marker: string | undefined } {
  if (rest.startsWith("@")) {
    const [, url, marker, attached] = /^@\s*(\S*?)(?:\s+;(.*)|;\s(.*)|\s*)$/s.exec(rest) ?? [];
    return { url: url ?? "", versions: "", marker: marker ?? attached };
  }
  const semicolon = rest.indexOf(";");
  const versions = (semicolon < 0 ? rest : rest.slice(0, semicolon)).trim();
  return {
    url: undefined,
    versions: /^\(.*\)$/s.test(versions) ? versions.slice(1, -1) : versions,
    marker: semicolon < 0 ? undefined : rest.slice(semicolon + 1),
  };
}

/** Writes a requirement without its marker, in one form. */
export function formatRequirement({ name, extras, specifiers, url }: Requirement): string {
  const suffix = url === undefined ? formatSpecifiers(specifiers) : ` @ ${url}`;
  return `${name}${extras.length === 0 ? "" : `[${extras.join(",")}]`}${suffix}`;
}
