// Packages made by hand, and root file systems composed of them, as dumps that a test can compare.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClosureUnit } from "../../src/model/closure.ts";
import { SILENT_PROGRESS } from "../../src/model/progress.ts";
import type { RootFileSystem } from "../../src/model/root-file-system.ts";
import type { StoreObject } from "../../src/model/store-object.ts";
import type { TreeEntry } from "../../src/model/tree.ts";
import { composeRootFileSystem } from "../../src/rootfs/compose.ts";
import type { PackageObject, RootFileSystemOptions } from "../../src/rootfs/fix.ts";
import { makeTree, type TreeDescription } from "./trees.ts";

export interface PackageDescription {
  readonly name: string;
  readonly version?: string;
  readonly tree?: TreeDescription;
  /** Names of packages that it declares to need. */
  readonly needs?: readonly string[];
  /** Further fields of its control file. */
  readonly control?: Readonly<Record<string, string>>;
  /** `postinst`, `preinst`, `templates`, `md5sums`… */
  readonly files?: Readonly<Record<string, string>>;
  /** Paths that the closure leaves out, with all below them. */
  readonly leftOut?: readonly string[];
}

/** The id of a package that {@link makePackage} makes without a version. */
export function idOf(name: string, version = "1"): string {
  return `deb/${name}/${version}/amd64`;
}

export function makePackage(description: PackageDescription): PackageObject {
  const { name, version = "1" } = description;
  return {
    id: idOf(name, version),
    label: `${name} ${version}`,
    placement: { kind: "at-root" },
    tree: makeTree(description.tree ?? {}),
    declaredReferences: (description.needs ?? []).map((need) => idOf(need)),
    package: {
      type: "deb",
      name,
      version,
      architecture: "amd64",
      control: new Map(
        Object.entries({ Package: name, Version: version, Architecture: "amd64", ...description.control }),
      ),
      controlFiles: new Map(Object.entries(description.files ?? {})),
    },
  };
}

/** Composes packages, in the order in which they are given. */
export async function compose(
  descriptions: readonly PackageDescription[],
  options: Partial<RootFileSystemOptions> = {},
): Promise<RootFileSystem> {
  const units = descriptions.map((description): ClosureUnit => {
    const object: StoreObject = makePackage(description);
    const leftOut = (path: string) =>
      (description.leftOut ?? []).some((one) => path === one || path.startsWith(`${one}/`));
    return { object, entries: object.tree.entries.filter((entry) => !leftOut(entry.path)) };
  });
  return composeRootFileSystem(
    { roots: [], units, edges: [], pruned: [] },
    { architecture: "amd64", ...options },
    { progress: SILENT_PROGRESS, signal: new AbortController().signal },
  );
}

/** A package with nothing but a postinst, under `#!/bin/sh`. */
export function withPostinst(script: string, more: Partial<PackageDescription> = {}): PackageDescription {
  return { name: "demo", ...more, files: { postinst: `#!/bin/sh\nset -e\n${script}\n`, ...more.files } };
}

/** A postinst of test/fixtures/maintainer-scripts. */
export function readPostinst(name: string): string {
  const directory = join(import.meta.dirname, "../fixtures/maintainer-scripts");
  return readFileSync(join(directory, `${name}.postinst`), "latin1");
}

/** `d 0755 0:0`, `f 0644 0:0 "text"` or `l target`; undefined when there is nothing. */
export function show(root: RootFileSystem, path: string): string | undefined {
  const entry = [...root.merged.values()].find((one) => one.path === path);
  return entry === undefined ? undefined : describe(entry);
}

function describe(entry: TreeEntry): string {
  if (entry.type === "symlink") return `l ${entry.target}`;
  const attributes = `0${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`;
  if (entry.type === "directory") return `d ${attributes}`;
  return `f ${attributes} ${JSON.stringify(textOf(entry))}`;
}

function textOf(entry: TreeEntry): string {
  if (entry.type !== "file" || entry.content.kind !== "bytes") return "";
  return Buffer.from(entry.content.bytes).toString("latin1");
}

/** The text of a file of the root file system. */
export function readText(root: RootFileSystem, path: string): string {
  const entry = [...root.merged.values()].find((one) => one.path === path);
  if (entry === undefined) throw new Error(`there is no /${path}`);
  return textOf(entry);
}

/** What a fix reported, as `action path: detail`. */
export function reportsOf(root: RootFileSystem, fix: string): string[] {
  return root.report
    .filter((report) => report.fix === fix)
    .map(({ action, path, detail }) => `${action} ${path === undefined ? "" : `/${path}: `}${detail}`);
}
