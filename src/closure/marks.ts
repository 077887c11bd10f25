// Which files are reached, and what follows from it without reading any token: units that stay with a file of theirs,
// references that wait until a unit is wanted. What is marked is queued for follow.ts.

import type { Evidence } from "../model/closure.ts";
import { EdgeRecorder } from "./edge-recorder.ts";
import { isExact } from "./indexed-units.ts";
import type { InferenceParts } from "./inference-parts.ts";
import { FROM_NOWHERE, ReasonRecorder } from "./reasons.ts";
import { isDataOf, sourceOf } from "./relations.ts";
import { getOrMake, nameOf, type UnitView } from "./token-index.ts";

/** How files are reached: who names them, and by what. */
export interface Reference {
  /** Number of the referring file, or {@link FROM_NOWHERE}. */
  readonly source: number;
  readonly kind: string;
  readonly token: string;
  /** The node of the graph that the reference comes from. */
  readonly via: number;
}

/** A reference that may count later. */
interface Waiting {
  readonly target: number;
  readonly reference: Reference;
}

/** A token that leads nowhere, or a graph that is not recorded. */
export const NO_NODE = -2;

export class Marks {
  readonly #parts: InferenceParts;
  /** What led to each file first. */
  readonly reasons: ReasonRecorder;
  readonly edges = new EdgeRecorder();
  /** Scripts that were not marked, because what runs them is of no declared package. */
  readonly droppedScripts = new Set<number>();

  /** For each file: 0 not reached, 1 reached as one of many, 2 reached by its own name. */
  readonly #reached: Uint8Array;
  /** Files that are reached and not yet followed. */
  readonly queue: number[] = [];
  /** Units of which a file was reached. */
  readonly #touched = new Set<number>();
  /** For each unit the file by which it was reached first. */
  readonly #firstFiles: Int32Array;
  /** Units whose files that stay unnamed are kept. */
  readonly #complete = new Set<number>();
  /** Of those the ones that are not yet followed. */
  readonly completeQueue: number[] = [];
  /** Units of which so far only directories were named. */
  readonly #glimpsed = new Set<number>();
  /** What units of which a file was reached declare to need. */
  readonly #wanted = new Set<number>();
  /** By unit the objects of a store that it refers to. */
  readonly #storeReferences = new Map<number, Set<number>>();
  /** By unit the tokens that may become edges when it gets another referrer. */
  readonly #undeclared = new Map<number, Waiting[]>();
  /** By unit the tokens that count when something of the image declares to need it. */
  readonly #optional = new Map<number, Waiting[]>();

  constructor(parts: InferenceParts) {
    const { index, kinds } = parts;
    this.#parts = parts;
    this.reasons = new ReasonRecorder(index, (kind, token) => kinds.show(kind, token));
    this.#reached = new Uint8Array(index.size);
    this.#firstFiles = new Int32Array(index.units.length).fill(FROM_NOWHERE);
  }

  /** @param bulk Whether the file is one of many that the token means. */
  mark(target: number, reference: Reference, bulk: boolean): void {
    const { index, drops, granularity, graph, interpreters, kinds, isMinimal } = this.#parts;
    if (drops.refuses(target)) return;
    const { source, kind, token, via } = reference;
    const unit = index.units[index.unitOf(target)]!;
    const isBulk = bulk || (kind === "symlink" && source >= 0 && this.#reached[source] === 1);
    if (isBulk && !isExact(unit.object) && interpreters.isLacking(target, unit.root)) {
      this.droppedScripts.add(target);
      return;
    }
    if (isBulk && granularity.isTestSuite(unit, target)) return;
    if (source >= 0 && index.unitOf(source) !== unit.number) {
      this.addEdge(index.unitOf(source), unit.number, {
        kind,
        file: index.entryOf(source).path,
        token: kinds.show(kind, token),
        target: index.entryOf(target).path,
      });
    }
    graph?.addEdge(via, graph.named(target));
    this.reasons.record(target, source, kind, token);
    if (!this.#touched.has(unit.number)) {
      this.#touched.add(unit.number);
      this.#firstFiles[unit.number] = target;
      this.#want(unit.number);
      if (isMinimal) this.#markLanguage(unit, target);
    }
    if (!this.#complete.has(unit.number)) this.#completeIfMeant(unit, source, isBulk);
    if (this.#reached[target] !== 0) {
      if (!isBulk) this.#reached[target] = 2;
      return;
    }
    this.#reached[target] = isBulk ? 1 : 2;
    this.queue.push(target);
  }

  /** Marks all files of a unit. */
  markAll(unit: UnitView, reference: Reference): void {
    for (let file = unit.first; file < unit.end; file++) this.mark(file, reference, true);
  }

  /** A language's library may be several packages of one source: which modules a program imports, no scan sees. */
  #markLanguage(unit: UnitView, source: number): void {
    const { index } = this.#parts;
    if (!index.holdsModules(unit)) return;
    for (const other of index.units) {
      if (other === unit || !other.declared || this.#touched.has(other.number)) continue;
      if (sourceOf(other) !== sourceOf(unit) || !index.holdsModules(other)) continue;
      this.markAll(other, {
        source,
        kind: "language-library",
        token: nameOf(other),
        via: this.nodeOf(unit),
      });
    }
  }

  /** Records a reference between units; a new referrer may declare what the words of the unit could mean. */
  addEdge(from: number, to: number, evidence: Evidence): void {
    if (!this.edges.add(from, to, evidence)) return;
    const direct = this.#parts.declarations.directOf(from);
    for (const { target, reference } of this.#undeclared.get(to) ?? []) {
      if (direct.has(this.#parts.index.unitOf(target))) this.mark(target, reference, false);
    }
  }

  /** Notes a reference of an object of a store; false when it is known. */
  addStoreReference(from: number, to: number): boolean {
    const known = getOrMake(this.#storeReferences, from, () => new Set<number>());
    const isNew = !known.has(to);
    known.add(to);
    return isNew;
  }

  /** Keeps a reference until its unit gets a referrer that declares to need what it means. */
  awaitReferrer(unit: number, target: number, reference: Reference): void {
    getOrMake(this.#undeclared, unit, (): Waiting[] => []).push({ target, reference });
  }

  /** Keeps a reference until something of the image declares to need the unit of the target. */
  awaitNeed(target: number, reference: Reference): void {
    const unit = this.#parts.index.unitOf(target);
    getOrMake(this.#optional, unit, (): Waiting[] => []).push({ target, reference });
  }

  /** Notes what a unit of the image declares to need. */
  #want(unit: number): void {
    for (const other of this.#parts.declarations.directOf(unit)) {
      this.#wanted.add(other);
      for (const { target, reference } of this.#optional.get(other) ?? []) {
        this.mark(target, reference, false);
      }
      this.#optional.delete(other);
      if (this.#glimpsed.has(other)) this.completeUnit(other);
    }
  }

  /** Whether an optional reference to a unit counts. */
  isWanted(from: UnitView, unit: UnitView): boolean {
    if (unit.root || this.#wanted.has(unit.number) || isEssential(unit)) return true;
    return this.#parts.declarations.allOf(from.number).has(unit.number);
  }

  /**
   * Naming a file of a unit means the unit. Naming a directory means the unit when a package of the image declares to
   * need it, too, or it is the naming package's own data; otherwise what lies in the directory, such as the configuration
   * of a driver that may be there.
   */
  #completeIfMeant(unit: UnitView, source: number, isBulk: boolean): void {
    const { granularity, index } = this.#parts;
    if (granularity.of(unit) === "files") return;
    const from = source < 0 ? undefined : index.units[index.unitOf(source)]!;
    if (from === unit) return;
    const isMeant = from === undefined || !isBulk || isDataOf(unit, from);
    if (isMeant || this.#wanted.has(unit.number)) this.completeUnit(unit.number);
    else this.#glimpsed.add(unit.number);
  }

  completeUnit(unit: number): void {
    if (this.#complete.has(unit)) return;
    this.#complete.add(unit);
    this.completeQueue.push(unit);
  }

  /** The node of a unit in the graph. */
  nodeOf(unit: UnitView): number {
    return this.#parts.graph?.unit(unit.number) ?? NO_NODE;
  }

  isReached(file: number): boolean {
    return this.#reached[file] !== 0;
  }

  /** Whether a file of a unit was reached. */
  isTouched(unit: number): boolean {
    return this.#touched.has(unit);
  }

  isComplete(unit: number): boolean {
    return this.#complete.has(unit);
  }

  /** The file by which a unit was reached first, or {@link FROM_NOWHERE}. */
  firstFileOf(unit: UnitView): number {
    return this.#firstFiles[unit.number]!;
  }

  /** Whether a file is in the image. */
  isKept(unit: UnitView, file: number): boolean {
    if (this.#parts.drops.has(file)) return false;
    return this.isReached(file) || (this.staysWithUnit(unit, file) && !this.droppedScripts.has(file));
  }

  /** Whether a file stays because others of its unit do. */
  staysWithUnit(unit: UnitView, file: number): boolean {
    return this.#complete.has(unit.number) && this.#parts.granularity.staysUnnamed(unit, file);
  }
}

function isEssential({ object }: UnitView): boolean {
  return object.package?.control.get("Essential") === "yes";
}
