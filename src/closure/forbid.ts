// What must not be in an image: patterns in, an error with the chain that brought the thing in out. Pure.

import { decodeByteString } from "../model/bytes.ts";
import type { Closure, ReferenceEdge } from "../model/closure.ts";
import { ClosureError } from "./errors.ts";
import { compileGlob } from "./globs.ts";
import { normalizePath } from "./literals.ts";
import { findChain } from "./why.ts";

/**
 * Refuses a closure that has a forbidden package or file.
 *
 * @param patterns As in `keep` and `drop`: of package names, or of absolute paths.
 * @throws {ClosureError} `FORBIDDEN`; the message has the shortest chain from what the image asks for.
 */
export function refuseForbidden(closure: Closure, patterns: readonly string[]): void {
  for (const pattern of patterns) {
    const glob = compileGlob(pattern);
    for (const { object, entries } of closure.units) {
      const name = object.package?.name ?? object.id;
      const found = glob.onPath
        ? entries.find(({ type, path }) => type !== "directory" && glob.matches(normalizePath(path)))?.path
        : glob.matches(name)
          ? name
          : undefined;
      if (found === undefined) continue;
      const what = glob.onPath ? `/${decodeByteString(found)} of ${name}` : name;
      const chain = findChain(closure, object.id) ?? [];
      throw new ClosureError(
        "FORBIDDEN",
        `Cannot build the image: forbid has "${pattern}", and ${what} is in it: ${describeChain(closure, object.id, chain)}`,
        { hint: "Drop what refers to it, or take the pattern out of forbid" },
      );
    }
  }
}

/** `redis-server → libsystemd0 (elf-needed "libsystemd.so.0" in /usr/bin/redis-server)`. */
export function describeChain(closure: Closure, target: string, chain: readonly ReferenceEdge[]): string {
  const labels = new Map(closure.units.map(({ object }) => [object.id, object.package?.name ?? object.id]));
  const label = (id: string) => labels.get(id) ?? id;
  if (chain.length === 0) return `${label(target)} is asked for`;
  const steps = chain.map(({ to, evidence: [first] }) => {
    if (first === undefined) return label(to);
    const token = first.token === undefined ? "" : ` "${decodeByteString(first.token)}"`;
    const file = first.file === undefined ? "" : ` in /${decodeByteString(first.file)}`;
    return `${label(to)} (${first.kind}${token}${file})`;
  });
  return [label(chain[0]!.from), ...steps].join(" → ");
}
