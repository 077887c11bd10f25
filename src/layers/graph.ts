// The graph of references among units, as the planners see it: immutable, in a fixed order. Pure.

import { compareStrings } from "../model/bytes.ts";
import type { PlanUnit } from "../model/layer-plan.ts";

/** Units and the references among them; a graph cut out of another has only the references that stay inside. */
export interface Graph {
  readonly vertices: readonly PlanUnit[];
  /** Has every vertex; no vertex refers to itself, and to no other twice. */
  readonly references: ReferenceMap;
}

export type ReferenceMap = ReadonlyMap<PlanUnit, readonly PlanUnit[]>;

/** The graph of all references among some units, in their order; ids are unique. */
export function createGraph(units: readonly PlanUnit[]): Graph {
  const byId = new Map(units.map((unit) => [unit.id, unit]));
  const references = new Map<PlanUnit, PlanUnit[]>();
  for (const unit of units) {
    const targets = new Set<PlanUnit>();
    for (const id of unit.references) {
      const target = byId.get(id);
      if (target !== undefined && target !== unit) targets.add(target);
    }
    references.set(unit, [...targets]);
  }
  return { vertices: units, references };
}

/** A part of a graph, in the graph's order. */
export function induceGraph(graph: Graph, keep: ReadonlySet<PlanUnit>): Graph {
  const vertices = graph.vertices.filter((unit) => keep.has(unit));
  return {
    vertices,
    references: new Map(
      vertices.map((unit) => [unit, graph.references.get(unit)!.filter((target) => keep.has(target))]),
    ),
  };
}

/** Graphs without a vertex in common as one; references between them are not seen again. */
export function joinGraphs(graphs: readonly Graph[]): Graph {
  return {
    vertices: graphs.flatMap(({ vertices }) => vertices),
    references: new Map(graphs.flatMap(({ references }) => [...references])),
  };
}

/** The references of a graph the other way round. */
export function reverseReferences({ vertices, references }: Graph): ReferenceMap {
  const referrers = new Map<PlanUnit, PlanUnit[]>(vertices.map((unit) => [unit, []]));
  for (const [unit, targets] of references) for (const target of targets) referrers.get(target)!.push(unit);
  return referrers;
}

/** Some units and all that is reached from them. */
export function reach(starts: Iterable<PlanUnit>, references: ReferenceMap): Set<PlanUnit> {
  const reached = new Set(starts);
  // A set takes members while it is walked.
  for (const unit of reached) for (const target of references.get(unit)!) reached.add(target);
  return reached;
}

/**
 * The strongly connected components: units that all reach each other, which in a graph without cycles is every unit by
 * itself. A component comes after those that it refers to.
 */
export function findComponents({ vertices, references }: Graph): PlanUnit[][] {
  const order = new Map<PlanUnit, number>();
  const lowest = new Map<PlanUnit, number>();
  const open: PlanUnit[] = [];
  const isOpen = new Set<PlanUnit>();
  const components: PlanUnit[][] = [];
  // Tarjan's algorithm with a stack of its own: chains of references may be longer than the call stack is deep.
  for (const start of vertices) {
    if (order.has(start)) continue;
    const path = [{ unit: start, next: 0 }];
    while (path.length > 0) {
      const at = path.at(-1)!;
      if (at.next === 0) {
        order.set(at.unit, order.size);
        lowest.set(at.unit, order.size - 1);
        open.push(at.unit);
        isOpen.add(at.unit);
      }
      const target = references.get(at.unit)![at.next++];
      if (target !== undefined) {
        if (!order.has(target)) path.push({ unit: target, next: 0 });
        else if (isOpen.has(target)) lower(lowest, at.unit, order.get(target)!);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) lower(lowest, parent.unit, lowest.get(at.unit)!);
      if (lowest.get(at.unit) !== order.get(at.unit)) continue;
      const component = open.splice(open.lastIndexOf(at.unit));
      for (const unit of component) isOpen.delete(unit);
      components.push(component);
    }
  }
  return components;
}

function lower(lowest: Map<PlanUnit, number>, unit: PlanUnit, value: number): void {
  if (value < lowest.get(unit)!) lowest.set(unit, value);
}

const STORE_PATH = /^\/(?:[^/]+\/)+[0-9a-z]{32}-(?<name>[^/]+)$/;

/**
 * What ties between units go by: the name with its first part, up to a dash, at the end, so that store paths go by what
 * follows their hash (nixpkgs' rule). Names of packages stay as they are.
 */
export function tieKey({ name }: PlanUnit): string {
  if (!name.startsWith("/")) return name;
  const [first, ...rest] = name.split("-");
  return [...rest, first].join("-");
}

/** Orders units by {@link tieKey}, then by id. */
export function compareTies(a: PlanUnit, b: PlanUnit): number {
  return compareStrings(tieKey(a), tieKey(b)) || compareStrings(a.id, b.id);
}

/** What stays the same when a unit is updated, and is the same for units that are updated together. */
export function originOf(unit: PlanUnit): string {
  if (unit.origin !== undefined) return unit.origin;
  const name = STORE_PATH.exec(unit.name)?.groups?.["name"];
  // As Nix parses names: the version begins after the first dash that no letter follows.
  return name?.replace(/-(?![A-Za-z]).*$/s, "") ?? unit.name;
}
