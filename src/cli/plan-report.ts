// A plan as data and as text: layers with their packages, what was left out, what was done to the root file system.

import { type BytePath, decodeByteString } from "../model/bytes.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import { computeTreeSize, type TreeEntry } from "../model/tree.ts";
import type { ImagePlan } from "../pipeline.ts";
import { count, formatBytes, formatTable } from "./text.ts";

export function describePlan(
  spec: ImageSpec,
  { closure, rootFileSystem, layerPlan, layers, warnings }: ImagePlan,
): object {
  return {
    name: spec.name,
    tag: spec.tag,
    architecture: spec.architecture,
    planner: layerPlan.planner,
    layers: layers.map(({ comment, units, reason, entries }) => ({
      comment,
      units,
      reason,
      entries: entries.length,
      size: fileBytes(entries),
    })),
    packages: closure.units.map(({ object, entries }) => ({
      id: object.id,
      label: object.label,
      root: closure.roots.includes(object.id),
      files: entries.filter(({ type }) => type !== "directory").length,
      size: fileBytes(entries),
      references: closure.edges
        .filter(({ from }) => from === object.id)
        .map(({ to, evidence }) => ({ to, evidence })),
    })),
    pruned: closure.pruned,
    dropped: closure.dropped ?? [],
    droppedScripts: (closure.droppedScripts ?? []).map(showPath),
    dangling: (closure.dangling ?? []).map(showPath),
    warnings: warnings.map(showPath),
    rootFileSystem: rootFileSystem.report.map(showPath),
  };
}

export function formatPlan(spec: ImageSpec, plan: ImagePlan, listFixes: boolean): string {
  const { closure, rootFileSystem, layers } = plan;
  const rows = layers.map(({ comment, entries }, i) => [
    `${i + 1}`,
    formatBytes(fileBytes(entries)),
    shorten(comment, 90),
  ]);
  const pruned = closure.pruned.map(({ name, files, size }) => [
    "",
    formatBytes(size),
    `${name} (${count(files, "file")})`,
  ]);
  const applied = Map.groupBy(rootFileSystem.report, ({ fix }) => fix);
  const fixes = [...applied].map(([fix, actions]) => ["", `${actions.length}`, fix]);
  const files = layers.flatMap(({ entries }) => entries.filter(({ type }) => type === "file"));
  return [
    `${spec.name}:${spec.tag} for ${spec.architecture}: ${count(closure.units.length, "package")}, ${count(files.length, "file")}, ${formatBytes(fileBytes(files))}`,
    "",
    `Layers (${plan.layerPlan.planner})`,
    formatTable(rows, [0, 1]),
    "",
    "Left out",
    formatTable([...pruned, ...droppedRows(closure)], [1]),
    "",
    "Done to the root file system (actions by fix)",
    formatTable(fixes, [1]),
    ...(listFixes
      ? [
          "",
          formatTable(
            rootFileSystem.report.map(({ fix, action, path, detail }) => [
              fix,
              action,
              path === undefined ? "" : `/${decodeByteString(path)}`,
              detail ?? "",
            ]),
          ),
        ]
      : []),
  ].join("\n");
}

/** A value with a path as people write it. */
export function showPath<T extends { readonly path?: BytePath | undefined }>(
  value: T,
): Omit<T, "path"> & { path: string | undefined } {
  return { ...value, path: value.path === undefined ? undefined : `/${decodeByteString(value.path)}` };
}

function droppedRows({ dropped = [], droppedScripts = [] }: ImagePlan["closure"]): string[][] {
  const rows: string[][] = [];
  if (dropped.length > 0) {
    const names = dropped.map(({ id }) => id.split("/")[1]).join(", ");
    rows.push(["", `${dropped.length}`, shorten(`declared, but named by nothing: ${names}`, 90)]);
  }
  if (droppedScripts.length > 0) {
    rows.push(["", `${droppedScripts.length}`, "scripts whose interpreter is not declared"]);
  }
  return rows;
}

function fileBytes(entries: readonly TreeEntry[]): number {
  return computeTreeSize({ entries });
}

function shorten(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
