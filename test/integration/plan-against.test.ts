// tare plan: the planner that an image asks for, and what of a plan an earlier image has already.

import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeArchive } from "../kit/debian-archive.ts";
import { IMAGE, makeProject, PACKAGES } from "../kit/project.ts";

/** A layer for each package. */
const image = (options = 'planner: "popularity"') => IMAGE.replace("closure:", `${options},\n  closure:`);

interface Plan {
  readonly planner: string;
  readonly removed?: readonly string[];
  readonly layers: readonly { comment: string; reason: string; digest?: string; compressedSize?: number }[];
  readonly comparison: {
    readonly push: number;
    readonly pullByChain: number;
    readonly layers: readonly { state: string; size: number; compressed: boolean }[];
    readonly gone: readonly { comment: string }[];
  };
}

test("a plan is compared with a plan, an image, and a lock", async (t) => {
  const project = await makeProject(t, { image: image() });
  const plan = (...args: string[]) => {
    const { stdout, stderr, status } = project.tare(["plan", "--json", ...args]);
    assert.equal(status, 0, stderr);
    return { stdout, value: JSON.parse(stdout) as Plan };
  };
  const states = ({ value }: ReturnType<typeof plan>) =>
    value.comparison.layers.map(({ state }, i) => `${value.layers[i]!.comment}: ${state}`);
  const first = plan();
  assert.ok(first.value.layers.every(({ digest }) => digest === undefined));
  writeFileSync(join(project.directory, "plan.json"), first.stdout);
  const same = plan("--against", "plan.json");
  assert.deepEqual(new Set(same.value.comparison.layers.map(({ state }) => state)), new Set(["kept"]));
  assert.deepEqual([same.value.comparison.push, same.value.comparison.pullByChain], [0, 0]);

  assert.equal(project.tare(["build", "-o", "oci:image"]).status, 0);
  const built = plan("--against", "oci:image");
  assert.equal(built.value.comparison.push, 0);
  assert.ok(built.value.comparison.layers.every(({ state, compressed }) => state === "kept" && compressed));

  copyFileSync(join(project.directory, "tare.lock"), join(project.directory, "old.lock"));
  const packages = PACKAGES.packages!.map((deb) =>
    deb.name === "libgreet1" ? { ...deb, version: "1.3-1" } : deb,
  );
  await makeArchive(project.archive.directory, { ...PACKAGES, packages });
  const env = { TARE_DEBIAN_KEYRING: project.archive.keyring };
  assert.equal(project.tare(["update"], { env }).status, 0);
  const changed = [
    "base-links 1.0-1: kept",
    "greet-data 1.0-1: kept",
    "greeter 1:2.0-3: kept",
    // Not packed again for its version alone: its files are the same.
    "libgreet1 1.3-1: kept",
    "root file system: new",
  ];
  for (const against of ["old.lock", "plan.json", "oci:image"]) {
    const updated = plan("--against", against);
    assert.deepEqual(states(updated).sort(), changed, against);
    assert.deepEqual(
      updated.value.comparison.gone.map(({ comment }) => comment),
      ["root file system"],
    );
    assert.ok(updated.value.comparison.push > 0);
  }
  const { stdout } = project.tare(["plan", "--against", "oci:image"]);
  assert.match(stdout, /Layers \(popularity\)\n/);
  assert.match(stdout, /there +libgreet1 1\.3-1 +popularity \d/);
  assert.match(stdout, /Against oci:image\npush +[\d.]+ kB +1 of 5 layers are new\npull +[\d.]+ kB/);
  assert.match(stdout, /1 layer not packed yet/);
});

test("an image that nobody packed here is presumed to be what its history says", async (t) => {
  const project = await makeProject(t, { image: image() });
  assert.equal(project.tare(["build", "-o", "oci:image"]).status, 0);
  const env = { XDG_CACHE_HOME: join(project.directory, "elsewhere") };
  const { stdout } = project.tare(["plan", "--against", "oci:image"], { env });
  assert.match(stdout, /there\? +greeter 1:2\.0-3/);
  assert.match(stdout, /new +root file system/);
  assert.match(stdout, /4 layers presumed to be the same/);
});

test("what cannot be compared, and planners that are not there, are told", async (t) => {
  const project = await makeProject(t, { image: image() });
  writeFileSync(join(project.directory, "no.json"), '{"name": "x"}');
  const none = project.tare(["plan", "--against", "no.json"]);
  assert.notEqual(none.status, 0);
  assert.match(none.stderr, /Cannot compare with no\.json: it has no layers/);
  writeFileSync(join(project.directory, "image.ts"), image('planner: "bySize"'));
  assert.match(project.tare(["plan"]).stderr, /no planner "bySize", only autoLayer, bySizeAndChange/);
  writeFileSync(join(project.directory, "image.ts"), image('layeringPipeline: [["limit_layers", 0]]'));
  assert.match(project.tare(["plan"]).stderr, /operation 1 \(limit_layers\): a whole number above 0/);
});

test("a pipeline of the image's own makes its layers; what it removes is told", async (t) => {
  const pipeline =
    '[["remove_paths", "base-links"], ["subcomponent_out", ["greet-data"]], ["over", "rest", ["split_every", 1]]]';
  const project = await makeProject(t, { image: image(`layeringPipeline: ${pipeline}`) });
  const plan = JSON.parse(project.tare(["plan", "--json"]).stdout) as Plan;
  assert.equal(plan.planner, "pipeline");
  assert.deepEqual(
    plan.layers.map(({ comment }) => comment.split(" ")[0]),
    ["greet-data", "libgreet1", "greeter", "root"],
  );
  assert.deepEqual(plan.removed, ["deb/base-links/1.0-1/all"]);
  assert.match(project.tare(["plan"]).stdout, /Removed by the pipeline: deb\/base-links/);
});
