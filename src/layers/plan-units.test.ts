import assert from "node:assert/strict";
import { test } from "node:test";
import { makeTree } from "../../test/kit/trees.ts";
import type { Closure } from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import { describePlanUnits } from "./plan-units.ts";

const tree = makeTree({ "usr/bin/x": "12345" });

function debian(name: string, version: string, source?: string): StoreObject {
  return {
    id: `deb/${name}/${version}/amd64`,
    label: `${name} ${version}`,
    placement: { kind: "at-root" },
    tree,
    declaredReferences: [],
    package: {
      type: "deb",
      name,
      version,
      architecture: "amd64",
      control: new Map(source === undefined ? [] : [["Source", source]]),
      controlFiles: new Map(),
    },
  };
}

const STORE_PATH = "/nix/store/5491acbd352b44v1956av820c58cv06f-glibc-2.38";
const OBJECTS: readonly StoreObject[] = [
  debian("libstdc++6", "12.2.0-14+deb12u1", "gcc-12 (12.2.0-14)"),
  debian("redis-server", "5:7.0.15-1~deb12u6", "redis"),
  debian("netbase", "6.4"),
  {
    id: "path/0123/srv/server",
    label: "/srv/server",
    placement: { kind: "at-root" },
    tree,
    declaredReferences: [],
  },
  {
    id: STORE_PATH,
    label: "glibc-2.38",
    placement: { kind: "in-store", storePath: STORE_PATH },
    tree,
    declaredReferences: [],
  },
];

test("planners get of a unit what its package, its place and its references say", () => {
  const [cxx, redis, , server] = OBJECTS.map(({ id }) => id) as [string, string, string, string];
  const closure: Closure = {
    roots: [redis, server],
    units: OBJECTS.map((object) => ({ object, entries: tree.entries })),
    edges: [{ from: redis, to: cxx, evidence: [] }],
    pruned: [],
  };
  const units = [
    ...OBJECTS.map(({ id, label }) => ({ id, label, entries: tree.entries })),
    { id: "rootfs", label: "root file system", entries: [] },
  ];
  assert.deepEqual(
    describePlanUnits(units, closure).map(({ id, label, ...rest }) => rest),
    [
      { name: "libstdc++6", size: 5, references: [], origin: "gcc-12", updates: 1, volatile: false },
      { name: "redis-server", size: 5, references: [cxx], origin: "redis", updates: 6, volatile: false },
      { name: "netbase", size: 5, references: [], origin: "netbase", updates: 0, volatile: false },
      { name: "/srv/server", size: 5, references: [], volatile: true },
      { name: STORE_PATH, size: 120, references: [], volatile: false },
      { name: "rootfs", size: 0, references: [], volatile: false },
    ],
  );
});

test("what is built changes with every build, unless only locks and packages go in", () => {
  const built = { ...OBJECTS[4]!, id: `${STORE_PATH}-app` };
  const stable = { ...OBJECTS[4]!, id: `${STORE_PATH}-env`, stable: true };
  const objects = [built, stable];
  const units = objects.map(({ id, label }) => ({ id, label, entries: tree.entries }));
  const closure: Closure = {
    roots: objects.map(({ id }) => id),
    units: objects.map((object) => ({ object, entries: tree.entries })),
    edges: [],
    pruned: [],
  };
  assert.deepEqual(
    describePlanUnits(units, closure).map(({ volatile }) => volatile),
    [true, false],
  );
});
