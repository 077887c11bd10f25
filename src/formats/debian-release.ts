// Release files: text → what a suite holds, with dates and hashes. Source: Debian wiki "DebianRepository/Format".

import { ControlError, parseStanza, readField } from "./deb822.ts";

/** A file that the release vouches for. */
export interface ReleaseFile {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface Release {
  readonly suite: string | undefined;
  readonly codename: string | undefined;
  readonly version: string | undefined;
  /** Seconds since the epoch. */
  readonly dateSeconds: number;
  /** Seconds since the epoch; absent when it never expires. */
  readonly validUntilSeconds: number | undefined;
  /** Index files can be fetched as `by-hash/SHA256/<hash>` too. */
  readonly acquireByHash: boolean;
  readonly architectures: readonly string[];
  /** Without the `updates/` that the security archive writes before each. */
  readonly components: readonly string[];
  /** True: packages of architecture `all` are listed in the index of every architecture. */
  readonly mergesArchitectureAll: boolean;
  /** By path relative to the release file's directory. */
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

/**
 * Parses a Release file, or the signed text of an InRelease file.
 *
 * @param name What is parsed, for messages.
 * @throws {ControlError} `BAD_RELEASE` when the date or the SHA256 list is absent or wrong, `BAD_CONTROL`.
 */
export function parseRelease(text: string, name = "a release file"): Release {
  const stanza = parseStanza(text, { name });
  const fail = (problem: string): never => {
    throw new ControlError("BAD_RELEASE", `Cannot parse ${name}: ${problem}`);
  };
  const words = (field: string): string[] =>
    (readField(stanza, field) ?? "").split(/\s+/).filter((word) => word !== "");
  const date = readField(stanza, "Date") ?? fail("it has no Date");
  const validUntil = readField(stanza, "Valid-Until");
  const architectures = words("Architectures");
  return {
    suite: readField(stanza, "Suite"),
    codename: readField(stanza, "Codename"),
    version: readField(stanza, "Version"),
    dateSeconds: parseReleaseDate(date) ?? fail(`its Date "${date}" is no date`),
    validUntilSeconds:
      validUntil === undefined
        ? undefined
        : (parseReleaseDate(validUntil) ?? fail(`its Valid-Until "${validUntil}" is no date`)),
    acquireByHash: readField(stanza, "Acquire-By-Hash")?.toLowerCase() === "yes",
    architectures,
    components: words("Components").map((component) => component.replace(/^.*\//, "")),
    mergesArchitectureAll:
      !architectures.includes("all") || words("No-Support-for-Architecture-all").includes("Packages"),
    files: parseFiles(readField(stanza, "SHA256") ?? fail("it has no SHA256 list"), fail),
  };
}

function parseFiles(list: string, fail: (problem: string) => never): Map<string, ReleaseFile> {
  const files = new Map<string, ReleaseFile>();
  for (const line of list.split("\n")) {
    if (line.trim() === "") continue;
    const match = /^\s*([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)\s*$/.exec(line);
    if (match === null) return fail(`its SHA256 list has the line "${line.trim().slice(0, 100)}"`);
    files.set(match[3]!, { sha256: match[1]!, size: Number(match[2]) });
  }
  return files;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/**
 * Reads a date as RFC 5322 writes it in UTC: `Sat, 11 Jul 2026 10:16:37 UTC`, or with `GMT`, `Z` or `+0000`.
 *
 * @returns Seconds since the epoch, or undefined when it is none.
 */
export function parseReleaseDate(text: string): number | undefined {
  const match =
    /^(?:[A-Z][a-z]{2},\s+)?(\d{1,2})\s+([A-Z][a-z]{2})\s+(\d{4})\s+(\d{1,2}):(\d{2}):(\d{2})\s+(?:UTC|GMT|Z|[+-]0000)$/.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const [, day, monthName, year, hour, minute, second] = match;
  const month = String(MONTHS.indexOf(monthName!) + 1).padStart(2, "0");
  const iso = `${year}-${month}-${day!.padStart(2, "0")}T${hour!.padStart(2, "0")}:${minute}:${second}Z`;
  const milliseconds = Date.parse(iso);
  // `Date.parse` takes February 30 for March 2.
  return Number.isNaN(milliseconds) || formatIsoDate(milliseconds / 1000) !== iso
    ? undefined
    : milliseconds / 1000;
}

/** Writes seconds since the epoch in ISO 8601, UTC: `2026-09-12T07:55:41Z`. */
export function formatIsoDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
