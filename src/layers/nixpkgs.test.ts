// The planners of nixpkgs against what nixpkgs' programs gave: test/fixtures/nix/layering and images (see README.md there).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { PlanUnit } from "../model/layer-plan.ts";
import { type LayeringPipeline, layeringPipelineProblem } from "../model/layering-pipeline.ts";
import { autoLayer } from "./auto-layer.ts";
import { createGraph } from "./graph.ts";
import { runPipeline } from "./pipeline.ts";
import { planLayers } from "./plan.ts";
import { computePopularity, sortByPopularity } from "./popularity.ts";

const FIXTURES = join(import.meta.dirname, "../../test/fixtures/nix");

interface Node {
  readonly path: string;
  readonly references: readonly string[];
  readonly narSize: number;
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, file), "utf8")) as T;
}

function toUnit({ path, references, narSize }: Node): PlanUnit {
  return { id: path, label: path, name: path, size: narSize, references };
}

function without(nodes: readonly Node[], excluded: readonly string[] = []): PlanUnit[] {
  return nodes.filter(({ path }) => !excluded.includes(path)).map(toUnit);
}

interface PopularityCase {
  readonly graph?: string;
  readonly nodes: readonly Node[];
  readonly popularity: Readonly<Record<string, number | string>>;
  readonly order: readonly string[];
}

const popularityCases: readonly PopularityCase[] = [
  ...read<{ cases: PopularityCase[] }>("layering/popularity.json").cases,
  read<PopularityCase>("layering/popularity-bigint.json"),
  ...["tiny", "odd", "odd-from-tiny", "big"].map((image) => {
    const { excludePaths, ...expected } = read<Omit<PopularityCase, "nodes"> & { excludePaths: string[] }>(
      `images/${image}/popularity.json`,
    );
    const nodes = read<Node[]>(`images/${image}/graph.json`).filter(
      ({ path }) => !excludePaths.includes(path),
    );
    return { graph: image, ...expected, nodes };
  }),
];

for (const { graph: name = "bigint", nodes, popularity, order } of popularityCases) {
  test(`popularity: ${name}`, () => {
    const graph = createGraph(nodes.map(toUnit));
    const values = [...computePopularity(graph)].map(([{ id }, value]) => [id, value.toString()]);
    assert.deepEqual(
      Object.fromEntries(values),
      Object.fromEntries(Object.entries(popularity).map(([id, value]) => [id, String(value)])),
    );
    assert.deepEqual(
      sortByPopularity(graph).map(({ id }) => id),
      order,
    );
  });
}

interface PipelineCase {
  readonly id: string;
  readonly graph?: string;
  readonly pipeline: LayeringPipeline;
  readonly exclude_paths?: readonly string[];
  readonly layers?: readonly (readonly string[])[];
  readonly error?: string;
}

const { graphs, cases: smallCases } = read<{ graphs: Record<string, Node[]>; cases: PipelineCase[] }>(
  "layering/pipelines.json",
);
const fileCases = ["odd", "big"].flatMap((image) => {
  const { graphFile, exclude_paths, cases } = read<{
    graphFile: string;
    exclude_paths: string[];
    cases: PipelineCase[];
  }>(`layering/pipelines-${image}.json`);
  const nodes = read<Node[]>(graphFile);
  return cases.map((one) => ({ exclude_paths, ...one, id: `${image} ${one.id}`, nodes }));
});

for (const { id, nodes, pipeline, exclude_paths, layers, error } of [
  ...smallCases.map((one) => ({ ...one, nodes: graphs[one.graph!]! })),
  ...fileCases,
]) {
  test(`pipeline: ${id}`, () => {
    const units = without(nodes, exclude_paths).sort((a, b) => a.size - b.size);
    if (error !== undefined) return assert.notEqual(layeringPipelineProblem(pipeline), undefined);
    assert.equal(layeringPipelineProblem(pipeline), undefined);
    assert.deepEqual(
      runPipeline(createGraph(units), pipeline).map(({ vertices }) => vertices.map((unit) => unit.id)),
      layers,
    );
  });
}

interface AutoLayerCase {
  readonly id: string;
  readonly graph?: readonly Node[];
  readonly graphFile?: string;
  readonly ignorePaths: readonly string[];
  readonly layerLimit: number;
  readonly layers: readonly (readonly string[])[];
}

for (const one of read<{ cases: AutoLayerCase[] }>("layering/auto-layer.json").cases) {
  test(`autoLayer: ${one.id}`, () => {
    const graph = createGraph((one.graph ?? read<Node[]>(one.graphFile!)).map(toUnit));
    const layers = autoLayer(graph, one.layerLimit)
      .map(({ units }) => units.map(({ id }) => id).filter((id) => !one.ignorePaths.includes(id)))
      .filter((layer) => layer.length > 0);
    // In the original, layers that need the same number of bytes come in the order of a hash table.
    const sort = (some: readonly (readonly string[])[]) => some.map((layer) => layer.join("\n")).sort();
    assert.deepEqual(sort(layers), sort(one.layers));
  });
}

interface ImageCase {
  readonly id: string;
  readonly maxLayers: number;
  readonly availableLayers?: number;
  readonly storeLayers?: readonly (readonly string[])[];
  readonly error?: string;
}

for (const image of ["tiny", "odd", "odd-from-tiny", "big"]) {
  const { nodes, images } = read<{ nodes: string[]; images: ImageCase[] }>(`images/${image}/images.json`);
  const graph = read<Node[]>(`images/${image}/graph.json`).filter(({ path }) => nodes.includes(path));
  const rootfs: PlanUnit = {
    id: "rootfs",
    label: "customisation layer",
    name: "rootfs",
    size: 1,
    references: [],
  };
  // The base image has the three store paths of tiny and its customisation layer.
  const baseLayers = image === "odd-from-tiny" ? 3 : 0;
  for (const { id, maxLayers, storeLayers, error } of images) {
    test(`the layers of the image ${image}/${id}`, async () => {
      const planned = planLayers([...graph.map(toUnit), rootfs], {
        maxLayers,
        baseLayers,
        planner: "popularity",
      });
      if (error !== undefined) return assert.rejects(planned, { code: "TOO_FEW_LAYERS" });
      const { layers } = await planned;
      assert.deepEqual(
        layers.map(({ units }) => units),
        [...storeLayers!, ["rootfs"]],
      );
    });
  }
}

test("10,000 units take seconds at most, whatever the values", () => {
  const count = 10_000;
  const nodes = Array.from({ length: count }, (_, i) => ({
    path: `u${i}`,
    narSize: i,
    references: [1, 2, 3, 5, 8, 13, 21, 34].map((step) => `u${i + step * (1 + (i % 7))}`),
  }));
  const popularity = computePopularity(createGraph(nodes.map(toUnit)));
  assert.ok(Math.max(...[...popularity.values()].map((value) => value.toString().length)) > 100);
});
