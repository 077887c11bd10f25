// Plans that are kept: when only the contents of the user's own source trees changed, and nothing in them that decides
// anything, the plan of an earlier build is the plan. Layers that hold no such file are as they were, too.
//
// A plan depends on a source tree by its paths, types and modes; by what its files name (facts); by the beginning of a
// file, which says how it is started; and by the whole of a file that was read for what it says, or that is no text.
// Each of these is in the record, and each must be as it was. Whatever has another shape is planned anew.

import { createHash } from "node:crypto";
import { describeDecisiveFacts } from "../closure/decisive-facts.ts";
import { decodeFacts, TRAITS } from "../closure/facts.ts";
import { computeObjectFacts, entriesWithFacts } from "../closure/facts-of-object.ts";
import type { TokenKind } from "../closure/token-kind.ts";
import { SHEBANG_SIZE } from "../formats/shebang.ts";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { encodeByteString, joinPath, ROOT_PATH } from "../model/bytes.ts";
import { formatCanonicalJson } from "../model/canonical-json.ts";
import type { Closure, OfferedPath } from "../model/closure.ts";
import type { Context } from "../model/context.ts";
import type { NodeId, SourceNode } from "../model/derivation.ts";
import type { Image, Layer } from "../model/image.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { LayerContents, LayerPlan, PlanUnit } from "../model/layer-plan.ts";
import type { RootFileSystem } from "../model/root-file-system.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { FileEntry, TreeEntry } from "../model/tree.ts";
import { toLayer } from "../pack/layer-cache.ts";
import { ContentReader } from "../platform/content.ts";
import { readRecord, writeRecord } from "../platform/records.ts";
import { type IndexedEntry, indexSource, readSourceFile } from "../platform/source-index.ts";
import { placedId } from "./placement.ts";

/** Raised whenever a record of the same key may mean something else. */
const FORMAT = 1;

/** Files of a source tree; of a larger one the record would cost more than it saves. */
const MOST_FILES = 20_000;

/** Bytes of the source trees' files, which are in memory while they are packed. */
const MOST_BYTES = 64 << 20;

/** A source tree that is in the image at a place of its own, and nowhere else. */
interface FreeSource {
  readonly id: NodeId;
  readonly node: SourceNode;
  readonly place: string;
  /** Of its store object in the image. */
  readonly unit: string;
}

type RecordedFile = readonly [path: BytePath, executable: 0 | 1, sha256: string, decisive: string];

interface RecordedSource {
  readonly unit: string;
  readonly directories: readonly BytePath[];
  readonly links: readonly (readonly [path: BytePath, target: ByteString])[];
  readonly files: readonly RecordedFile[];
}

/** An entry of a layer; of a file what the tree does not say: where it is from. */
type RecordedEntry =
  | (TreeEntry & { readonly type: "directory" | "symlink" })
  | (Omit<FileEntry, "size" | "content"> & { readonly source: number; readonly from: BytePath });

type RecordedLayer =
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

interface PlanRecord {
  readonly config: ImageSpec["config"];
  readonly sources: readonly RecordedSource[];
  readonly programs: readonly string[];
  readonly units: readonly PlanUnit[];
  readonly layers: readonly RecordedLayer[];
}

/** What a plan was made from and came to. */
export interface PlannedImage {
  readonly config: ImageSpec["config"];
  readonly closure: Closure;
  readonly rootFileSystem: RootFileSystem;
  readonly layerPlan: LayerPlan;
  readonly layers: readonly LayerContents[];
  readonly planUnits: readonly PlanUnit[];
  readonly grounds: PlanGrounds;
}

/** What decided a plan beside the paths and names of what is in it. */
export interface PlanGrounds {
  /** Files of the image whose contents were read for what they say. */
  readonly contentsRead: ReadonlySet<BytePath>;
  /** What files' words could mean; nothing where the closure is declared. */
  readonly objects: readonly StoreObject[];
  readonly offeredPaths: readonly OfferedPath[];
}

/** A plan that is taken over: layers as they are, and those that are to be packed. */
export interface ReusedPlan {
  readonly config: ImageSpec["config"];
  readonly layers: readonly (
    | { readonly kind: "packed"; readonly layer: Layer }
    | { readonly kind: "contents"; readonly contents: LayerContents }
  )[];
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

function recordPath(key: string, context: Context): string {
  return context.cache.path("builds", `plan-${key}.json`);
}

// ─── Keeping ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Keeps a plan, if it can ever be taken over. */
export async function recordPlan(
  key: string,
  spec: ImageSpec,
  plan: PlannedImage,
  image: Image,
  context: Context,
): Promise<void> {
  // What programs of the image wrote may depend on every byte that they could see.
  if (plan.rootFileSystem.report.some(({ action }) => action === "run" || action === "needs-run")) return;
  const sources = listFreeSources(spec);
  const [{ loadTokenKinds }, { listProgramNames }] = await Promise.all([
    import("../closure/kinds.ts"),
    import("../closure/program-names.ts"),
  ]);
  const kinds = await loadTokenKinds();
  const programs = listProgramNames(plan.grounds.objects, plan.grounds.offeredPaths);
  const recorded: RecordedSource[] = [];
  for (const source of sources) {
    const found = await recordSource(source, plan, kinds, new Set(programs), context);
    if (found === undefined) return;
    recorded.push(found);
  }
  const layers = plan.layers.map((contents, i) => recordLayer(contents, image.layers[i]!, sources));
  if (layers.some((layer) => layer === undefined)) return;
  const record: PlanRecord = {
    config: plan.config,
    sources: recorded,
    programs,
    units: plan.planUnits,
    layers: layers as RecordedLayer[],
  };
  writeRecord(recordPath(key, context), record);
}

/** A source as it is in the image; undefined when the image has it otherwise than it lies there. */
async function recordSource(
  { place, unit }: FreeSource,
  { closure, rootFileSystem, grounds }: PlannedImage,
  kinds: readonly TokenKind[],
  programs: ReadonlySet<string>,
  context: Context,
): Promise<RecordedSource | undefined> {
  const object = closure.units.find((one) => one.object.id === unit)?.object;
  const placed = rootFileSystem.units.find(({ id }) => id === unit)?.entries ?? [];
  if (object === undefined || object.tree.entries.length > MOST_FILES) return undefined;
  if (closure.replaced?.some(({ by }) => by === unit) === true) return undefined;
  const contentAt = new Map(placed.map((entry) => [entry.path, contentOf(entry)]));
  const own = object.tree.entries.filter(({ type }) => type !== "directory");
  const isAsPlaced = own.every((entry) => contentAt.get(entry.path) === contentOf(entry));
  if (!isAsPlaced || placed.filter(({ type }) => type !== "directory").length !== own.length)
    return undefined;
  const { scanObjects } = await import("../closure/facts-cache.ts");
  const facts = (await scanObjects([object], context)).get(object.id)!;
  using reader = new ContentReader();
  const files: RecordedFile[] = [];
  const links: (readonly [BytePath, ByteString])[] = [];
  for (const [i, entry] of entriesWithFacts(object.tree.entries).entries()) {
    const path = pathBelow(entry.path, place);
    if (entry.type === "symlink") {
      links.push([path, entry.target]);
      continue;
    }
    const head = Buffer.alloc(Math.min(SHEBANG_SIZE, entry.size));
    reader.readInto(entry, 0, head);
    const { sha256 } = entry.content;
    const isRead = grounds.contentsRead.has(entry.path);
    const decisive =
      isRead || isWholeDecisive(head, facts.traits(i))
        ? sha256
        : describe(head, describeDecisiveFacts(facts, i, kinds, programs));
    files.push([path, (entry.mode & 0o100) === 0 ? 0 : 1, sha256, decisive]);
  }
  const directories = object.tree.entries
    .filter(({ type }) => type === "directory")
    .map(({ path }) => pathBelow(path, place));
  return { unit, directories, links, files };
}

function contentOf(entry: TreeEntry): string {
  if (entry.type === "directory") return "";
  return entry.type === "file" ? entry.content.sha256 : `> ${entry.target}`;
}

/** What lies at `place` itself has the empty path. */
function pathBelow(path: BytePath, place: string): BytePath {
  const prefix = placePath(place);
  return (prefix === ROOT_PATH ? path : path.slice(prefix.length + 1)) as BytePath;
}

function placePath(place: string): BytePath {
  return encodeByteString(place.slice(1)) as string as BytePath;
}

/** Loaders and the kernel read programs and libraries, and anything that looks like one, beyond its beginning. */
function isWholeDecisive(head: Uint8Array, traits: number): boolean {
  return (traits & TRAITS.elf) !== 0 || head[0] === 0x7f;
}

/** The first line of a script says how it is started; of other files nobody asks for it. */
function describe(head: Buffer, facts: string): string {
  const isScript = head[0] === 0x23 && head[1] === 0x21;
  const line = isScript ? head.toString("latin1").split("\n", 1)[0]! : "";
  return createHash("sha256").update(`${line}\n${facts}`).digest("hex");
}

/** A layer with files of the sources has nothing but these; undefined for one that is mixed. */
function recordLayer(
  { comment, reason, units, entries }: LayerContents,
  { mediaType, digest, diffId, size, uncompressedSize }: Layer,
  sources: readonly FreeSource[],
): RecordedLayer | undefined {
  const numbers = new Map(sources.map(({ unit }, i) => [unit, i]));
  const own = units.filter((unit) => numbers.has(unit));
  if (own.length === 0) {
    if (uncompressedSize === undefined) return undefined;
    return { kind: "packed", units, layer: { mediaType, digest, diffId, size, uncompressedSize, comment } };
  }
  if (own.length !== units.length) return undefined;
  const recorded: RecordedEntry[] = [];
  for (const entry of entries) {
    if (entry.type !== "file") {
      recorded.push(entry);
      continue;
    }
    const source = sources.findIndex(
      ({ unit, place }) => own.includes(unit) && isBelow(entry.path, placePath(place)),
    );
    if (source < 0 || entry.inode !== undefined) return undefined;
    const { type, path, mode, uid, gid } = entry;
    recorded.push({ type, path, mode, uid, gid, source, from: pathBelow(path, sources[source]!.place) });
  }
  return { kind: "own", units, comment, reason, entries: recorded };
}

function isBelow(path: BytePath, prefix: BytePath): boolean {
  return prefix === ROOT_PATH || path === prefix || path.startsWith(`${prefix}/`);
}

// ─── Taking over ────────────────────────────────────────────────────────────────────────────────────────────────────

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

/** What of a file's content decides anything, as {@link recordSource} describes it. */
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
  return describe(head, describeDecisiveFacts(facts, 0, known, programs));
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
