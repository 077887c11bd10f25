// The record of a plan, and the sources as they are now → the plan, when it is still the same.

import { createHash } from "node:crypto";
import { describeDecisiveFacts } from "../closure/decisive-facts.ts";
import { decodeFacts } from "../closure/facts.ts";
import { computeObjectFacts } from "../closure/facts-of-object.ts";
import type { TokenKind } from "../closure/token-kind.ts";
import { SHEBANG_SIZE } from "../formats/shebang.ts";
import type { BytePath } from "../model/bytes.ts";
import { joinPath } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { Layer } from "../model/image.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { LayerContents } from "../model/layer-plan.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";
import { toLayer } from "../pack/layer-cache.ts";
import { readRecord } from "../platform/records.ts";
import { type IndexedEntry, indexSource, readSourceFile } from "../platform/source-index.ts";
import {
  describeStart,
  type FreeSource,
  isWholeDecisive,
  listFreeSources,
  type PlanRecord,
  placePath,
  type RecordedSource,
  recordPath,
} from "./plan-record.ts";

/** Bytes of the source trees' files, which are in memory while they are packed. */
const MOST_BYTES = 64 << 20;

/** A plan that is taken over: layers as they are, and those that are to be packed. */
export interface ReusedPlan {
  readonly config: ImageSpec["config"];
  readonly layers: readonly (
    | { readonly kind: "packed"; readonly layer: Layer }
    | { readonly kind: "contents"; readonly contents: LayerContents }
  )[];
}

/** The plan of an image from an earlier one; undefined when it has to be planned. */
export async function reusePlan(
  key: string,
  spec: ImageSpec,
  context: Context,
): Promise<ReusedPlan | undefined> {
  const record = readRecord(recordPath(key, context)) as PlanRecord | undefined;
  if (record === undefined) return undefined;
  const sources = listFreeSources(spec);
  if (sources.length !== record.sources.length) return undefined;
  const contents: Map<BytePath, FileContent>[] = [];
  const programs = new Set(record.programs);
  for (const [i, source] of sources.entries()) {
    const found = await readSource(source, record.sources[i]!, programs, context);
    if (found === undefined) return undefined;
    contents.push(found);
  }
  const sizes = new Map(sources.map(({ unit }, i) => [unit, sum([...contents[i]!.values()])]));
  if (!(await isPlannedAlike(record, sizes, spec))) return undefined;
  const layers = record.layers.map((layer): ReusedPlan["layers"][number] => {
    if (layer.kind === "packed") {
      const { mediaType, comment, ...packed } = layer.layer;
      return { kind: "packed", layer: toLayer(packed, mediaType, comment, context) };
    }
    const { units, comment, reason } = layer;
    const entries = layer.entries.map((entry): TreeEntry => {
      if (!("from" in entry)) return entry;
      const { source, from, ...common } = entry;
      const { bytes, sha256 } = contents[source]!.get(from)!;
      return { ...common, size: bytes.length, content: { kind: "bytes", bytes, sha256 } };
    });
    return { kind: "contents", contents: { units, comment, reason, entries } };
  });
  return { config: record.config, layers };
}

interface FileContent {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

function sum(files: readonly FileContent[]): number {
  return files.reduce((total, { bytes }) => total + bytes.length, 0);
}

/** The files of a source by their paths in it; undefined when it differs from the record in what decides. */
async function readSource(
  { node, place }: FreeSource,
  recorded: RecordedSource,
  programs: ReadonlySet<string>,
  context: Context,
): Promise<Map<BytePath, FileContent> | undefined> {
  const entries = await indexSource(node.path, { include: node.include, signal: context.signal });
  if (!isSameListing(entries, recorded)) return undefined;
  const files = entries.filter((entry) => entry.type === "file");
  if (files.reduce((total, { size }) => total + size, 0) > MOST_BYTES) return undefined;
  const before = new Map(recorded.files.map((file) => [file[0], file]));
  const contents = new Map<BytePath, FileContent>();
  for (const { path, sha256, size } of files) {
    const bytes = readSourceFile(node.path, path, size);
    // Written to since it was listed: what it is now was not compared.
    if (createHash("sha256").update(bytes).digest("hex") !== sha256) return undefined;
    contents.set(path, { bytes, sha256 });
    const [, , oldSha256, decisive] = before.get(path)!;
    if (sha256 === oldSha256) continue;
    if (decisive === oldSha256) return undefined;
    const now = await describeFile(joinPath(placePath(place), path), bytes, sha256, programs);
    if (now !== decisive) return undefined;
  }
  return contents;
}

function isSameListing(entries: readonly IndexedEntry[], recorded: RecordedSource): boolean {
  const listing = new Set([
    ...recorded.directories.map((path) => `d ${path}`),
    ...recorded.links.map(([path, target]) => `l ${path}\0${target}`),
    ...recorded.files.map(([path, executable]) => `f ${path}\0${executable}`),
  ]);
  // The root directory of a source is in the image only when its place is not the image's root.
  const found = entries
    .map((entry) => {
      if (entry.type === "directory") return `d ${entry.path}`;
      if (entry.type === "symlink") return `l ${entry.path}\0${entry.target}`;
      return `f ${entry.path}\0${entry.executable ? 1 : 0}`;
    })
    .filter((line) => line !== "d ");
  listing.delete("d ");
  return found.length === listing.size && found.every((line) => listing.has(line));
}

let kinds: Promise<TokenKind[]> | undefined;

/** What of a file's content decides anything, as keep-plan.ts describes it. */
async function describeFile(
  path: BytePath,
  bytes: Buffer,
  sha256: string,
  programs: ReadonlySet<string>,
): Promise<string> {
  kinds ??= import("../closure/kinds.ts").then(({ loadTokenKinds }) => loadTokenKinds());
  const known = await kinds;
  const entry: FileEntry = {
    type: "file",
    path,
    mode: 0,
    uid: 0,
    gid: 0,
    size: bytes.length,
    content: { kind: "bytes", bytes, sha256 },
  };
  const facts = decodeFacts(computeObjectFacts([entry], known, () => bytes))!;
  const head = bytes.subarray(0, SHEBANG_SIZE);
  if (isWholeDecisive(head, facts.traits(0))) return sha256;
  return describeStart(head, describeDecisiveFacts(facts, 0, known, programs));
}

/** Whether the layers are divided as they were, now that some units have other sizes. */
async function isPlannedAlike(
  record: PlanRecord,
  sizes: ReadonlyMap<string, number>,
  spec: ImageSpec,
): Promise<boolean> {
  const units = record.units.map((unit) => ({ ...unit, size: sizes.get(unit.id) ?? unit.size }));
  if (units.every(({ size }, i) => size === record.units[i]!.size)) return true;
  const { planLayers } = await import("../layers/plan.ts");
  const { maxLayers, planner, layeringPipeline } = spec;
  const plan = await planLayers(units, { maxLayers, planner, pipeline: layeringPipeline });
  const show = (layers: readonly { readonly units: readonly string[] }[]) =>
    JSON.stringify(layers.map((layer) => layer.units));
  return show(plan.layers) === show(record.layers);
}
