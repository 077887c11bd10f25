// Every symbol version that a file wants of a library is defined by the library that the loader finds. Weak ones may
// lack; a library without any versions is taken as it is, with a message of the loader's.

import type { ElfVersionNeed } from "../../../formats/elf.ts";
import { compareLibraryNames } from "../../../formats/ld-so-cache.ts";
import type { RootCheck } from "../check.ts";
import type { Link } from "../linking.ts";
import { type RootProblem, type Severity, show, showName } from "../problem.ts";

export const check: RootCheck = {
  *run(root): Generator<RootProblem> {
    for (const link of root.linking.links) {
      const { requester, name } = link;
      const need = requester.elf.versionNeeds.find(({ library }) => library === name);
      if (need === undefined || !link.checksVersions) continue;
      const severity = root.placeOf(requester.path) === "sample" ? "warning" : "error";
      yield* compare(link, need, severity);
    }
  },
};

function* compare(
  { requester, provider }: Link,
  need: ElfVersionNeed,
  severity: Severity,
): Generator<RootProblem> {
  const { library } = need;
  const wanted = need.versions.filter(({ weak }) => !weak).map(({ name }) => name);
  const { versionDefinitions, soname } = provider.elf;
  const defined = new Set(soname === undefined ? versionDefinitions : [...versionDefinitions, soname]);
  if (wanted.length === 0) return;
  if (versionDefinitions.length === 0) {
    yield {
      code: "VERSIONS_UNDEFINED",
      severity: "warning",
      path: requester.path,
      message: `${show(requester.path)} was linked with a ${showName(library)} that has symbol versions, ${show(provider.path)} has none`,
    };
    return;
  }
  const lacking = wanted.filter((version) => !defined.has(version));
  // Of a series such as GLIBC_2.34, GLIBC_2.38 the last one says it all.
  for (const [series, versions] of Map.groupBy(lacking, seriesOf)) {
    const version = highest(versions)!;
    const has = highest(versionDefinitions.filter((name) => seriesOf(name) === series));
    yield {
      code: "VERSION_MISSING",
      severity,
      path: requester.path,
      message: `${show(requester.path)} needs ${showName(version)} of ${showName(library)}, ${has === undefined ? `which ${show(provider.path)} does not define` : `which has up to ${showName(has)} (${show(provider.path)})`}`,
      hint: "Take the library from the release that the file was built for, or a build of the file for this release",
      missing: { kind: "symbol-version", name: version, of: library },
    };
  }
}

/** `GLIBC_` of `GLIBC_2.38`; a version without number is a series of its own. */
function seriesOf(version: string): string {
  return /^(.*?)\d+(?:\.\d+)*$/.exec(version)?.[1] ?? version;
}

function highest(versions: readonly string[]): string | undefined {
  return versions.reduce<string | undefined>(
    (best, version) => (best === undefined || compareLibraryNames(version, best) > 0 ? version : best),
    undefined,
  );
}
