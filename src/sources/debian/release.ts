// Release files: fetched, verified, and compared with what was asked for.

import { createHash } from "node:crypto";
import { formatIsoDate, parseRelease, type Release } from "../../formats/debian-release.ts";
import type { Context } from "../../model/context.ts";
import { TareError } from "../../model/errors.ts";
import type { ReleasePin } from "../../model/lock.ts";
import { nowMs } from "../../platform/clock.ts";
import { fetchDocument, redactUrl } from "../../platform/network.ts";
import { DebianError } from "./errors.ts";
import { fetchFromMirrors, type MirrorSet } from "./fetch.ts";
import { readTrustedKeys } from "./keys.ts";
import { CLOCK_TOLERANCE_SECONDS, verifyClearsigned } from "./signature.ts";
import { toSnapshotTimestamp } from "./snapshot-timestamp.ts";
import type { Suite } from "./suites.ts";

/** Bytes; the largest of Debian, of unstable, has some 300 KB. */
const LARGEST_RELEASE = 16 << 20;

export interface VerifiedRelease {
  readonly release: Release;
  readonly pin: ReleasePin;
}

/**
 * Fetches and verifies the InRelease file of a suite.
 *
 * A mirror that nobody named, and whose file does not stand the checks, is passed over with a warning.
 *
 * @param snapshot The moment that is asked for; undefined is now, and then the release must not have expired.
 * @throws {DebianError} As {@link verifyRelease}; {NetworkError} when no mirror has it.
 */
export async function fetchRelease(
  suite: Suite,
  mirrors: MirrorSet,
  snapshot: string | undefined,
  context: Context,
): Promise<VerifiedRelease> {
  const what = `the release file of ${suite.name}`;
  return fetchFromMirrors(
    what,
    mirrors,
    async ({ base }) => {
      const url = `${base}/dists/${suite.name}/InRelease`;
      const { bytes } = await fetchDocument(what, [url], LARGEST_RELEASE, context);
      return verifyRelease(bytes, suite, snapshot);
    },
    (mirror, error) => {
      if (mirror.named || !(error instanceof TareError)) return false;
      context.progress.warn(`${redactUrl(mirror.base)} is passed over: ${error.message}`);
      return true;
    },
  );
}

/**
 * Verifies the bytes of an InRelease file.
 *
 * @throws {DebianError} `BAD_SIGNATURE`, `UNTRUSTED_KEY`, `RELEASE_MISMATCH`, `RELEASE_EXPIRED` or
 * `RELEASE_NOT_YET_VALID`; {ControlError} when what was signed is no release file.
 */
export async function verifyRelease(
  bytes: Uint8Array,
  suite: Suite,
  snapshot: string | undefined,
): Promise<VerifiedRelease> {
  const name = `the release file of ${suite.name}`;
  const nowSeconds = Math.floor(nowMs() / 1000);
  const text = await verifyClearsigned(bytes, {
    name,
    keys: await readTrustedKeys(suite.archive),
    nowSeconds,
    historic: snapshot !== undefined,
  });
  const release = parseRelease(text, name);
  checkSuite(release, suite, name);
  checkDates(release, name, snapshot, nowSeconds);
  const date = formatIsoDate(release.dateSeconds);
  return {
    release,
    pin: {
      archive: suite.archive,
      suite: suite.name,
      codename: release.codename ?? suite.name,
      ...(release.version === undefined ? {} : { version: release.version }),
      date,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    },
  };
}

function checkSuite(release: Release, suite: Suite, name: string): void {
  if (release.codename === suite.name || release.suite === suite.name) return;
  throw new DebianError(
    "RELEASE_MISMATCH",
    `Cannot use ${name}: it is that of "${release.codename ?? release.suite ?? "(no name)"}", "${suite.name}" was expected`,
    { hint: "The mirror is set up wrongly or hostile: name another one with TARE_DEBIAN_MIRROR" },
  );
}

function checkDates(release: Release, name: string, snapshot: string | undefined, nowSeconds: number): void {
  const date = formatIsoDate(release.dateSeconds);
  if (release.dateSeconds > nowSeconds + CLOCK_TOLERANCE_SECONDS) {
    throw new DebianError(
      "RELEASE_NOT_YET_VALID",
      `Cannot use ${name}: it is of ${date}, which is in the future`,
      {
        hint: "Check the clock of this machine",
      },
    );
  }
  if (snapshot !== undefined) {
    if (toSnapshotTimestamp(date) <= snapshot) return;
    throw new DebianError(
      "RELEASE_MISMATCH",
      `Cannot use ${name}: it is of ${date}, one not after ${snapshot} was expected`,
      {
        hint: "Check what TARE_DEBIAN_SNAPSHOT names",
      },
    );
  }
  if (release.validUntilSeconds !== undefined && release.validUntilSeconds < nowSeconds) {
    const until = formatIsoDate(release.validUntilSeconds);
    throw new DebianError("RELEASE_EXPIRED", `Cannot use ${name}: it was valid until ${until}`, {
      hint: "The mirror is out of date, or this machine's clock is wrong; for an old state use the option snapshot",
    });
  }
}
