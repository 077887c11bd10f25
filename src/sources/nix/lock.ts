// Requests → pins: every store path that is asked for, with all that it refers to; for each the hash of its NAR.

import { compareStrings } from "../../model/bytes.ts";
import type { Context } from "../../model/context.ts";
import type { RequestScope } from "../../model/image-spec.ts";
import type { LockSection, Pin } from "../../model/lock.ts";
import type { PathInfo } from "../../model/path-info.ts";
import { hashPart, nameOf, type StorePath } from "../../model/store-path.ts";
import { buildWithNix } from "./build.ts";
import { queryClosure, sortReferencesFirst } from "./closure.ts";
import { Caches, MachineStore, type PathProvider, scopeCaches, storeRoot } from "./path-provider.ts";
import { parseRequestName } from "./request-name.ts";

/** Resolves and pins; see {@link Source.lock}. */
export async function lock(
  scope: RequestScope,
  names: readonly string[],
  mirrors: readonly string[],
  context: Context,
): Promise<LockSection> {
  const stage = context.progress.stage("resolving");
  const root = scope["kind"] === "store" ? storeRoot(mirrors) : "/";
  const requests: [string, StorePath][] = [];
  for (const name of names) {
    const request = parseRequestName(name);
    requests.push([
      name,
      request.kind === "path" ? request.path : await buildWithNix(request.installable, root, context),
    ]);
  }
  const paths = requests.map(([, path]) => path);
  const infos = await queryPaths(scope, mirrors, paths, context);
  sortReferencesFirst(infos);
  const packages = [...infos.values()].map((info): [string, Pin] => [info.path, toPin(info, scope)]);
  packages.sort(([a], [b]) => compareStrings(a, b));
  stage.done(`${packages.length} store path${packages.length === 1 ? "" : "s"}`);
  return {
    source: "nix",
    scope,
    requests: Object.fromEntries(requests),
    releases: {},
    packages: Object.fromEntries(packages),
  };
}

async function queryPaths(
  scope: RequestScope,
  mirrors: readonly string[],
  paths: readonly StorePath[],
  context: Context,
): Promise<Map<StorePath, PathInfo>> {
  const query = (provider: PathProvider) => queryClosure(paths, provider, context.signal);
  if (scope["kind"] !== "store") return query(new Caches(scopeCaches(scope, mirrors), context));
  using store = new MachineStore(storeRoot(mirrors));
  return await query(store);
}

function toPin({ path, narHash, narSize, references }: PathInfo, { architecture }: RequestScope): Pin {
  return {
    name: path,
    version: versionOf(path) ?? hashPart(path),
    architecture,
    release: "",
    path: `${hashPart(path)}.narinfo`,
    size: narSize,
    sha256: narHash,
    dependencies: references.filter((reference) => reference !== path),
  };
}

/** What of a store path's name Nix takes for the version: behind the first dash that no letter follows. */
export function versionOf(path: StorePath): string | undefined {
  return /-(?<version>[^A-Za-z].*)$/.exec(nameOf(path))?.groups?.["version"];
}
