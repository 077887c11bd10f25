// Packages for tests: a store object of a short tree and the control fields that matter.

import type { StoreObject } from "../../src/model/store-object.ts";
import { makeTree, type TreeDescription } from "./trees.ts";

export interface PackageDescription {
  /** Names of the packages that it depends on. */
  readonly depends?: readonly string[];
  /** Control fields beside Package, such as Provides and Source. */
  readonly control?: Readonly<Record<string, string>>;
}

/** @returns An object with the id `deb/<name>`. */
export function makePackage(
  name: string,
  tree: TreeDescription,
  { depends = [], control = {} }: PackageDescription = {},
): StoreObject {
  return {
    id: `deb/${name}`,
    label: `${name} 1`,
    placement: { kind: "at-root" },
    tree: makeTree(tree),
    declaredReferences: depends.map((dependency) => `deb/${dependency}`),
    package: {
      type: "deb",
      name,
      version: "1",
      architecture: control["Architecture"] ?? "amd64",
      control: new Map(Object.entries({ Package: name, ...control })),
      controlFiles: new Map(),
    },
  };
}
