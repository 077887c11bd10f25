// A plan that was just packed → its record, if it can ever be taken over.

import { describeDecisiveFacts } from "../closure/decisive-facts.ts";
import { entriesWithFacts } from "../closure/facts-of-object.ts";
import type { TokenKind } from "../closure/token-kind.ts";
import { SHEBANG_SIZE } from "../formats/shebang.ts";
import type { BytePath, ByteString } from "../model/bytes.ts";
import { ROOT_PATH } from "../model/bytes.ts";
import type { Context } from "../model/context.ts";
import type { Image, Layer } from "../model/image.ts";
import type { ImageSpec } from "../model/image-spec.ts";
import type { LayerContents } from "../model/layer-plan.ts";
import type { TreeEntry } from "../model/tree.ts";
import { ContentReader } from "../platform/content.ts";
import { writeRecord } from "../platform/records.ts";
import type { ImagePlan } from "./plan.ts";
import {
  describeStart,
  type FreeSource,
  isWholeDecisive,
  listFreeSources,
  type PlanRecord,
  placePath,
  type RecordedEntry,
  type RecordedFile,
  type RecordedLayer,
  type RecordedSource,
  recordPath,
} from "./plan-record.ts";

/** Files of a source tree; of a larger one the record would cost more than it saves. */
const MOST_FILES = 20_000;

/** Keeps a plan, if it can ever be taken over. */
export async function recordPlan(
  key: string,
  spec: ImageSpec,
  plan: ImagePlan,
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
  { closure, rootFileSystem, grounds }: ImagePlan,
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
        : describeStart(head, describeDecisiveFacts(facts, i, kinds, programs));
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
