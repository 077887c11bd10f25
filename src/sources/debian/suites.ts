// The suites that Tare knows: those whose archive keys it ships.

import { didYouMean } from "../../model/suggest.ts";
import { DebianError } from "./errors.ts";

/** An archive below a mirror's host: each has release files, and a pool, of its own. */
export type ArchiveName = "debian" | "debian-security";

/** Codenames, newest first. */
export const KNOWN_SUITES: readonly string[] = ["trixie", "bookworm"];

/** The release after a codename; undefined for the newest, and for those that are not known. */
export function newerSuite(codename: string): string | undefined {
  const index = KNOWN_SUITES.indexOf(codename);
  return index > 0 ? KNOWN_SUITES[index - 1] : undefined;
}

/** One suite of one archive. */
export interface Suite {
  readonly archive: ArchiveName;
  /** As its directory under `dists/` is named. */
  readonly name: string;
}

/**
 * What makes up a Debian release: the release itself, its updates and its security updates.
 *
 * @throws {DebianError} `UNKNOWN_SUITE`
 */
export function suitesOf(codename: string): Suite[] {
  if (!KNOWN_SUITES.includes(codename)) {
    throw new DebianError(
      "UNKNOWN_SUITE",
      `Cannot resolve packages of the suite "${codename}": it is not known, a codename was expected (${KNOWN_SUITES.join(", ")})`,
      { hint: didYouMean(codename, KNOWN_SUITES) ?? `Write debian("${KNOWN_SUITES[0]}")` },
    );
  }
  return [
    { archive: "debian", name: codename },
    { archive: "debian", name: `${codename}-updates` },
    { archive: "debian-security", name: `${codename}-security` },
  ];
}
