// Integrity strings (Subresource Integrity, as npm writes them): text ⇄ the hashes that bytes may have.

import { NodeLockError } from "./errors.ts";

/** Strongest first. */
const ALGORITHMS = ["sha512", "sha384", "sha256", "sha1"] as const;

export type IntegrityAlgorithm = (typeof ALGORITHMS)[number];

const DIGEST_SIZES: Readonly<Record<IntegrityAlgorithm, number>> = {
  sha512: 64,
  sha384: 48,
  sha256: 32,
  sha1: 20,
};

/** The strongest hashes of an integrity string: bytes are right when they have any one of them. */
export interface Integrity {
  readonly algorithm: IntegrityAlgorithm;
  /** Lower-case hex, at least one. */
  readonly digests: readonly string[];
}

/**
 * Reads an integrity string: hashes separated by blanks, each `sha512-<base64>` with options after a `?` that mean
 * nothing. Of several algorithms only the strongest counts, as the specification says; unknown ones are passed over.
 *
 * @param what What it is the integrity of, for messages: `lodash 4.17.21`.
 * @throws {NodeLockError} `BAD_INTEGRITY` when no hash can be used.
 */
export function parseIntegrity(text: string, what: string): Integrity {
  const hashes = text.split(/[\t\n\r ]+/).flatMap((part) => {
    const match = /^(sha(?:512|384|256|1))-([A-Za-z0-9+/]+={0,2})(?:\?.*)?$/.exec(part);
    if (match === null) return [];
    const algorithm = match[1] as IntegrityAlgorithm;
    const digest = Buffer.from(match[2]!, "base64");
    return digest.length === DIGEST_SIZES[algorithm] ? [{ algorithm, digest: digest.toString("hex") }] : [];
  });
  for (const algorithm of ALGORITHMS) {
    const digests = hashes.filter((hash) => hash.algorithm === algorithm).map(({ digest }) => digest);
    if (digests.length > 0) return { algorithm, digests: [...new Set(digests)] };
  }
  throw new NodeLockError(
    "BAD_INTEGRITY",
    `Cannot check ${what}: its integrity "${text.slice(0, 120)}" holds no hash, sha512-… was expected`,
    { hint: "Restore the lock file from version control, or make it anew" },
  );
}

/** Writes one hash as an integrity string. */
export function formatIntegrity(algorithm: IntegrityAlgorithm, digest: string): string {
  return `${algorithm}-${Buffer.from(digest, "hex").toString("base64")}`;
}
