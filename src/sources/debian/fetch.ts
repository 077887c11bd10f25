// Files from whichever mirror has them: tries mirrors in order, and remembers which did not answer.

import type { Context } from "../../model/context.ts";
import { type Expected, fetchArtifact, NetworkError, type NetworkErrorCode } from "../../platform/network.ts";
import type { Mirror } from "./mirrors.ts";

/** Mirrors of one archive for the length of one command. */
export class MirrorSet {
  readonly #mirrors: readonly Mirror[];
  readonly #silent = new Set<Mirror>();

  constructor(mirrors: readonly Mirror[]) {
    this.#mirrors = mirrors;
  }

  /** Best first; those that did not answer come last. */
  inOrder(): Mirror[] {
    return [
      ...this.#mirrors.filter((mirror) => !this.#silent.has(mirror)),
      ...this.#mirrors.filter((mirror) => this.#silent.has(mirror)),
    ];
  }

  reportSilent(mirror: Mirror): void {
    this.#silent.add(mirror);
  }
}

/** What went wrong is told in this order: damage says more than absence. */
const SEVERITY: readonly NetworkErrorCode[] = [
  "HASH_MISMATCH",
  "SIZE_MISMATCH",
  "TOO_LARGE",
  "OFFLINE",
  "UNREACHABLE",
  "NOT_FOUND",
];

/**
 * Fetches something from the first mirror that gives it.
 *
 * @param what What it is, for messages.
 * @param fetchFrom Tries one mirror.
 * @param passOver Whether to go on after an error that is no {@link NetworkError}; the first of them is thrown when no
 * other mirror does better.
 * @throws {NetworkError} The gravest that a mirror led to, with what all of them said.
 */
export async function fetchFromMirrors<T>(
  what: string,
  mirrors: MirrorSet,
  fetchFrom: (mirror: Mirror) => Promise<T>,
  passOver: (mirror: Mirror, error: unknown) => boolean = () => false,
): Promise<T> {
  const errors: NetworkError[] = [];
  const passed: unknown[] = [];
  for (const mirror of mirrors.inOrder()) {
    try {
      return await fetchFrom(mirror);
    } catch (error) {
      if (error instanceof NetworkError && SEVERITY.includes(error.code)) {
        if (error.code === "UNREACHABLE") mirrors.reportSilent(mirror);
        errors.push(error);
      } else if (passOver(mirror, error)) {
        passed.push(error);
      } else {
        throw error;
      }
    }
  }
  throw passed.length > 0 ? passed[0] : summarize(what, errors);
}

function summarize(what: string, errors: readonly NetworkError[]): NetworkError {
  // Being offline is one reason for all mirrors together.
  const distinct = errors.filter(
    ({ code }, index) => code !== "OFFLINE" || errors.findIndex((one) => one.code === code) === index,
  );
  const [gravest] = [...distinct].sort((a, b) => SEVERITY.indexOf(a.code) - SEVERITY.indexOf(b.code));
  if (gravest === undefined)
    return new NetworkError("NOT_FOUND", `Cannot fetch ${what}: there is no mirror to ask`);
  if (distinct.length === 1) return gravest;
  const prefix = `Cannot fetch ${what}: `;
  const said = distinct.map(({ message }) =>
    message.startsWith(prefix) ? message.slice(prefix.length) : message,
  );
  return new NetworkError(gravest.code, prefix + said.join("; "), { hint: gravest.hint, cause: gravest });
}

/**
 * Fetches a file of an archive into the cache, checked by size and hash.
 *
 * @param paths Below a mirror's base; each mirror is asked for all of them in turn.
 * @returns Its absolute path in `downloads`.
 */
export function fetchFile(
  what: string,
  paths: readonly string[],
  expected: Expected,
  mirrors: MirrorSet,
  context: Context,
  onBytes?: (count: number) => void,
): Promise<string> {
  return fetchFromMirrors(what, mirrors, ({ base }) =>
    fetchArtifact(
      what,
      paths.map((path) => `${base}/${encodePath(path)}`),
      expected,
      context,
      onBytes,
    ),
  );
}

/** Writes a path of an archive as a URL has it: some servers take a plain `+` for a blank. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
