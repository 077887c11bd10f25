import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlanUnit } from "../model/layer-plan.ts";
import { type LayeringPipeline, layeringPipelineProblem } from "../model/layering-pipeline.ts";
import { LayersError } from "./errors.ts";
import { createGraph } from "./graph.ts";
import { runPipeline } from "./pipeline.ts";

function unit(name: string, references: readonly string[]): PlanUnit {
  return { id: `deb/${name}/1/amd64`, label: name, name, size: 1, references };
}

const GRAPH = createGraph([
  unit("a", ["deb/b/1/amd64"]),
  unit("b", ["deb/c/1/amd64", "deb/a/1/amd64"]),
  unit("c", []),
  unit("d", []),
]);

const draw = (pipeline: LayeringPipeline) =>
  runPipeline(GRAPH, pipeline)
    .map(({ vertices }) => vertices.map(({ name }) => name).join(" "))
    .join(" | ");

test("paths are names of packages or ids; circles are no obstacle", () => {
  assert.equal(draw([["subcomponent_out", "deb/c/1/amd64"]]), "c | a b d");
  assert.equal(draw([["subcomponent_in", ["c"]]]), "a b c | d");
  assert.equal(draw([["split_paths", ["c"]]]), "c | a b d");
  assert.equal(draw([["split_paths", [{ children_of: "b" }]]]), "a c | b | d");
  assert.equal(draw([["popularity_contest"], ["limit_layers", 2]]), "c | a b d");
});

test("what lay in two graphs is not connected any more", () => {
  assert.equal(
    draw([["popularity_contest"], ["limit_layers", 2], ["map", ["subcomponent_out", "b"]], ["flatten"]]),
    "c | b | a d",
  );
});

const MISMATCHES: readonly { pipeline: LayeringPipeline; message: RegExp }[] = [
  { pipeline: [], message: /leaves one graph/ },
  { pipeline: [["remove_paths", "a"]], message: /leaves one graph/ },
  { pipeline: [["flatten"]], message: /flatten was given a graph, a list or parts was expected/ },
  { pipeline: [["reverse"]], message: /reverse was given a graph, a list was expected/ },
  { pipeline: [["limit_layers", 2]], message: /limit_layers was given a graph/ },
  {
    pipeline: [["split_every", 2], ["popularity_contest"]],
    message: /was given a list, a graph was expected/,
  },
  { pipeline: [["split_paths", ["c"]], ["reverse"]], message: /was given parts, a list was expected/ },
  {
    pipeline: [
      ["split_every", 1],
      ["over", "main", ["reverse"]],
    ],
    message: /over was given a list, parts/,
  },
  {
    pipeline: [
      ["split_paths", ["zlib"]],
      ["over", "main", ["popularity_contest"]],
    ],
    message: /no part "main" for the operation over, only rest/,
  },
  {
    pipeline: [
      ["subcomponent_in", "c"],
      ["over", "rest", ["pipe", [["reverse"]]]],
    ],
    message: /operation over rest pipe reverse was given a graph/,
  },
  {
    pipeline: [
      ["split_every", 2],
      ["map", ["split_every", 1]],
      ["limit_layers", 1],
    ],
    message: /limit_layers was given a list, a list of graphs only/,
  },
];

for (const { pipeline, message } of MISMATCHES) {
  test(`refused: ${JSON.stringify(pipeline)}`, () => {
    assert.equal(layeringPipelineProblem(pipeline), undefined);
    assert.throws(
      () => runPipeline(GRAPH, pipeline),
      (error) =>
        error instanceof LayersError &&
        error.code === "PIPELINE_MISMATCH" &&
        error.hint !== undefined &&
        message.test(error.message),
    );
  });
}

const NO_PIPELINES: readonly { value: unknown; problem: RegExp }[] = [
  { value: "popularity_contest", problem: /^an array of operations/ },
  { value: ["popularity_contest"], problem: /^operation 1: an array such as/ },
  { value: [[]], problem: /^operation 1: an array such as/ },
  { value: [["frobnicate"]], problem: /no operation "frobnicate", one of popularity_contest, / },
  { value: [["toString"]], problem: /no operation "toString"/ },
  { value: [["popularity_contest", 5]], problem: /\(popularity_contest\): it has 1 arguments, 0 were/ },
  { value: [["limit_layers"]], problem: /it has 0 arguments, 1 were/ },
  {
    value: [["reverse"], ["limit_layers", 0]],
    problem: /^operation 2 \(limit_layers\): a whole number above 0/,
  },
  { value: [["split_every", -1]], problem: /a whole number above 0/ },
  { value: [["split_every", 1.5]], problem: /a whole number above 0/ },
  { value: [["split_paths", "a"]], problem: /an array of paths and of \{ children_of/ },
  { value: [["split_paths", [{ parents_of: "a" }]]], problem: /children_of/ },
  { value: [["remove_paths", [1]]], problem: /a path or an array of paths/ },
  { value: [["over", 1, ["reverse"]]], problem: /the name of a part/ },
  { value: [["over", "main", "reverse"]], problem: /an array such as/ },
  { value: [["map", ["over", "main", ["nope"]]]], problem: /no operation "nope"/ },
  { value: [["pipe", [["limit_layers", "3"]]]], problem: /\(pipe\): operation 1 \(limit_layers\): a whole/ },
];

for (const { value, problem } of NO_PIPELINES) {
  test(`no pipeline: ${JSON.stringify(value)}`, () => {
    assert.match(layeringPipelineProblem(value) ?? "", problem);
  });
}

test("pipelines that lie in each other without end are refused, not followed", () => {
  const endless: unknown[] = [];
  endless.push(["pipe", endless]);
  assert.match(layeringPipelineProblem(endless) ?? "", /at most 100 operations/);
  const mapped: unknown[] = ["map"];
  mapped.push(mapped);
  assert.match(layeringPipelineProblem([mapped]) ?? "", /at most 100/);
});
