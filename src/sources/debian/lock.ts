// Resolves and pins: release files → indices → resolution → the section of a lock. The only step that asks the archive
// what is newest.

import type { PackageRecord } from "../../formats/debian-packages.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { RequestScope } from "../../model/image-spec.ts";
import type { LockSection, Pin, ReleasePin } from "../../model/lock.ts";
import { didYouMean } from "../../model/suggest.ts";
import { Catalog } from "./catalog.ts";
import { DebianError } from "./errors.ts";
import { MirrorSet } from "./fetch.ts";
import { findPackages } from "./find-packages.ts";
import type { VerifiedSuite } from "./index-file.ts";
import { listMirrors, listSnapshotMirrors, type MirrorSettings } from "./mirrors.ts";
import { fetchIndex, listIndices } from "./packages-index.ts";
import { checkPoolPath } from "./pool-path.ts";
import { fetchRelease, type VerifiedRelease } from "./release.ts";
import { parsePackageName } from "./request-name.ts";
import { type Resolution, resolve } from "./resolve.ts";
import { type DebianScope, readScope } from "./scope.ts";
import { readMirrorSettings } from "./settings.ts";
import { type Suite, suitesOf } from "./suites.ts";

/** A suite with what was got of it. */
interface LoadedSuite extends VerifiedSuite {
  readonly pin: ReleasePin;
  readonly packages: readonly PackageRecord[];
}

/** Resolves names in a scope; see {@link Source.lock}. */
export async function lock(
  requestScope: RequestScope,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<LockSection> {
  const scope = readScope(requestScope);
  const suites = suitesOf(scope.suite);
  const settings = readMirrorSettings(mirrors);
  const stage = context.progress.stage("resolving");
  stage.expect(suites.length);
  const loaded = await Promise.all(
    suites.map(async (suite) => {
      const result = await loadSuite(suite, scope, settings, context, (bytes, more) => {
        if (more) stage.expect(0, bytes);
        else stage.advance(0, bytes);
      });
      stage.advance(1);
      return result;
    }),
  );
  context.signal.throwIfAborted();
  const catalog = new Catalog(
    scope.architecture,
    loaded.map(({ suite, packages }) => ({ release: suite.name, packages })),
  );
  const found = await findPackages(names, loaded, scope, catalog, context);
  const resolution = resolve(catalog, [...new Set(found.values())], { recommends: scope.recommends });
  for (const { name, reason } of resolution.leftOut) {
    context.progress.warn(`the essential package ${name} is left out: ${reason}`);
  }
  stage.done(
    `${resolution.packages.size} of ${catalog.size} packages of ${scope.suite} for ${scope.architecture} pinned`,
  );
  return createSection(requestScope, found, loaded, resolution);
}

async function loadSuite(
  suite: Suite,
  scope: DebianScope,
  settings: MirrorSettings,
  context: Context,
  report: (bytes: number, more: boolean) => void,
): Promise<LoadedSuite> {
  const mirrors = new MirrorSet(
    scope.snapshot === undefined
      ? listMirrors(suite, settings)
      : listSnapshotMirrors(suite.archive, scope.snapshot, settings),
  );
  const { release, pin } = await fetchRelease(suite, mirrors, scope.snapshot, context);
  checkOffers(release, suite, scope);
  const indices = scope.components.flatMap((component) =>
    release.components.includes(component) ? listIndices(release, suite, component, scope.architecture) : [],
  );
  for (const [form] of indices) report(form!.size, true);
  const packages = await Promise.all(
    indices.map((forms) =>
      fetchIndex(forms, release, suite, mirrors, context, (bytes) => report(bytes, false)),
    ),
  );
  return { suite, release, mirrors, pin, packages: packages.flat() };
}

/** The release itself must have what is asked for; its updates need not have every component. */
function checkOffers(
  { architectures, components }: VerifiedRelease["release"],
  suite: Suite,
  scope: DebianScope,
): void {
  const lacks = (what: string, wanted: string, offered: readonly string[]): never => {
    throw new DebianError(
      "UNKNOWN_COMPONENT",
      `Cannot resolve packages of ${suite.name}: it has no ${what} "${wanted}", it has ${offered.join(", ")}`,
      { hint: didYouMean(wanted, offered) },
    );
  };
  if (!architectures.includes(scope.architecture)) lacks("architecture", scope.architecture, architectures);
  if (suite.name !== scope.suite) return;
  for (const component of scope.components) {
    if (!components.includes(component)) lacks("component", component, components);
  }
}

function createSection(
  scope: RequestScope,
  found: ReadonlyMap<string, string>,
  loaded: readonly LoadedSuite[],
  resolution: Resolution,
): LockSection {
  const packages: Record<string, Pin> = {};
  for (const [name, { candidate, dependencies }] of resolution.packages) {
    const { record, release } = candidate;
    checkPoolPath(record.filename, name);
    packages[name] = {
      name,
      version: record.version,
      architecture: record.architecture,
      release,
      path: record.filename,
      size: record.size,
      sha256: record.sha256,
      dependencies,
      ...(record.essential ? { essential: true } : {}),
    };
  }
  return {
    source: "debian",
    scope,
    requests: Object.fromEntries(
      [...found]
        .sort(([a], [b]) => compareStrings(a, b))
        .map(([request, wanted]) => [request, parsePackageName(wanted).name]),
    ),
    releases: Object.fromEntries(
      [...loaded]
        .sort((a, b) => compareStrings(a.suite.name, b.suite.name))
        .map(({ suite, pin }) => [suite.name, pin]),
    ),
    packages,
  };
}
