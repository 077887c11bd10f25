// The closure by declaration: everything that the roots declare to need, with the file classes of prune.ts left out.

import { compareStrings } from "../model/bytes.ts";
import type { Closure, ClosureUnit, PrunedClass, ReferenceEdge, ReplacedFile } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import { pruneEntries } from "./prune.ts";
import { findReplaced } from "./replaced.ts";

/** One node of a graph of declarations. */
export interface Declaration {
  readonly references: readonly string[];
}

/**
 * The names that are reachable from the roots, references before referrers; members of a cycle keep the order in
 * which they are first met. The order depends only on the roots' names and the declarations.
 */
export function reachDeclared(
  roots: readonly string[],
  declarations: (name: string) => Declaration | undefined,
): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  // An explicit stack: a chain of declarations may be deeper than the call stack.
  const stack: { name: string; rest: readonly string[]; next: number }[] = [];
  const enter = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    stack.push({ name, rest: declarations(name)?.references ?? [], next: 0 });
  };
  for (const root of [...roots].sort(compareStrings)) {
    enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const reference = top.rest[top.next++];
      if (reference !== undefined) enter(reference);
      else order.push(stack.pop()!.name);
    }
  }
  return order;
}

/** The virtual packages by which a C or C++ compiler says what it is (Debian's list of virtual package names). */
const COMPILER_NAMES = /(?:^|,)\s*(?:c-compiler|c\+\+-compiler|libc-dev)\s*(?:\(|,|$)/;

/** Whether an object is a compiler by its own declaration. */
export function isCompiler(object: StoreObject): boolean {
  return COMPILER_NAMES.test(object.package?.control.get("Provides") ?? "");
}

/**
 * Computes the closure of objects that are all needed by declaration.
 *
 * @param objects The roots and all that they reach, in the order of {@link reachDeclared}.
 * @param roots Ids of the objects that the image asks for.
 */
export function computeDeclaredClosure(objects: readonly StoreObject[], roots: readonly string[]): Closure {
  const keepDevelopmentFiles = objects.some(isCompiler);
  const present = new Set(objects.map(({ id }) => id));
  const totals = new Map<string, { files: number; size: number }>();
  const units: ClosureUnit[] = [];
  const edges: ReferenceEdge[] = [];
  const replacedOf = findReplaced(objects);
  const replaced: ReplacedFile[] = [];
  for (const object of objects) {
    const { kept, pruned } = pruneEntries(object.tree.entries, { keepDevelopmentFiles });
    const own = replacedOf(object.id);
    replaced.push(...own.values());
    units.push({ object, entries: own.size === 0 ? kept : kept.filter(({ path }) => !own.has(path)) });
    for (const { name, files, size } of pruned) {
      const total = totals.get(name) ?? { files: 0, size: 0 };
      totals.set(name, { files: total.files + files, size: total.size + size });
    }
    for (const to of new Set(object.declaredReferences)) {
      if (present.has(to)) edges.push({ from: object.id, to, evidence: [{ kind: "declared", token: to }] });
    }
  }
  const pruned: PrunedClass[] = [...totals]
    .map(([name, total]) => ({ name, ...total }))
    .sort((a, b) => compareStrings(a.name, b.name));
  return {
    roots,
    units,
    edges,
    pruned,
    ...(replaced.length > 0 && { replaced: replaced.sort((a, b) => compareStrings(a.object, b.object)) }),
  };
}
