// The pins: everything a build may use, and nothing about where it is fetched from. Data; see docs/lock.md.

import { formatCanonicalJson } from "./canonical-json.ts";
import type { RequestScope } from "./image-spec.ts";

/** An exact artifact. */
export interface Pin {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The release file that vouches for it, a key of the section's `releases`; empty where a source signs none. */
  readonly release: string;
  /** Path below the archive's base URL: `pool/main/r/redis/redis-server_…deb`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** What its registry vouches with, as npm writes it: `sha512-…`. */
  readonly integrity?: string | undefined;
  /** Names of the pins that satisfy its declared dependencies, in the order of their declaration. */
  readonly dependencies: readonly string[];
  /** True for packages that others may use without declaring it. */
  readonly essential?: boolean | undefined;
}

/** A signed statement of what an archive held. */
export interface ReleasePin {
  /** The archive below a mirror: `debian` or `debian-security`. */
  readonly archive: string;
  readonly suite: string;
  readonly codename: string;
  readonly version?: string | undefined;
  /** As in the Release file, in ISO 8601: `2026-09-12T07:55:41Z`. */
  readonly date: string;
  /** SHA-256 of the InRelease file, lower-case hex. */
  readonly sha256: string;
}

/** What one source pinned for one scope. */
export interface LockSection {
  readonly source: string;
  readonly scope: RequestScope;
  /** What was asked for, and the name of the pin that answers it: `/usr/bin/redis-server` → `redis-server`. */
  readonly requests: Readonly<Record<string, string>>;
  readonly releases: Readonly<Record<string, ReleasePin>>;
  /** By name, sorted by bytes. */
  readonly packages: Readonly<Record<string, Pin>>;
}

export interface Lock {
  readonly version: 1;
  readonly sections: readonly LockSection[];
}

/** What differs between two states of a lock. */
export interface LockChange {
  /** `replaced`: the same version, and yet another file. */
  readonly kind: "added" | "removed" | "upgraded" | "downgraded" | "replaced";
  readonly name: string;
  /** Version before; absent when added. */
  readonly from?: string;
  /** Version after; absent when removed. */
  readonly to?: string;
}

/** What makes two requests be resolved together: source and scope, as canonical text. */
export function sectionKey({ source, scope }: Pick<LockSection, "source" | "scope">): string {
  return `${source} ${formatCanonicalJson(scope)}`;
}

/** The name of the pin that answers a request; undefined when the section does not know the request. */
export function findRequestedName(section: LockSection | undefined, request: string): string | undefined {
  return section !== undefined && Object.hasOwn(section.requests, request)
    ? section.requests[request]
    : undefined;
}
