// The order in which dpkg would configure packages: what a package declares to need before the package itself.

import { compareStrings } from "../model/bytes.ts";
import type { PackageObject } from "./fix.ts";

/**
 * Orders packages for their scripts.
 *
 * Essential packages and what they need come first, as on every system; the rest by id, each behind what it needs.
 * Members of a cycle keep the order in which they are first met. The order of the input does not matter.
 */
export function orderForConfiguration(packages: readonly PackageObject[]): PackageObject[] {
  const byId = new Map(packages.map((object) => [object.id, object]));
  const sorted = [...packages].sort((a, b) => rank(a) - rank(b) || compareStrings(a.id, b.id));
  const ordered: PackageObject[] = [];
  const seen = new Set<string>();
  const stack: { object: PackageObject; next: number }[] = [];
  const enter = (object: PackageObject | undefined) => {
    if (object === undefined || seen.has(object.id)) return;
    seen.add(object.id);
    stack.push({ object, next: 0 });
  };
  for (const start of sorted) {
    enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const reference = top.object.declaredReferences[top.next++];
      if (reference !== undefined) enter(byId.get(reference));
      else ordered.push(stack.pop()!.object);
    }
  }
  return ordered;
}

function rank({ package: { control } }: PackageObject): number {
  return control.get("Essential") === "yes" ? 0 : 1;
}
