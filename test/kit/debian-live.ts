// The real archive as the tests see it: verified release files and indices, fetched once for each test process.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import type { PackageRecord } from "../../src/formats/debian-packages.ts";
import type { Context } from "../../src/model/context.ts";
import type { Architecture } from "../../src/model/image-spec.ts";
import { SILENT_PROGRESS } from "../../src/model/progress.ts";
import { Cache } from "../../src/platform/cache.ts";
import { fetchDocument, NetworkError } from "../../src/platform/network.ts";
import { Catalog } from "../../src/sources/debian/catalog.ts";
import { fetchFile, fetchFromMirrors, MirrorSet } from "../../src/sources/debian/fetch.ts";
import { listMirrors } from "../../src/sources/debian/mirrors.ts";
import { fetchIndex, listIndices } from "../../src/sources/debian/packages-index.ts";
import { verifyRelease } from "../../src/sources/debian/release.ts";
import { readMirrorSettings } from "../../src/sources/debian/settings.ts";
import { type Suite, suitesOf } from "../../src/sources/debian/suites.ts";

export interface LiveSuite {
  readonly suite: Suite;
  readonly inRelease: Buffer;
  readonly packages: readonly PackageRecord[];
}

export interface LiveArchive {
  readonly suites: readonly LiveSuite[];
  readonly catalog: Catalog;
  /** A mirror of just these indices: holds `debian/` and `debian-security/`. */
  readonly directory: string;
}

const root = mkdtempSync(join(tmpdir(), "tare-live-"));
after(() => rmSync(root, { recursive: true, force: true }));

const context: Context = {
  cache: new Cache(join(root, "cache")),
  progress: SILENT_PROGRESS,
  signal: new AbortController().signal,
  offline: false,
  jobs: 2,
};

const archives = new Map<string, Promise<LiveArchive | string>>();

/** The main component of a release; a text says why it cannot be had. */
export function loadLiveArchive(codename: string, architecture: Architecture): Promise<LiveArchive | string> {
  const key = `${codename}-${architecture}`;
  let archive = archives.get(key);
  if (archive === undefined) {
    archive = load(codename, architecture, join(root, key)).catch((error) => {
      if (error instanceof NetworkError) return `the archive cannot be reached (${error.message})`;
      throw error;
    });
    archives.set(key, archive);
  }
  return archive;
}

async function load(codename: string, architecture: Architecture, directory: string): Promise<LiveArchive> {
  const suites: LiveSuite[] = [];
  for (const suite of suitesOf(codename)) {
    const mirrors = new MirrorSet(listMirrors(suite, readMirrorSettings([])));
    const what = `the release file of ${suite.name}`;
    const { bytes: inRelease } = await fetchFromMirrors(what, mirrors, ({ base }) =>
      fetchDocument(what, [`${base}/dists/${suite.name}/InRelease`], 1 << 24, context),
    );
    const { release } = await verifyRelease(inRelease, suite, undefined);
    const [forms] = listIndices(release, suite, "main", architecture);
    const packages = await fetchIndex(forms!, release, suite, mirrors, context);
    const dists = join(directory, suite.archive, "dists", suite.name);
    const [form] = forms!;
    const index = await fetchFile(what, [`dists/${suite.name}/${form!.path}`], form!, mirrors, context);
    mkdirSync(dirname(join(dists, form!.path)), { recursive: true });
    writeFileSync(join(dists, "InRelease"), inRelease);
    cpSync(index, join(dists, form!.path));
    suites.push({ suite, inRelease, packages });
  }
  const catalog = new Catalog(
    architecture,
    suites.map(({ suite, packages }) => ({ release: suite.name, packages })),
  );
  return { suites, catalog, directory };
}

/** Every so-and-so-many-th item, chosen by a fixed pseudo-random sequence: the same for the same list. */
export function sample<T>(items: readonly T[], count: number, seed = 1): T[] {
  if (items.length <= count) return [...items];
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, () => items[Math.floor(next() * items.length)]!);
}
