// The record of a plan that is kept: when only the contents of the user's own source trees changed, and nothing in them that decides
// anything, the plan of an earlier build is the plan. Layers that hold no such file are as they were, too.
//
// A plan depends on a source tree by its paths, types and modes; by what its files name (facts); by the beginning of a
// file, which says how it is started; and by the whole of a file that was read for what it says, or that is no text.
// Each of these is in the record, and each must be as it was. Whatever has another shape is planned anew.

import { createHash } from "node:crypto";
import { TRAITS } from "../closure/facts.ts";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { encodeByteString } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { OfferedPath } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import type { NodeId, SourceNode } from "../model/derivation.ts";
import type { Layer } from "../model/image.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { PlanUnit } from "../model/layer-plan.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";
import { placedId } from "./placement.ts";

/** Raised whenever a record of the same key may mean something else. */
const FORMAT = 1;

/** A source tree that is in the image at a place of its own, and nowhere else. */
export interface FreeSource {
  readonly id: NodeId;
  readonly node: SourceNode;
  readonly place: string;
  /** Of its store object in the image. */
  readonly unit: string;
}

export type RecordedFile = readonly [path: BytePath, executable: 0 | 1, sha256: string, decisive: string];

export interface RecordedSource {
  readonly unit: string;
  readonly directories: readonly BytePath[];
  readonly links: readonly (readonly [path: BytePath, target: ByteString])[];
  readonly files: readonly RecordedFile[];
}

/** An entry of a layer; of a file what the tree does not say: where it is from. */
export type RecordedEntry =
  | (TreeEntry & { readonly type: "directory" | "symlink" })
  | (Omit<FileEntry, "size" | "content"> & { readonly source: number; readonly from: BytePath });

export type RecordedLayer =
  | { readonly kind: "packed"; readonly units: readonly string[]; readonly layer: PackedLayer }
  | {
      readonly kind: "own";
      readonly units: readonly string[];
      readonly comment: string;
      readonly reason: string;
      readonly entries: readonly RecordedEntry[];
    };

type PackedLayer = Pick<Layer, "mediaType" | "digest" | "diffId" | "size" | "comment"> & {
  readonly uncompressedSize: number;
};

export interface PlanRecord {
  readonly config: ImageSpec["config"];
  readonly sources: readonly RecordedSource[];
  readonly programs: readonly string[];
  readonly units: readonly PlanUnit[];
  readonly layers: readonly RecordedLayer[];
}

/** What decided a plan beside the paths and names of what is in it. */
export interface PlanGrounds {
  /** Files of the image whose contents were read for what they say. */
  readonly contentsRead: ReadonlySet<BytePath>;
  /** What files' words could mean; nothing where the closure is declared. */
  readonly objects: readonly StoreObject[];
  readonly offeredPaths: readonly OfferedPath[];
}

/** The source trees of an image whose contents alone may change without another plan; none when there are none. */
export function listFreeSources({ outputs, graph }: Pick<ImageSpec, "outputs" | "graph">): FreeSource[] {
  const used = new Set<NodeId>();
  for (const node of Object.values(graph)) {
    if (node.kind === "derivation") for (const input of node.inputs) used.add(input.node);
  }
  for (const { node, placement } of outputs) if (!placement.startsWith("/")) used.add(node);
  return outputs.flatMap(({ node: id, placement }) => {
    const node = graph[id];
    if (node?.kind !== "source" || used.has(id)) return [];
    return [{ id, node, place: placement, unit: placedId(node.name, placement) }];
  });
}

/**
 * The key of a plan: everything that it depends on but its free sources.
 *
 * @param inputs Which Tare plans, from which lock; undefined where no result may be reused.
 * @param files What the image's local files and trees are, a line each; those of trees begin with their node.
 */
export function planKey(
  spec: ImageSpec,
  inputs: { readonly id: string; readonly lock: string } | undefined,
  files: string,
): string | undefined {
  const sources = listFreeSources(spec);
  if (sources.length === 0 || inputs === undefined) return undefined;
  const free = new Set(sources.map(({ id }) => id));
  const others = files.split("\n").filter((line) => !free.has(line.slice(0, line.indexOf(" "))));
  const text = formatCanonicalJson({ format: FORMAT, ...inputs, spec, others });
  return createHash("sha256").update(text).digest("hex");
}

export function recordPath(key: string, context: Context): string {
  return context.cache.path("builds", `plan-${key}.json`);
}

/** Where a source lies in the image. */
export function placePath(place: string): BytePath {
  return encodeByteString(place.slice(1)) as string as BytePath;
}

/** Loaders and the kernel read programs and libraries, and anything that looks like one, beyond its beginning. */
export function isWholeDecisive(head: Uint8Array, traits: number): boolean {
  return (traits & TRAITS.elf) !== 0 || head[0] === 0x7f;
}

/** The first line of a script says how it is started; of other files nobody asks for it. */
export function describeStart(head: Buffer, facts: string): string {
  const isScript = head[0] === 0x23 && head[1] === 0x21;
  const line = isScript ? head.toString("latin1").split("\n", 1)[0]! : "";
  return createHash("sha256").update(`${line}\n${facts}`).digest("hex");
}
