// A plan as data and as text: layers with their packages, what was left out, what was done to the root file system.

import type { LayerState, PlanComparison } from "../layers/compare.ts";
import { decodeByteString } from "../model/bytes.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { DescribedLayer } from "../model/layer-plan.ts";
import { computeTreeSize, type TreeEntry } from "../model/tree.ts";
import type { ImagePlan } from "../pipeline/plan.ts";
import { describeLeftOut } from "./left-out.ts";
import { count, formatBytes, formatTable } from "./text.ts";

/** A comparison, and what the plan was compared with. */
export type ReportedComparison = PlanComparison & { readonly against: string };

/** @param described What is known of each layer. */
export function describePlan(
  spec: ImageSpec,
  { closure, rootFileSystem, layerPlan, layers, warnings }: ImagePlan,
  described: readonly DescribedLayer[],
  comparison?: ReportedComparison,
): object {
  return {
    name: spec.name,
    tag: spec.tag,
    architecture: spec.architecture,
    planner: layerPlan.planner,
    layers: layers.map(({ comment, units, reason, entries }, i) => ({
      comment,
      units,
      reason,
      entries: entries.length,
      size: fileBytes(entries),
      ...described[i],
    })),
    ...(layerPlan.removed && { removed: layerPlan.removed }),
    ...(comparison && { comparison }),
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
    ...describeLeftOut({ closure, rootFileSystem, warnings }),
  };
}

export function formatPlan(
  spec: ImageSpec,
  plan: ImagePlan,
  listFixes: boolean,
  comparison?: ReportedComparison,
): string {
  const { closure, rootFileSystem, layers } = plan;
  const rows = layers.map(({ comment, entries, reason }, i) => [
    `${i + 1}`,
    formatBytes(fileBytes(entries)),
    ...(comparison ? [STATES[comparison.layers[i]!.state]] : []),
    shorten(comment, 60),
    reason,
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
    ...(plan.layerPlan.removed ? [`Removed by the pipeline: ${plan.layerPlan.removed.join(", ")}`] : []),
    "",
    ...(comparison ? [...formatComparison(comparison), ""] : []),
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

const STATES: Readonly<Record<LayerState, string>> = { new: "new", kept: "there", presumed: "there?" };

function formatComparison({ against, layers, push, pullByChain, gone }: ReportedComparison): string[] {
  const moved = layers.filter(({ state }) => state === "new");
  const unpacked = layers.filter(({ compressed }) => !compressed).length;
  const presumed = layers.filter(({ state }) => state === "presumed").length;
  const rows = [
    ["push", formatBytes(push), `${moved.length} of ${count(layers.length, "layer")} are new`],
    ["pull", formatBytes(push), "by engines that keep layers by digest: containerd, podman"],
    ["", formatBytes(pullByChain), "by engines that keep chains of layers: docker's own store"],
  ];
  return [
    `Against ${against}`,
    formatTable(rows, [1]),
    ...(gone.length > 0
      ? [`${count(gone.length, "layer")} of it ${gone.length === 1 ? "is" : "are"} no longer there`]
      : []),
    ...(unpacked > 0
      ? [`${count(unpacked, "layer")} not packed yet: counted uncompressed, two to three times what is sent`]
      : []),
    ...(presumed > 0
      ? [`${count(presumed, "layer")} presumed to be the same by what the history says (there?)`]
      : []),
  ];
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
