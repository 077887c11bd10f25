// Paths in the order in which a store can take them one by one.

import { compareStrings } from "../model/bytes.ts";
import type { PathInfo } from "../model/path-info.ts";
import type { StorePath } from "../model/store-path.ts";

/** Orders valid paths so that each comes behind those of them that it refers to; ties go by path. */
export function sortForImport<Info extends Pick<PathInfo, "path" | "references">>(
  infos: readonly Info[],
): Info[] {
  const byPath = new Map(infos.map((info) => [info.path, info]));
  const sorted = new Map<StorePath, Info>();
  const seen = new Set<StorePath>();
  for (const root of [...byPath.keys()].sort(compareStrings)) {
    const stack: { readonly info: Info; next: number }[] = [{ info: byPath.get(root)!, next: 0 }];
    while (stack.length > 0) {
      const frame = stack.at(-1)!;
      seen.add(frame.info.path);
      const reference = frame.info.references[frame.next++];
      if (reference === undefined) {
        sorted.set(frame.info.path, frame.info);
        stack.pop();
        continue;
      }
      const info = byPath.get(reference);
      if (info !== undefined && !seen.has(reference)) stack.push({ info, next: 0 });
    }
  }
  return [...sorted.values()];
}
