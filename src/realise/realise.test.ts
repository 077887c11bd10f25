import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeOutputs } from "../../test/kit/builds.ts";
import { derivation, type Output } from "../evaluate/derivation.ts";
import { writeText } from "../evaluate/trivial-builders.ts";
import { InternalError } from "../model/errors.ts";
import type { StorePath } from "../model/store-path.ts";
import { type BuildPlan, instantiateGraph, outputPath } from "./instantiate.ts";
import { type RealiseOptions, type Realiser, realise } from "./realise.ts";

const make = (name: string, inputs: readonly Output[] = [], options = {}) =>
  derivation({ name, builder: "/bin/sh", args: inputs.map((input) => `${input}`), ...options });

/** Builds nothing: it remembers what was asked for. */
class Recorder implements Realiser {
  readonly valid = new Set<StorePath>();
  readonly elsewhere = new Set<StorePath>();
  readonly asked: StorePath[] = [];
  readonly started: string[] = [];
  running = 0;
  mostRunning = 0;
  failing: string | undefined;

  isValid(path: StorePath): boolean {
    return this.valid.has(path);
  }

  async substitute(paths: readonly StorePath[]): Promise<void> {
    this.asked.push(...paths);
    for (const path of paths) if (this.elsewhere.has(path)) this.valid.add(path);
  }

  build: Realiser["build"] = async ({ name, inputs, outputs }) => {
    this.started.push(name);
    for (const input of inputs) assert.ok(this.valid.has(input), `${name} was built before ${input}`);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.running--;
    if (name === this.failing) throw new Error(`${name} failed`);
    for (const path of outputs.values()) this.valid.add(path as StorePath);
  };
}

async function plan(...outputs: Output[]): Promise<BuildPlan> {
  return instantiateGraph(describeOutputs(outputs).graph, {
    sourcePath: async () => assert.fail("there is no source"),
    packagePaths: () => [],
  });
}

function run(
  plan: BuildPlan,
  outputs: readonly Output[],
  realiser: Realiser,
  options: Partial<RealiseOptions> = {},
) {
  return realise(plan, outputs, realiser, { jobs: 4, signal: new AbortController().signal, ...options });
}

/** a ← b, c; b, c ← d; e ← d */
const a = make("a");
const [b, c] = [make("b", [a]), make("c", [a])];
const d = make("d", [b, c]);
const e = make("e", [d]);

describe("realise", () => {
  test("builds inputs first, each once, and at once what can be", async () => {
    const recorder = new Recorder();
    const planned = await plan(e, d);
    await run(planned, [e, d], recorder);
    assert.deepEqual(
      [recorder.started[0], recorder.started.slice(1, 3).sort(), ...recorder.started.slice(3)],
      ["a", ["b", "c"], "d", "e"],
    );
    assert.equal(recorder.mostRunning, 2);
    await run(planned, [e, d], recorder);
    assert.equal(recorder.started.length, 5);
  });

  test("runs no more builds than there are jobs", async () => {
    const many = Array.from({ length: 9 }, (_, i) => make(`m${i}`));
    for (const jobs of [1, 3]) {
      const recorder = new Recorder();
      await run(await plan(...many), many, recorder, { jobs });
      assert.equal(recorder.mostRunning, jobs);
      assert.equal(recorder.started.length, 9);
    }
  });

  test("builds nothing for what is valid, nor what only that needs", async () => {
    const recorder = new Recorder();
    const planned = await plan(e);
    recorder.valid.add(outputPath(planned, d));
    await run(planned, [e], recorder);
    assert.deepEqual(recorder.started, ["e"]);
  });

  test("asks elsewhere first, and not for what says that it is made quickly", async () => {
    const recorder = new Recorder();
    const note = writeText("note", `see ${d}`);
    const planned = await plan(note);
    recorder.elsewhere.add(outputPath(planned, d));
    await run(planned, [note], recorder);
    assert.deepEqual(recorder.started, ["note"]);
    assert.deepEqual(recorder.asked, [outputPath(planned, d)]);
  });

  test("stops at the first failure, after what runs has ended", async () => {
    const recorder = new Recorder();
    recorder.failing = "b";
    await assert.rejects(run(await plan(e), [e], recorder), /b failed/);
    assert.deepEqual(recorder.started.sort(), ["a", "b", "c"]);
    assert.equal(recorder.running, 0);
  });

  test("stops when it is interrupted", async () => {
    const recorder = new Recorder();
    const abort = new AbortController();
    const reason = new Error("interrupted");
    setTimeout(() => abort.abort(reason), 7);
    await assert.rejects(run(await plan(e), [e], recorder, { signal: abort.signal }), reason);
    assert.ok(!recorder.started.includes("e"));
  });

  test("builds again what is to be compared, with all that it needs", async () => {
    const recorder = new Recorder();
    const planned = await plan(d);
    recorder.valid.add(outputPath(planned, d));
    await run(planned, [d], recorder, { check: new Set([planned.derivations.get(d.node)!]) });
    assert.deepEqual([recorder.started[0], recorder.started.at(-1)], ["a", "d"]);
  });
});

describe("instantiateGraph", () => {
  test("names outputs by all that they are made of", async () => {
    const planned = await plan(e);
    const changed = make("e", [make("d", [make("b", [make("a", [], { env: { x: 1 } })]), c])]);
    assert.notEqual(outputPath(planned, e), outputPath(await plan(changed), changed));
    assert.deepEqual([...planned.derivations.values()].map(({ name }) => name).sort(), [
      "a",
      "b",
      "c",
      "d",
      "e",
    ]);
    assert.equal([...planned.derivations.values()][0]!.name, "a");
  });

  test("takes packages as sources of the build", async () => {
    const package_ = "/nix/store/00000000000000000000000000000000-p.deb" as StorePath;
    const planned = await instantiateGraph(describeOutputs([a]).graph, {
      sourcePath: async () => package_,
      packagePaths: () => [package_],
    });
    assert.deepEqual([...planned.derivations.values()][0]!.derivation.inputSrcs, [package_]);
  });

  test("a graph without a node that is mentioned is a fault of Tare's own", async () => {
    const { graph } = describeOutputs([b]);
    const { [a.node]: _, ...incomplete } = graph;
    const resolution = { sourcePath: async () => assert.fail(), packagePaths: () => [] };
    await assert.rejects(instantiateGraph(incomplete, resolution), InternalError);
    assert.throws(() => outputPath({ derivations: new Map(), sources: new Map() }, a), InternalError);
  });
});
