// Where an archive's files may be fetched: from what is configured to base URLs in the order in which they are tried.

import { formatIsoDate } from "../../formats/debian-release.ts";
import type { AptSource } from "./apt-sources.ts";
import { toSnapshotTimestamp } from "./snapshot-timestamp.ts";
import type { ArchiveName, Suite } from "./suites.ts";

/** A copy of one archive. */
export interface Mirror {
  /** Base URL, without a slash at its end: `https://mirror.example/debian`. */
  readonly base: string;
  /** True when somebody named exactly this one: what it serves wrongly is an error, not a reason to try the next. */
  readonly named: boolean;
}

/** What is configured; see docs/mirrors.md. */
export interface MirrorSettings {
  /** The option `mirrors` of `debian()`. */
  readonly options: readonly string[];
  /** `TARE_DEBIAN_MIRROR`: URLs of the main archive, separated by blanks or commas. */
  readonly mirrors: string | undefined;
  /** `TARE_DEBIAN_SECURITY_MIRROR`: the same of the security archive. */
  readonly securityMirrors: string | undefined;
  /** `TARE_DEBIAN_SNAPSHOT`: the base URL of a snapshot service, above its `debian` and `debian-security`. */
  readonly snapshot: string | undefined;
  readonly aptSources: readonly AptSource[];
}

const PUBLIC_MIRRORS: Readonly<Record<ArchiveName, string>> = {
  debian: "http://ftp.debian.org/debian",
  "debian-security": "http://security.debian.org/debian-security",
};

const PUBLIC_SNAPSHOT = "http://snapshot.debian.org/archive";

/**
 * The mirrors of a suite's archive, best first, each once.
 *
 * Who names a mirror gets that mirror: the option's, else the environment's. Where neither names one of this archive,
 * the machine's apt sources follow (those of this suite first), then Debian's own servers.
 */
export function listMirrors(suite: Suite, settings: MirrorSettings): Mirror[] {
  const levels: Mirror[][] = [
    fromUrls(settings.options, suite.archive),
    [
      ...(suite.archive === "debian-security"
        ? fromUrls(splitUrls(settings.securityMirrors), undefined)
        : []),
      ...fromUrls(splitUrls(settings.mirrors), suite.archive),
    ],
    fromAptSources(settings.aptSources, suite),
    [{ base: PUBLIC_MIRRORS[suite.archive], named: false }],
  ];
  const naming = levels.findIndex((level) => level.some(({ named }) => named));
  const seen = new Set<string>();
  return levels
    .slice(0, naming < 0 ? levels.length : naming + 1)
    .flat()
    .filter(({ base }) => !seen.has(base) && seen.add(base));
}

/** Mirrors that serve what an archive held at a moment: `20260901T000000Z`. */
export function listSnapshotMirrors(
  archive: ArchiveName,
  timestamp: string,
  settings: MirrorSettings,
): Mirror[] {
  const { snapshot } = settings;
  return [
    {
      base: `${trimSlashes(snapshot ?? PUBLIC_SNAPSHOT)}/${archive}/${timestamp}`,
      named: snapshot !== undefined,
    },
  ];
}

/**
 * Mirrors for files that are gone from the ordinary ones.
 *
 * @param date When a release listed the file, in ISO 8601. A service that looks for the state at that moment may find
 * the one before the release; the day after has what was published with it as well.
 */
export function listArchivalMirrors(archive: ArchiveName, date: string, settings: MirrorSettings): Mirror[] {
  return [date, nextDay(date)].flatMap((moment) =>
    listSnapshotMirrors(archive, toSnapshotTimestamp(moment), settings),
  );
}

function nextDay(date: string): string {
  return formatIsoDate(Date.parse(date) / 1000 + 86_400);
}

/**
 * URLs that somebody named, as mirrors of an archive.
 *
 * A mirror of the main archive has the security archive beside it by convention: `…/debian` and `…/debian-security`.
 *
 * @param archive Undefined: the URLs are taken as they are.
 */
function fromUrls(urls: readonly string[], archive: ArchiveName | undefined): Mirror[] {
  return urls.map(trimSlashes).flatMap((url): Mirror[] => {
    const isSecurity = url.endsWith("/debian-security");
    if (archive === undefined || isSecurity === (archive === "debian-security"))
      return [{ base: url, named: true }];
    if (archive === "debian-security" && url.endsWith("/debian"))
      return [{ base: `${url}-security`, named: false }];
    return [];
  });
}

function fromAptSources(sources: readonly AptSource[], suite: Suite): Mirror[] {
  const usable = sources.filter(({ uri }) => /^(?:https?|file):\/\//.test(uri));
  const ofSuite = usable.filter(
    ({ suites, components }) => suites.includes(suite.name) && components.includes("main"),
  );
  const byPath = usable.filter(({ uri }) => trimSlashes(uri).endsWith(`/${suite.archive}`));
  return [...ofSuite, ...byPath].map(({ uri }) => ({ base: trimSlashes(uri), named: false }));
}

function splitUrls(text: string | undefined): string[] {
  return (text ?? "").split(/[\s,]+/).filter((url) => url !== "");
}

function trimSlashes(url: string): string {
  return url.replace(/\/+$/, "");
}
