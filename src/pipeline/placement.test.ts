import assert from "node:assert/strict";
import { test } from "node:test";
import { makeTree } from "../../test/kit/trees.ts";
import { buildLayeredImage } from "../evaluate/build-layered-image.ts";
import type { BytePath } from "../model/bytes.ts";
import type { ImageSpec, PlacedOutput } from "../model/image-spec.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { StorePath } from "../model/store-path.ts";
import { PipelineError } from "./errors.ts";
import { resolveLayers } from "./explicit-layers.ts";
import { LINKS_ID, placeStoreObjects } from "./placement.ts";

const path = (name: string) => `/nix/store/${"0".repeat(32)}-${name}` as StorePath;

const stored = (name: string, references: readonly string[] = []): StoreObject => ({
  id: path(name),
  label: name,
  placement: { kind: "in-store", storePath: path(name) },
  tree: makeTree({ [`share/${name}`]: name }),
  declaredReferences: references.map(path),
});

const spec = (
  outputs: readonly [string, PlacedOutput["placement"]][],
  more: Partial<ImageSpec> = {},
): ImageSpec => ({
  ...buildLayeredImage({ name: "x" }),
  contents: [],
  outputs: outputs.map(([name, placement]) => ({
    kind: "output",
    node: path(name),
    output: "out",
    placement,
  })),
  ...more,
});

const OBJECTS = [stored("app", ["lib"]), stored("lib"), stored("tool")];
const roots = new Set(OBJECTS.map(({ id }) => id));
const idsOf = (image: ImageSpec) => placeStoreObjects(image, OBJECTS, roots).objects.map(({ id }) => id);

test("what is linked is in the store with all that it refers to, and links lead there", () => {
  const { objects } = placeStoreObjects(spec([["app", "linked"]]), OBJECTS, roots);
  assert.deepEqual(
    objects.map(({ id }) => id),
    [path("app"), path("lib"), LINKS_ID],
  );
  const link = objects[2]!.tree.entries.find((entry) => entry.type === "symlink");
  assert.deepEqual(
    [link?.path, link?.type === "symlink" && link.target],
    ["share/app", `${path("app")}/share/app`],
  );
});

test("what has a place of its own is not in the store, but what it refers to is", () => {
  assert.deepEqual(idsOf(spec([["app", "/srv"]])), [path("lib"), "app@/srv"]);
  assert.deepEqual(idsOf(spec([["app", "/"]], { includeStorePaths: false })), ["app@/"]);
});

test("without store paths links alone are there", () => {
  assert.deepEqual(idsOf(spec([["app", "linked"]], { includeStorePaths: false })), [LINKS_ID]);
});

test("owners are those of the store's files and of what is placed", () => {
  const image = spec(
    [
      ["app", "store"],
      ["tool", "/"],
    ],
    { storeOwner: { uid: 5, gid: 6, uname: "a", gname: "b" } },
  );
  for (const { tree } of placeStoreObjects(image, OBJECTS, roots).objects) {
    for (const { uid, gid } of tree.entries) assert.deepEqual([uid, gid], [5, 6]);
  }
});

test("layers name objects by the ids that these have in their places", () => {
  const [app, , tool] = spec([
    ["app", "/"],
    ["lib", "store"],
    ["tool", "store"],
  ]).outputs;
  const request = { source: "debian", scope: { architecture: "amd64" as const }, mirrors: [], name: "dash" };
  assert.deepEqual(
    resolveLayers(
      [{ members: [app!, request], ignore: [tool!], perms: [{ path: app!, regex: "x", mode: 1 }] }],
      OBJECTS,
      ({ name }) => `deb/${name}`,
    ),
    [
      {
        members: ["app@/", "deb/dash"],
        ignore: [path("tool")],
        perms: [{ path: "app@/", regex: "x", mode: 1 }],
      },
    ],
  );
});

test("a file needs a name where it is placed", () => {
  const single: StoreObject = {
    ...stored("conf"),
    tree: { entries: [{ ...makeTree({ x: "1" }).entries.at(-1)!, path: "" as BytePath }] },
  };
  const place = (at: PlacedOutput["placement"]) =>
    placeStoreObjects(spec([["conf", at]]), [single], new Set([single.id])).objects;
  assert.throws(
    () => place("/"),
    (error: unknown) => error instanceof PipelineError && error.code === "PLACE_NEEDS_NAME",
  );
  assert.deepEqual(
    place("/etc/conf").flatMap(({ tree }) => tree.entries.map((entry) => entry.path)),
    ["etc/conf"],
  );
});
