// Requests → pins: of each package the newest version that answers all requests for it, fetched once to be measured.

import { compare, rcompare, satisfies } from "semver";
import { parseIntegrity } from "../../formats/npm/integrity.ts";
import { unscopedName } from "../../formats/npm/names.ts";
import { platformOf, platformProblem } from "../../formats/npm/platform.ts";
import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { RequestScope } from "../../model/image-spec.ts";
import type { LockSection, Pin } from "../../model/lock.ts";
import { HashedFile } from "../../platform/hashed-file.ts";
import { type RegistryConfig, readRegistryConfig } from "./config.ts";
import { NpmError } from "./errors.ts";
import { fetchPackument, fetchTarball } from "./fetch.ts";
import type { Packument, PackumentVersion } from "./packument.ts";
import { parseRequestName, type RequestName } from "./request-name.ts";

/** Resolves and pins; see {@link Source.lock}. */
export async function lock(
  scope: RequestScope,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<LockSection> {
  const config = readRegistryConfig(undefined, mirrors);
  const requests = names.map((text) => ({ text, ...parseRequestName(text) }));
  const stage = context.progress.stage("resolving");
  const packages: [string, Pin][] = [];
  for (const [name, wanted] of Map.groupBy(requests, (request) => request.name)) {
    const packument = await fetchPackument(name, config, context);
    const chosen = chooseVersion(packument, wanted);
    checkInstallable(chosen, name, scope);
    packages.push([name, await makePin(name, chosen, scope, config, context)]);
  }
  packages.sort(([a], [b]) => compareStrings(a, b));
  stage.done(`${packages.length} npm package${packages.length === 1 ? "" : "s"}`);
  return {
    source: "npm",
    scope,
    requests: Object.fromEntries(requests.map(({ text, name }) => [text, name])),
    releases: {},
    packages: Object.fromEntries(packages),
  };
}

/**
 * The version that npm would take: what `latest` says when it is in the range, else the newest that is not deprecated.
 *
 * @throws {NpmError} `UNKNOWN_VERSION`
 */
export function chooseVersion(packument: Packument, requests: readonly RequestName[]): PackumentVersion {
  const answers = (version: string) =>
    requests.every(({ wanted, isRange }) =>
      isRange ? satisfies(version, wanted) : packument.tags.get(wanted) === version,
    );
  const latest = packument.versions.get(packument.tags.get("latest") ?? "");
  if (latest !== undefined && !latest.deprecated && answers(latest.version)) return latest;
  const [newest] = [...packument.versions.values()]
    .filter(({ version }) => answers(version))
    .sort((a, b) => Number(a.deprecated) - Number(b.deprecated) || rcompare(a.version, b.version));
  if (newest !== undefined) return newest;
  const wanted = requests.map((request) => request.wanted).join(" and ");
  const last = [...packument.versions.keys()].sort(compare).slice(-5);
  throw new NpmError(
    "UNKNOWN_VERSION",
    `Cannot find ${packument.name} ${wanted}: the registry has no such version`,
    { hint: last.length === 0 ? undefined : `Its last versions are ${last.join(", ")}` },
  );
}

function checkInstallable({ version, manifest }: PackumentVersion, name: string, scope: RequestScope): void {
  const needed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).find(
    (dependency) => !manifest.optionalPeers.includes(dependency) && !manifest.bundled.includes(dependency),
  );
  if (needed !== undefined) {
    throw new NpmError(
      "HAS_DEPENDENCIES",
      `Cannot pin ${name} ${version}: it needs ${needed}, and only packages that need no other can be asked for by name`,
      { hint: "Make it a dependency of a project with a package-lock.json, and use nodeApp()" },
    );
  }
  const problem = platformProblem(manifest, platformOf(scope.architecture));
  if (problem !== undefined) {
    throw new NpmError("WRONG_PLATFORM", `Cannot pin ${name} ${version}: ${problem}`, {
      hint: "Ask for the package of the image's architecture",
    });
  }
}

async function makePin(
  name: string,
  { version, integrity, tarball }: PackumentVersion,
  scope: RequestScope,
  config: RegistryConfig,
  context: Context,
): Promise<Pin> {
  if (integrity === undefined) {
    throw new NpmError(
      "BAD_PACKUMENT",
      `Cannot pin ${name} ${version}: the registry gives no integrity for it`,
    );
  }
  const request = {
    name,
    version,
    resolved: undefined,
    integrity: parseIntegrity(integrity, `${name} ${version}`),
  };
  using file = new HashedFile(await fetchTarball(request, config, context));
  return {
    name,
    version,
    architecture: scope.architecture,
    release: "",
    path: pathBelow(config.registriesOf(name), tarball) ?? `${name}/-/${unscopedName(name)}-${version}.tgz`,
    size: file.size,
    sha256: await file.digest(),
    integrity:
      integrity.split(/\s+/).find((hash) => hash.startsWith(request.integrity.algorithm)) ?? integrity,
    dependencies: [],
  };
}

/** What of a tarball's URL follows the registry's; undefined when it is elsewhere, or is no plain path. */
function pathBelow(registries: readonly string[], url: string): string | undefined {
  const base = registries.find((registry) => url.startsWith(registry));
  const path = base === undefined ? undefined : url.slice(base.length);
  return path !== undefined &&
    /^[A-Za-z0-9@][A-Za-z0-9@+.~_/-]*$/.test(path) &&
    !/(?:^|\/)\.{0,2}(?:\/|$)/.test(path)
    ? path
    : undefined;
}
