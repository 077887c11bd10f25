// What an image asks sources for, and what a lock has of it.

import { compareStrings } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { ImageSpec, Request } from "../model/image-spec.ts";
import { findRequestedName, type Lock, type LockSection, sectionKey } from "../model/lock.ts";
import type { LocalObject } from "../sources/path/local-files.ts";

/** What an image asks sources for beside what its files need: also what its configuration mentions. */
export function listRequests(spec: ImageSpec): readonly Request[] {
  return [...spec.contents, ...spec.mentioned];
}

/** What the builds of an image use. */
export function listBuildRequests({ graph, commands }: ImageSpec): readonly Request[] {
  const built = Object.values(graph).flatMap((node) => (node.kind === "source" ? [] : (node.requests ?? [])));
  return [...built, ...(commands?.requests ?? [])];
}

/** An image, the images that it starts from, and those that are delivered with it. */
export function withBases(spec: ImageSpec): ImageSpec[] {
  const base = spec.base?.kind === "image" ? withBases(spec.base.spec) : [];
  return [spec, ...base, ...(spec.merged ?? []).flatMap(withBases)];
}

/** What image.ts asks for, and what the local files of the image need. */
export async function readRequests(
  spec: ImageSpec,
  context: Context,
): Promise<{ readonly requests: readonly Request[]; readonly files: readonly LocalObject[] }> {
  const requests = listRequests(spec);
  if (spec.files.length === 0) return { requests, files: [] };
  const { readLocalFiles } = await import("../sources/path/local-files.ts");
  const files = await readLocalFiles(spec, context);
  return { requests: [...requests, ...files.flatMap(({ needs }) => needs)], files };
}

/** What is resolved together: the requests of one source and scope. */
export interface RequestGroup {
  readonly source: string;
  readonly scope: Request["scope"];
  readonly names: readonly string[];
  readonly mirrors: readonly string[];
}

export function groupRequests(requests: readonly Request[]): RequestGroup[] {
  const groups = Map.groupBy(requests, sectionKey);
  return [...groups.values()].map((group) => ({
    source: group[0]!.source,
    scope: group[0]!.scope,
    names: [...new Set(group.map(({ name }) => name))].sort(compareStrings),
    mirrors: [...new Set(group.flatMap(({ mirrors }) => mirrors))],
  }));
}

export function sectionOf(lock: Lock | undefined, group: RequestGroup): LockSection | undefined {
  return lock?.sections.find((section) => sectionKey(section) === sectionKey(group));
}

export function missingNames(lock: Lock | undefined, group: RequestGroup): string[] {
  const section = sectionOf(lock, group);
  return group.names.filter((name) => findRequestedName(section, name) === undefined);
}
