// Graph + layering pipeline → layers, as nixpkgs' flatten_references_graph does it. Pure; what the operations mean is
// in model/layering-pipeline.ts and docs/layers.md.

import type { PlanUnit } from "../model/layer-plan.ts";
import type {
  LayeringOperation,
  LayeringPipeline,
  PipelinePaths,
  SplitPath,
} from "../model/layering-pipeline.ts";
import { LayersError } from "./errors.ts";
import {
  findComponents,
  type Graph,
  induceGraph,
  joinGraphs,
  type ReferenceMap,
  reach,
  reverseReferences,
} from "./graph.ts";
import { sortByPopularity } from "./popularity.ts";

/** What is between two operations: a graph, a list, or named parts in their order. */
type Data =
  | { readonly kind: "graph"; readonly graph: Graph }
  | { readonly kind: "list"; readonly items: readonly Data[] }
  | { readonly kind: "parts"; readonly parts: ReadonlyMap<string, Data> };

/** What the kinds are called in messages. */
const KINDS: Readonly<Record<Data["kind"], string>> = {
  graph: "a graph",
  list: "a list",
  parts: "parts",
};

/**
 * Runs a pipeline that {@link layeringPipelineProblem} finds nothing wrong with.
 *
 * @param graph Its order, the smallest first, is the order inside layers.
 * @returns The layers that are not empty; what was removed is in none.
 * @throws {LayersError} `PIPELINE_MISMATCH` when an operation is given what it does not work on, or when the pipeline
 *   leaves the graph whole.
 */
export function runPipeline(graph: Graph, pipeline: LayeringPipeline): Graph[] {
  const result = applyAll({ kind: "graph", graph }, pipeline, "");
  if (result.kind === "graph") {
    throw new LayersError(
      "PIPELINE_MISMATCH",
      "Cannot plan layers: the pipeline leaves one graph, a list of graphs or named parts were expected",
      { hint: 'Divide it: end with ["popularity_contest"] and ["limit_layers", n]' },
    );
  }
  return flatten(result).filter(({ vertices }) => vertices.length > 0);
}

/** @param where Names of the operations around, each with a space after it, for messages. */
function applyAll(data: Data, pipeline: LayeringPipeline, where: string): Data {
  return pipeline.reduce((current, operation) => apply(current, operation, where), data);
}

function apply(data: Data, operation: LayeringOperation, outer: string): Data {
  const where = `${outer}${operation[0]}`;
  switch (operation[0]) {
    case "popularity_contest": {
      const graph = expectGraph(data, where);
      return listOf(sortByPopularity(graph).map((unit) => induceGraph(graph, new Set([unit]))));
    }
    case "split_every":
      return listOf(splitEvery(expectGraph(data, where), operation[1]));
    case "remove_paths": {
      const graph = expectGraph(data, where);
      const removed = new Set(findAll(graph, operation[1]));
      return toData(induceGraph(graph, new Set(graph.vertices.filter((unit) => !removed.has(unit)))));
    }
    case "subcomponent_out": {
      const graph = expectGraph(data, where);
      return divide(graph, reach(findAll(graph, operation[1]), graph.references));
    }
    case "subcomponent_in": {
      const graph = expectGraph(data, where);
      return divide(graph, reach(findAll(graph, operation[1]), reverseReferences(graph)));
    }
    case "split_paths":
      return splitPaths(expectGraph(data, where), operation[1]);
    case "limit_layers":
      return limitLayers(expectList(data, where), operation[1], where);
    case "reverse":
      return { kind: "list", items: expectList(data, where).toReversed() };
    case "map":
      return {
        kind: "list",
        items: expectList(data, where).map((item) => apply(item, operation[1], `${where} `)),
      };
    case "flatten":
      if (data.kind === "graph") throw mismatch(where, "a list or parts", data);
      return listOf(flatten(data));
    case "over":
      return applyOver(data, operation[1], operation[2], where);
    case "pipe":
      return applyAll(data, operation[1], `${where} `);
  }
}

function applyOver(data: Data, key: string, operation: LayeringOperation, where: string): Data {
  if (data.kind !== "parts") throw mismatch(where, "parts", data);
  const part = data.parts.get(key);
  if (part === undefined) {
    throw new LayersError(
      "PIPELINE_MISMATCH",
      `Cannot plan layers: there is no part "${key}" for the operation ${where}, only ${[...data.parts.keys()].join(", ")}`,
      { hint: "split_paths leaves out parts that are empty" },
    );
  }
  return {
    kind: "parts",
    parts: new Map(data.parts).set(key, apply(part, operation, `${where} ${key} `)),
  };
}

function splitEvery(graph: Graph, count: number): Graph[] {
  const pieces: Graph[] = [];
  for (let i = 0; i < graph.vertices.length; i += count) {
    pieces.push(induceGraph(graph, new Set(graph.vertices.slice(i, i + count))));
  }
  return pieces;
}

function limitLayers(items: readonly Data[], count: number, where: string): Data {
  const rest = items.slice(count - 1).map((item) => {
    if (item.kind !== "graph") throw mismatch(where, "a list of graphs only", item);
    return item.graph;
  });
  return {
    kind: "list",
    items: rest.length === 0 ? items : [...items.slice(0, count - 1), toData(joinGraphs(rest))],
  };
}

function divide(graph: Graph, main: ReadonlySet<PlanUnit>): Data {
  const rest = graph.vertices.filter((unit) => !main.has(unit));
  return partsOf({ main: induceGraph(graph, main), rest: induceGraph(graph, new Set(rest)) });
}

function splitPaths(graph: Graph, specs: readonly SplitPath[]): Data {
  const split = new Set(
    specs.flatMap((spec) =>
      typeof spec === "object"
        ? findAll(graph, spec.children_of).flatMap((unit) => graph.references.get(unit)!)
        : findAll(graph, spec),
    ),
  );
  if (split.size === 0) return partsOf({ rest: graph });
  const roots = findRoots(graph);
  if (roots.length === 1 && split.has(roots[0]!)) return partsOf({ main: graph });
  const splitOff = reach(split, graph.references);
  // What the roots still reach when nothing leads to what is split off.
  const pruned: ReferenceMap = new Map(
    [...graph.references].map(([unit, targets]) => [unit, targets.filter((target) => !split.has(target))]),
  );
  const elsewhere = reach(
    roots.filter((root) => !split.has(root)),
    pruned,
  );
  const parts = {
    main: graph.vertices.filter((unit) => splitOff.has(unit) && !elsewhere.has(unit)),
    common: graph.vertices.filter((unit) => splitOff.has(unit) && elsewhere.has(unit)),
    rest: graph.vertices.filter((unit) => !splitOff.has(unit)),
  };
  return partsOf(
    Object.fromEntries(
      Object.entries(parts)
        .filter(([, units]) => units.length > 0)
        .map(([key, units]) => [key, induceGraph(graph, new Set(units))]),
    ),
  );
}

/** What nothing refers to; all of a circle that nothing outside of it refers to. */
function findRoots(graph: Graph): PlanUnit[] {
  const referrers = reverseReferences(graph);
  return findComponents(graph).flatMap((members) => {
    const inside = new Set(members);
    return members.some((unit) => referrers.get(unit)!.some((other) => !inside.has(other))) ? [] : members;
  });
}

/** The units that paths name, by id or by name. */
function findAll({ vertices }: Graph, paths: PipelinePaths): PlanUnit[] {
  const named = new Set([paths].flat());
  return vertices.filter(({ id, name }) => named.has(id) || named.has(name));
}

/** All graphs, depth first. */
function flatten(data: Data): Graph[] {
  if (data.kind === "graph") return [data.graph];
  return [...(data.kind === "list" ? data.items : data.parts.values())].flatMap(flatten);
}

function toData(graph: Graph): Data {
  return { kind: "graph", graph };
}

function listOf(graphs: readonly Graph[]): Data {
  return { kind: "list", items: graphs.map(toData) };
}

function partsOf(parts: Readonly<Record<string, Graph>>): Data {
  return {
    kind: "parts",
    parts: new Map(Object.entries(parts).map(([key, graph]) => [key, toData(graph)])),
  };
}

function expectGraph(data: Data, where: string): Graph {
  if (data.kind !== "graph") throw mismatch(where, "a graph", data);
  return data.graph;
}

function expectList(data: Data, where: string): readonly Data[] {
  if (data.kind !== "list") throw mismatch(where, "a list", data);
  return data.items;
}

function mismatch(where: string, wanted: string, given: Data): LayersError {
  return new LayersError(
    "PIPELINE_MISMATCH",
    `Cannot plan layers: the operation ${where} was given ${KINDS[given.kind]}, ${wanted} was expected`,
    {
      hint:
        given.kind === "parts"
          ? 'Use ["over", part, operation] for one part, or ["flatten"] to make a list of all'
          : given.kind === "list"
            ? 'Use ["map", operation] for every item'
            : 'Divide the graph first, such as with ["popularity_contest"]',
    },
  );
}
