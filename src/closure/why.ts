// Why something is in an image: the chain of references from what the image asks for, and what would leave the image
// if a step of it were cut. A closure with its references in, data out. Pure.

import { type BytePath, compareStrings, encodeByteString } from "../model/bytes.ts";
import type { Closure, ClosureUnit, FileInObject, FileReason, ReferenceEdge } from "../model/closure.ts";
import type { FixReport, RootFileSystem } from "../model/root-file-system.ts";
import { didYouMean } from "../model/suggest.ts";
import { computeTreeSize, type TreeEntry } from "../model/tree.ts";
import { walkPath } from "../model/walk-path.ts";
import { ClosureError } from "./errors.ts";
import { type Loss, ReferenceGraph } from "./graph.ts";
import { normalizePath } from "./literals.ts";

/** A closure with the graph of its references. */
export interface TracedClosure {
  readonly closure: Closure;
  readonly graph: ReferenceGraph;
  /** What goes when the reference that led to a file is cut, as its reason has it; absent when nothing was inferred. */
  readonly cutReason?: (file: FileInObject) => Loss;
}

interface Cut {
  /** Ids of the objects of which nothing would be left without the step. */
  readonly cutObjects: readonly string[];
  /** Bytes of the files that would go. */
  readonly cutSize: number;
}

/** One reference of a chain of packages. */
export interface ChainStep extends ReferenceEdge, Cut {}

/** One file of a chain, with what led to it. */
export interface FileStep extends Cut {
  readonly file: FileInObject;
  readonly reason: FileReason;
}

/** What a directory of the image holds. */
export interface Held {
  readonly files: number;
  /** Bytes. */
  readonly size: number;
  /** Ids of the objects with files in it, sorted. */
  readonly objects: readonly string[];
}

/** Why something is in an image. */
export interface Explanation {
  readonly kind: "package" | "file" | "directory";
  /** Id of the object that is, or has, what was asked about; undefined for what was made for the image itself. */
  readonly object: string | undefined;
  /** What was asked about, canonical; undefined for a package. */
  readonly path: BytePath | undefined;
  /** Whether the image asks for the object. */
  readonly isRoot: boolean;
  /** Bytes of the package, the file, or all files in the directory. */
  readonly size: number;
  /** The shortest chain of packages. */
  readonly chain: readonly ChainStep[];
  /** The chain of files to the file, or to the first file of the package or directory; what the image asks for first. */
  readonly files: readonly FileStep[];
  readonly holds: Held | undefined;
  /** What was done at the path beside unpacking: it may be there by a fix alone. */
  readonly made: readonly FixReport[];
}

/** The graph of a closure whose references are known by package only. */
export function traceDeclarations(closure: Closure): TracedClosure {
  const objects = closure.units.map(({ object }) => object.id);
  const numbers = new Map(objects.map((id, number) => [id, number]));
  const start = objects.length;
  const edges = [
    ...closure.roots.map((id) => [start, numbers.get(id)] as const),
    ...closure.edges.map(({ from, to }) => [numbers.get(from), numbers.get(to)] as const),
  ].filter((edge): edge is [number, number] => edge[0] !== undefined && edge[1] !== undefined);
  const graph = new ReferenceGraph({
    objects,
    packages: [...objects.keys(), -1],
    sizes: [...closure.units.map(({ entries }) => computeTreeSize({ entries })), 0],
    from: edges.map(([from]) => from),
    to: edges.map(([, to]) => to),
    start,
  });
  return { closure, graph };
}

/**
 * The shortest chain of references to an object; empty when the image itself asks for it.
 *
 * @returns Undefined when the object is not in the closure. Of equally short chains the first by ids is taken.
 */
export function findChain(
  { roots, starts = [], edges }: Closure,
  target: string,
): ReferenceEdge[] | undefined {
  const outgoing = Map.groupBy(edges, ({ from }) => from);
  const arrived = new Map<string, ReferenceEdge | undefined>();
  let frontier = [...new Set([...roots, ...starts.map(({ object }) => object)])].sort(compareStrings);
  for (const root of frontier) arrived.set(root, undefined);
  while (frontier.length > 0 && !arrived.has(target)) {
    const next: string[] = [];
    for (const from of frontier) {
      for (const edge of [...(outgoing.get(from) ?? [])].sort((a, b) => compareStrings(a.to, b.to))) {
        if (arrived.has(edge.to)) continue;
        arrived.set(edge.to, edge);
        next.push(edge.to);
      }
    }
    frontier = next.sort(compareStrings);
  }
  if (!arrived.has(target)) return undefined;
  const chain: ReferenceEdge[] = [];
  for (let edge = arrived.get(target); edge !== undefined; edge = arrived.get(edge.from)) chain.unshift(edge);
  return chain;
}

/** The chain of {@link findChain}, and what each cut would take. */
export function explainObject(
  { closure, graph }: TracedClosure,
  target: string,
): readonly ChainStep[] | undefined {
  return findChain(closure, target)?.map((edge) => ({
    ...edge,
    ...toCut(graph.cutPackages(edge.from, edge.to)),
  }));
}

function toCut({ objects, size }: Loss): Cut {
  return { cutObjects: [...objects].sort(compareStrings), cutSize: size };
}

/** The chain of reasons that leads to a file, what the image asks for first; empty when no reasons are known. */
export function findFileChain({ reasons }: Closure, file: FileInObject): Pick<FileStep, "file" | "reason">[] {
  const chain: Pick<FileStep, "file" | "reason">[] = [];
  for (let at: FileInObject | undefined = file; at !== undefined; ) {
    const reason: FileReason | undefined = reasons?.of(at);
    if (reason === undefined) break;
    chain.unshift({ file: at, reason });
    at = reason.from;
  }
  return chain;
}

/**
 * Explains a package by its name, something built by the name that tables show, or a file or directory by its absolute
 * path.
 *
 * @param rootFileSystem Where paths lead, and what fixes made.
 * @throws {ClosureError} `NOT_IN_IMAGE`, with the nearest names, or who would have had it.
 */
export function explain(
  traced: TracedClosure,
  target: string,
  rootFileSystem?: Pick<RootFileSystem, "merged" | "report">,
): Explanation {
  return target.startsWith("/")
    ? explainPath(traced, target, rootFileSystem)
    : explainPackage(traced, target);
}

function explainPackage(traced: TracedClosure, name: string): Explanation {
  const { closure } = traced;
  const unit =
    closure.units.find((candidate) => nameOf(candidate) === name) ??
    closure.units.find(({ object }) => object.package === undefined && object.label === name);
  if (unit === undefined) throw notInImage(closure, name);
  const files = unit.entries.filter(({ type }) => type !== "directory");
  return {
    ...explainUnit(traced, unit.object.id),
    kind: "package",
    path: undefined,
    size: computeTreeSize({ entries: unit.entries }),
    files: shortestChain(
      traced,
      files.map(({ path }) => ({ object: unit.object.id, path })),
    ),
    holds: undefined,
    made: [],
  };
}

function explainUnit(
  traced: TracedClosure,
  object: string,
): Pick<Explanation, "object" | "isRoot" | "chain"> {
  const { closure } = traced;
  return {
    object,
    isRoot: closure.roots.includes(object),
    chain: explainObject(traced, object) ?? [],
  };
}

function explainPath(
  traced: TracedClosure,
  target: string,
  rootFileSystem: Pick<RootFileSystem, "merged" | "report"> | undefined,
): Explanation {
  const { closure } = traced;
  const asked = encodeByteString(target);
  const walk = walkPath(asked, (path) => rootFileSystem?.merged.get(path), {
    followLast: false,
    throughMissing: true,
  });
  const canonical = walk.kind === "arrived" ? walk.path : ("" as BytePath);
  const paths = new Set([normalizePath(canonical), normalizePath(asked.replace(/^\/+|\/+$/g, ""))]);
  const made =
    rootFileSystem?.report.filter(({ path, action }) => path === canonical && action !== "skip") ?? [];
  const shipped = closure.units.flatMap(({ object, entries }) =>
    entries.flatMap((entry) =>
      paths.has(normalizePath(entry.path)) ? [{ object: object.id, path: entry.path, entry }] : [],
    ),
  );
  const file = shipped.find(({ entry }) => entry.type !== "directory");
  if (file !== undefined) {
    return {
      ...explainUnit(traced, file.object),
      kind: "file",
      path: file.path,
      size: file.entry.type === "file" ? file.entry.size : 0,
      files: withCuts(traced, findFileChain(closure, file)),
      holds: undefined,
      made,
    };
  }
  const below = filesBelow(closure, paths);
  const present = rootFileSystem?.merged.get(canonical);
  if (below.length === 0 && shipped.length === 0 && present === undefined) throw notInImage(closure, target);
  const files = shortestChain(traced, below);
  const object =
    files.at(-1)?.file.object ?? shipped[0]?.object ?? made.find(({ because }) => because)?.because;
  const isDirectory = below.length + shipped.length > 0 || present?.type === "directory";
  return {
    ...(object === undefined ? { object, isRoot: false, chain: [] } : explainUnit(traced, object)),
    kind: isDirectory ? "directory" : "file",
    path: canonical,
    size: isDirectory ? sizeOf(below) : present?.type === "file" ? present.size : 0,
    files,
    holds: isDirectory
      ? {
          files: below.length,
          size: sizeOf(below),
          objects: [...new Set(below.map((one) => one.object))].sort(compareStrings),
        }
      : undefined,
    made,
  };
}

interface HeldFile extends FileInObject {
  readonly entry: TreeEntry;
}

function filesBelow({ units }: Closure, directories: ReadonlySet<string>): HeldFile[] {
  const prefixes = [...directories].map((path) => (path === "" ? "" : `${path}/`));
  return units.flatMap(({ object, entries }) =>
    entries.flatMap((entry) =>
      entry.type !== "directory" && prefixes.some((prefix) => normalizePath(entry.path).startsWith(prefix))
        ? [{ object: object.id, path: entry.path, entry }]
        : [],
    ),
  );
}

function sizeOf(files: readonly HeldFile[]): number {
  return computeTreeSize({ entries: files.map(({ entry }) => entry) });
}

/** The shortest of the chains to some files; of equally short ones that of the first file. */
function shortestChain(traced: TracedClosure, files: readonly FileInObject[]): FileStep[] {
  let best: Pick<FileStep, "file" | "reason">[] = [];
  for (const file of files) {
    const chain = findFileChain(traced.closure, file);
    if (best.length === 0 || (chain.length > 0 && chain.length < best.length)) best = chain;
    if (best.length === 1) break;
  }
  return withCuts(traced, best);
}

function withCuts(
  { cutReason }: TracedClosure,
  chain: readonly Pick<FileStep, "file" | "reason">[],
): FileStep[] {
  return chain.map((step) => ({ ...step, ...toCut(cutReason?.(step.file) ?? { objects: [], size: 0 }) }));
}

function notInImage(closure: Closure, target: string): ClosureError {
  const dropped = closure.dropped?.find(({ id }) => id.split("/")[1] === target);
  return new ClosureError("NOT_IN_IMAGE", `Cannot explain ${target}: it is not in the image`, {
    hint:
      dropped !== undefined
        ? `It is declared by ${dropped.declaredBy.map((id) => id.split("/")[1]).join(", ")}, but nothing names a file of it`
        : target.startsWith("/")
          ? "Its package may be left out, or its class of files: tare why --dropped lists what is"
          : didYouMean(target, closure.units.map(nameShown)),
  });
}

function nameOf({ object }: ClosureUnit): string {
  return object.package?.name ?? object.id;
}

function nameShown({ object }: ClosureUnit): string {
  return object.package?.name ?? object.label;
}
