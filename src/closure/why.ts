// Why something is in an image: the shortest chain of references from what the image asks for, and what would leave
// the image if a step of it were cut. A closure in, data out. Pure.

import { type BytePath, compareStrings, encodeByteString } from "../model/bytes.ts";
import type { Closure, ClosureUnit, ReferenceEdge } from "../model/closure.ts";
import { didYouMean } from "../model/suggest.ts";
import { computeTreeSize } from "../model/tree.ts";
import { ClosureError } from "./errors.ts";
import { normalizePath } from "./literals.ts";

/** One reference of a chain. */
export interface ChainStep extends ReferenceEdge {
  /** Ids of the objects that only this reference holds in the image, sorted. */
  readonly cutObjects: readonly string[];
  /** Bytes of their files. */
  readonly cutSize: number;
}

/**
 * The shortest chain of references from a root to an object; empty when it is a root itself.
 *
 * @returns Undefined when the object is not in the closure. Of equally short chains the first by ids is taken.
 */
export function explainObject(closure: Closure, target: string): readonly ChainStep[] | undefined {
  const outgoing = Map.groupBy(closure.edges, ({ from }) => from);
  const arrived = new Map<string, ReferenceEdge | undefined>();
  let frontier = [...closure.roots].sort(compareStrings);
  for (const root of frontier) arrived.set(root, undefined);
  while (frontier.length > 0 && !arrived.has(target)) {
    const next: string[] = [];
    for (const from of frontier) {
      for (const edge of [...(outgoing.get(from) ?? [])].sort((a, b) => compareStrings(a.to, b.to))) {
        if (arrived.has(edge.to)) continue;
        arrived.set(edge.to, edge);
        next.push(edge.to);
      }
    }
    frontier = next.sort(compareStrings);
  }
  if (!arrived.has(target)) return undefined;
  const chain: ReferenceEdge[] = [];
  for (let edge = arrived.get(target); edge !== undefined; edge = arrived.get(edge.from)) chain.unshift(edge);
  return chain.map((edge) => ({ ...edge, ...measureCut(closure, outgoing, edge) }));
}

/** Why something is in an image. */
export interface Explanation {
  /** Id of the object that is, or has, what was asked about. */
  readonly object: string;
  /** The file, when a file was asked about. */
  readonly file: BytePath | undefined;
  readonly isRoot: boolean;
  readonly chain: readonly ChainStep[];
  /** Bytes of the object's own files in the image. */
  readonly size: number;
}

/**
 * Explains a package by its name, or a file or directory by its absolute path.
 *
 * @throws {ClosureError} `NOT_IN_IMAGE`, with the nearest names, or who would have had it.
 */
export function explain(closure: Closure, target: string): Explanation {
  const nameOf = ({ object }: ClosureUnit) => object.package?.name ?? object.id;
  const path = target.startsWith("/")
    ? (normalizePath(encodeByteString(target.slice(1))) as BytePath)
    : undefined;
  const holds = (at: string) => at === path || at.startsWith(`${path}/`);
  const unit =
    path === undefined
      ? closure.units.find((candidate) => nameOf(candidate) === target)
      : (closure.units.find(({ entries }) => entries.some((entry) => normalizePath(entry.path) === path)) ??
        closure.units.find(({ entries }) => entries.some((entry) => holds(normalizePath(entry.path)))));
  if (unit === undefined) {
    const dropped = closure.dropped?.find(({ id }) => id.split("/")[1] === target);
    throw new ClosureError("NOT_IN_IMAGE", `Cannot explain ${target}: it is not in the image`, {
      hint:
        dropped !== undefined
          ? `It is declared by ${dropped.declaredBy.map((id) => id.split("/")[1]).join(", ")}, but nothing names a file of it`
          : didYouMean(target, closure.units.map(nameOf)),
    });
  }
  return {
    object: unit.object.id,
    file: path,
    isRoot: closure.roots.includes(unit.object.id),
    chain: explainObject(closure, unit.object.id) ?? [],
    size: computeTreeSize({ entries: unit.entries }),
  };
}

/** What is reachable from the roots only over one reference. */
function measureCut(
  closure: Closure,
  outgoing: ReadonlyMap<string, readonly ReferenceEdge[]>,
  cut: ReferenceEdge,
): Pick<ChainStep, "cutObjects" | "cutSize"> {
  const reached = new Set(closure.roots);
  const stack = [...reached];
  for (let from = stack.pop(); from !== undefined; from = stack.pop()) {
    for (const edge of outgoing.get(from) ?? []) {
      if ((edge.from === cut.from && edge.to === cut.to) || reached.has(edge.to)) continue;
      reached.add(edge.to);
      stack.push(edge.to);
    }
  }
  const lost = closure.units.filter(({ object }) => !reached.has(object.id));
  return {
    cutObjects: lost.map(({ object }) => object.id).sort(compareStrings),
    cutSize: lost.reduce((size, { entries }) => size + computeTreeSize({ entries }), 0),
  };
}
