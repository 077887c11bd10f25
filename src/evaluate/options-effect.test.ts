// An option that changes nothing is a defect: each one of each function of dockerTools makes another image of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { debian } from "../sources/debian/request.ts";
import { type PullImageOptions, pullImage } from "./base-image.ts";
import { type BuildImageOptions, buildImage, type ExportImageOptions, exportImage } from "./build-image.ts";
import { buildLayer, type LayerOptions } from "./build-layer.ts";
import { buildLayeredImage, type LayeredImageOptions } from "./build-layered-image.ts";
import { runCommand } from "./run-command.ts";
import { buildShellImage, type ShellImageOptions } from "./shell-image.ts";
import { writeTextDir } from "./trivial-builders.ts";

const archive = debian("bookworm", { architecture: "amd64" });
const { packages } = archive;
const text = writeTextDir("x", "x");
const DIGEST = `sha256:${"a".repeat(64)}`;

/** A value of every option; a pair is the value, and what it takes to have an effect. */
type Samples<Options> = { readonly [Name in keyof Required<Options>]: readonly [Options[Name], Options?] };

const OF_ALL = {
  name: ["other"],
  tag: ["2"],
  config: [{ User: "x" }],
  created: [7],
  includeNixDB: [true],
  uid: [5],
  gid: [5],
  users: [[{ name: "x" }]],
  directories: [[{ path: "/x" }]],
  files: [[{ path: "/x", text: "" }]],
  extraCommands: ["true"],
  runAsRoot: ["true"],
} as const;

const LAYERED: Samples<Omit<LayeredImageOptions, "name">> & Pick<typeof OF_ALL, "name"> = {
  ...OF_ALL,
  commandInputs: [[packages["jq"]!], { extraCommands: "true" } as never],
  fakeRootCommands: ["true"],
  enableFakechroot: [true, { fakeRootCommands: "true" } as never],
  contents: [[text]],
  archive: [debian("trixie", { architecture: "amd64" })],
  closure: ["declared"],
  minimal: ["files", { config: { Cmd: ["/x"] } } as never],
  fromImage: ["oci:base"],
  inherit: ["env", { fromImage: "oci:base" } as never],
  keep: [["x"]],
  drop: [["x"]],
  forbid: [["x"]],
  maxLayers: [5],
  includeStorePaths: [false],
  uname: ["app"],
  gname: ["app"],
  mtime: [7],
  planner: ["popularity"],
  layers: [[buildLayer({ deps: text })]],
  layeringPipeline: [[["popularity_contest"]]],
  architecture: ["arm64"],
  architectures: [["amd64"]],
  compression: ["gzip"],
  compressor: ["gz"],
};

const ONE: Samples<Omit<BuildImageOptions, "name">> & Pick<typeof OF_ALL, "name"> = {
  ...OF_ALL,
  commandInputs: LAYERED.commandInputs as never,
  fromImage: ["oci:base"],
  fromImageName: ["x", { fromImage: "base.tar" } as never],
  fromImageTag: ["x", { fromImage: "base.tar" } as never],
  copyToRoot: [text],
  architecture: ["arm64"],
  compressor: ["none"],
  // Only its default is taken: src/evaluate/build-image.ts.
  keepContentsDirlinks: [true],
};

const drv = runCommand("built", { inputs: [packages["jq"]!] }, "true");
const SHELL: Samples<Omit<ShellImageOptions, "drv">> = {
  name: ["other"],
  tag: ["2"],
  uid: [5],
  gid: [5],
  homeDirectory: ["/h"],
  shell: ["/usr/bin/bash"],
  command: ["true"],
  run: ["true"],
};

const PULL: Samples<Omit<PullImageOptions, "imageName" | "imageDigest">> = {
  registry: ["quay.io"],
  // There is no other.
  os: ["linux"],
  arch: ["arm64"],
  finalImageName: ["other"],
  finalImageTag: ["2"],
};

const EXPORT: Samples<Omit<ExportImageOptions, "fromImage">> = { name: ["other"] };

const LAYER: Samples<Omit<LayerOptions, "deps">> = {
  copyToRoot: [text],
  layers: [[buildLayer({ deps: packages["sed"]! })]],
  perms: [[{ mode: 0o700 }]],
  ignore: [text],
};

const FUNCTIONS: readonly (readonly [string, (options: never) => unknown, object, object])[] = [
  ["buildLayeredImage", buildLayeredImage, { name: "x" }, LAYERED],
  ["buildImage", buildImage, { name: "x" }, ONE],
  ["buildShellImage", buildShellImage, { drv }, SHELL],
  ["pullImage", pullImage, { imageName: "x", imageDigest: DIGEST, arch: "amd64" }, PULL],
  ["exportImage", exportImage, { fromImage: "oci:x" }, EXPORT],
  ["buildLayer", buildLayer, { deps: packages["dash"]! }, LAYER],
];

const WITHOUT_CHOICE = ["keepContentsDirlinks", "os"];

for (const [name, call, least, samples] of FUNCTIONS) {
  for (const [option, [value, needed]] of Object.entries<readonly [unknown, object?]>(samples as never)) {
    if (WITHOUT_CHOICE.includes(option)) continue;
    test(`${name}: ${option} has an effect`, () => {
      const without = { ...least, ...needed };
      const isDefault = option === "architecture" && process.arch === "arm64";
      const given = { ...without, [option]: isDefault ? "amd64" : value };
      assert.notDeepEqual(call(given as never), call(without as never));
    });
  }
}
