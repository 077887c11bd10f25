// Reference inference: which files of a declared closure and of Debian's Essential packages the roots need at run
// time. Objects, facts and options in; closure with the evidence of every edge out. Pure. Design: docs/closure.md.

import { compareStrings as compare, comparePaths } from "../model/bytes.ts";
import type {
  Closure,
  ClosureUnit,
  Evidence,
  OfferedPath,
  PrunedClass,
  ReferenceEdge,
} from "../model/closure.ts";
import { InternalError } from "../model/errors.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { TreeEntry } from "../model/tree.ts";
import { cutReason } from "./cut-reason.ts";
import { isCompiler, reachDeclared } from "./declared.ts";
import type { EntryPoint } from "./entry-points.ts";
import { ClosureError } from "./errors.ts";
import { type ObjectFacts, TRAITS } from "./facts.ts";
import { compileGlob } from "./globs.ts";
import { GranularityRule } from "./granularity.ts";
import type { ReferenceGraph } from "./graph.ts";
import { GraphRecorder, IMAGE } from "./graph-recorder.ts";
import { normalizePath } from "./literals.ts";
import { isMaintainerOnly } from "./maintainer-only.ts";
import { pruneEntries } from "./prune.ts";
import { FROM_NOWHERE, ReasonRecorder } from "./reasons.ts";
import { isDataOf, isTransparent, providersByChoice, siblingsWithCommands, sourceOf } from "./relations.ts";
import { findReplaced, type ReplacedPaths } from "./replaced.ts";
import {
  countMissing,
  isWhole,
  listDangling,
  listDroppedObjects,
  listDroppedScripts,
  listEntries,
  listStarts,
} from "./result.ts";
import { TEST_SUITES } from "./test-suites.ts";
import { type FileView, getOrMake, TokenIndex, type UnitView } from "./token-index.ts";
import type { TokenKind, TokenScope } from "./token-kind.ts";
import type { TracedClosure } from "./why.ts";

export interface InferenceOptions {
  /** `files`: from the entrypoints only, and file by file but for libraries of languages. */
  readonly minimal?: "files" | undefined;
  /** What the image starts: with `minimal` the only roots but for files of no package, otherwise beside the roots. */
  readonly entryPoints?: readonly EntryPoint[] | undefined;
  /** Patterns of package names or paths that stay, whatever the rules say. */
  readonly keep?: readonly string[] | undefined;
  /** Patterns of package names or paths that go, whatever the rules say. */
  readonly drop?: readonly string[] | undefined;
  /** Only tokens of these kinds are followed; for measuring what the others bring. */
  readonly onlyKinds?: readonly string[] | undefined;
}

export interface InferenceInput {
  /** The declared closure of the roots and the Essential packages with theirs, in any order. */
  readonly objects: readonly StoreObject[];
  /** Ids of the objects that the image asks for. */
  readonly roots: readonly string[];
  /** By the objects' ids. */
  readonly facts: ReadonlyMap<string, ObjectFacts>;
  readonly kinds: readonly TokenKind[];
  /** What installation makes: alternatives, links, configuration files from templates. */
  readonly offeredPaths?: readonly OfferedPath[] | undefined;
  readonly options?: InferenceOptions | undefined;
}

/** Pieces of evidence kept for an edge. */
const MAX_EVIDENCE = 5;

/**
 * Computes the closure.
 *
 * @throws {ClosureError} `ROOT_NOT_FOUND`, `ENTRYPOINT_NOT_FOUND`, `OVERRIDE_WITHOUT_EFFECT`.
 *
 * Pure: the result does not depend on the order of `objects`.
 */
export function inferClosure(input: InferenceInput): Closure {
  return infer(input, false).closure;
}

/** Computes the same closure as {@link inferClosure}, in more time and memory. */
export function traceClosure(input: InferenceInput): Required<TracedClosure> {
  const { inference, closure } = infer(input, true);
  return { closure, ...inference.trace() };
}

function infer(input: InferenceInput, traced: boolean): { inference: Inference; closure: Closure } {
  const inference = new Inference(input, { traced, keepDevelopmentFiles: false });
  const closure = inference.run();
  // Files for compilers are in the image when a compiler is.
  if (!closure.units.some(({ object }) => isCompiler(object))) return { inference, closure };
  const second = new Inference(input, { traced, keepDevelopmentFiles: true });
  return { inference: second, closure: second.run() };
}

/** A token of a file that may become an edge when the file's package gets another referrer. */
interface Waiting {
  readonly source: number;
  readonly target: number;
  readonly kind: string;
  readonly token: string;
  /** The node of the token in the graph. */
  readonly via: number;
}

/** A token that leads nowhere, or a graph that is not recorded. */
const NO_NODE = -2;

class Inference {
  readonly #input: InferenceInput;
  readonly #options: InferenceOptions;
  readonly #index: TokenIndex;
  readonly #granularity: GranularityRule;
  readonly #replacedOf: (id: string) => ReplacedPaths;
  readonly #pruned = new Map<string, { files: number; size: number }>();
  /** Kinds by the name of the kind whose tokens they follow. */
  readonly #followers = new Map<string, TokenKind[]>();
  readonly #hardKinds: ReadonlySet<string>;
  /** How kinds tell their tokens, by the kinds' names. */
  readonly #shows: ReadonlyMap<string, TokenKind["show"]>;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #direct = new Map<number, ReadonlySet<number>>();
  /** For each file the number of the pattern of `drop` that takes it away, counted from 1; 0 for none. */
  readonly #droppedBy: Uint16Array;
  readonly #dropEffects = new Set<number>();

  /** For each file: 0 not reached, 1 reached as one of many, 2 reached by its own name. */
  readonly #reached: Uint8Array;
  readonly #queue: number[] = [];
  /** Units of which a file was reached. */
  readonly #touched = new Set<number>();
  /** Units whose files that stay unnamed are kept. */
  readonly #complete = new Set<number>();
  readonly #completeQueue: number[] = [];
  readonly #edges = new Map<number, Map<number, Evidence[]>>();
  readonly #referrers = new Map<number, Set<number>>();
  readonly #waiting = new Map<number, Waiting[]>();
  /** By unit the tokens that count when something of the image declares to need it. */
  readonly #optional = new Map<number, Waiting[]>();
  /** Units of which so far only directories were named. */
  readonly #glimpsed = new Set<number>();
  /** What units of which a file was reached declare to need. */
  readonly #wanted = new Set<number>();
  /** By unit all that it declares to need, and what that does. */
  readonly #needed = new Map<number, ReadonlySet<number>>();
  /** By unit the nodes of the providers that its libraries load. */
  readonly #askedProviders = new Map<number, readonly number[]>();
  readonly #droppedScripts = new Set<number>();
  /** By unit that was built the kinds of the languages that it brings along. */
  readonly #bundled = new Map<number, readonly string[]>();
  /** The nodes of tokens that a unit has followed already, by kind and scope. */
  readonly #followed = new Map<string, Map<string, number>>();
  readonly #reasons: ReasonRecorder;
  /** For each unit the file by which it was reached first. */
  readonly #firstFiles: Int32Array;
  /** Undefined unless all references shall be written down. */
  readonly #graph: GraphRecorder | undefined;
  #finishedGraph: ReferenceGraph | undefined;

  constructor(
    input: InferenceInput,
    { traced, keepDevelopmentFiles }: { readonly traced: boolean; readonly keepDevelopmentFiles: boolean },
  ) {
    this.#input = input;
    this.#options = input.options ?? {};
    this.#replacedOf = findReplaced(input.objects);
    const declared = new Set(this.#declaredIds());
    const objects = [...input.objects].sort((a, b) => compare(a.id, b.id));
    this.#numbers = new Map(objects.map(({ id }, number) => [id, number]));
    const roots = new Set(input.roots);
    this.#index = new TokenIndex(
      objects.map((object) => this.#prepare(object, declared, roots, keepDevelopmentFiles)),
      input.kinds,
      input.offeredPaths ?? [],
    );
    this.#granularity = new GranularityRule(this.#index, this.#options.minimal === "files");
    const only = this.#options.onlyKinds;
    for (const kind of input.kinds) {
      if (only !== undefined && !only.includes(kind.name)) continue;
      const source = kind.reads ?? kind.name;
      this.#followers.set(source, [...(this.#followers.get(source) ?? []), kind]);
    }
    this.#shows = new Map(input.kinds.map(({ name, show }) => [name, show]));
    this.#hardKinds = new Set(input.kinds.flatMap(({ name, hard }) => (hard === true ? [name] : [])));
    this.#reached = new Uint8Array(this.#index.size);
    this.#droppedBy = new Uint16Array(this.#index.size);
    this.#reasons = new ReasonRecorder(this.#index, (kind, token) => this.#show(kind, token));
    this.#firstFiles = new Int32Array(this.#index.units.length).fill(FROM_NOWHERE);
    this.#graph = traced ? new GraphRecorder(this.#index) : undefined;
  }

  #declaredIds(): string[] {
    const byId = new Map(this.#input.objects.map((object) => [object.id, object]));
    for (const root of this.#input.roots) {
      if (!byId.has(root)) {
        throw new ClosureError(
          "ROOT_NOT_FOUND",
          `Cannot infer the closure of ${root}: it is not among the objects`,
        );
      }
    }
    return reachDeclared(this.#input.roots, (id) => {
      const object = byId.get(id);
      return object === undefined
        ? undefined
        : { references: object.declaredReferences.filter((reference) => byId.has(reference)) };
    });
  }

  #prepare(
    object: StoreObject,
    declared: ReadonlySet<string>,
    roots: ReadonlySet<string>,
    keepDevelopmentFiles: boolean,
  ) {
    const facts = this.#input.facts.get(object.id);
    if (facts === undefined) throw new InternalError(`no facts of ${object.id}`);
    const { kept, pruned } = isExact(object)
      ? { kept: object.tree.entries, pruned: [] }
      : pruneEntries(object.tree.entries, { keepDevelopmentFiles });
    if (declared.has(object.id)) {
      for (const { name, files, size } of pruned) {
        const total = this.#pruned.get(name) ?? { files: 0, size: 0 };
        this.#pruned.set(name, { files: total.files + files, size: total.size + size });
      }
    }
    const replaced = this.#replacedOf(object.id);
    const files: { entry: TreeEntry; path: string; fact: number }[] = [];
    const directories: TreeEntry[] = [];
    let fact = 0;
    let next = 0;
    let isSorted = true;
    for (const entry of object.tree.entries) {
      const isKept = kept[next] === entry;
      if (isKept) next++;
      if (entry.type === "directory") {
        if (isKept) directories.push(entry);
        continue;
      }
      if (isKept && !replaced.has(entry.path)) {
        const path = normalizePath(entry.path);
        if (path !== entry.path) isSorted = false;
        files.push({ entry, path, fact });
      }
      fact++;
    }
    if (!isSorted) files.sort((a, b) => comparePaths(a.path, b.path));
    return {
      unit: {
        object,
        declared: declared.has(object.id),
        root: roots.has(object.id),
        isReplaced: replaced.size > 0,
        files: files.map(({ entry }) => entry),
        directories,
      },
      facts,
      factNumbers: files.map((file) => file.fact),
    };
  }

  run(): Closure {
    this.#applyDrop();
    this.#markRoots();
    this.#applyKeep();
    this.#settle();
    this.#checkDrop();
    return this.#result();
  }

  // ─── Roots and overrides ──────────────────────────────────────────────────────────────────────────────────────────

  #markRoots(): void {
    const { entryPoints = [], minimal } = this.#options;
    for (const entryPoint of entryPoints) this.#markEntryPoint(entryPoint);
    const seen = new Set<number>();
    for (const id of [...this.#input.roots].sort(compare)) {
      const number = this.#numbers.get(id)!;
      if (minimal === "files" && this.#index.units[number]!.object.package !== undefined) continue;
      this.#markRoot(number, undefined, seen);
    }
  }

  #markEntryPoint({ word, paths, required }: EntryPoint): void {
    const index = this.#index;
    for (const path of paths.map(normalizePath)) {
      const files = index.atPath(path);
      const held = index.inDirectory(path);
      const bulk = files.length === 0 && held.exact && !required;
      const found = bulk ? held.files : files;
      if (found.length === 0) continue;
      for (const file of [...found, ...index.linksOn(path)]) {
        this.#mark(file, FROM_NOWHERE, "entrypoint", word, bulk, IMAGE);
      }
      return;
    }
    if (!required) return;
    throw new ClosureError(
      "ENTRYPOINT_NOT_FOUND",
      `Cannot start the image with ${word}: no package of its closure has it`,
      { hint: "Add the package that has it to contents" },
    );
  }

  /** Marks all of a root; of a metapackage, and of half a one, what it is there to bring. */
  #markRoot(number: number, from: number | undefined, seen: Set<number>): void {
    if (seen.has(number)) return;
    seen.add(number);
    const unit = this.#index.units[number]!;
    const [kind, token] =
      from === undefined ? ["root", ""] : ["metapackage", nameOf(this.#index.units[from]!.object)];
    if (from !== undefined) this.#addEdge(from, number, { kind });
    this.#completeUnit(number);
    const via = from === undefined ? IMAGE : this.#nodeOf(this.#index.units[from]!);
    this.#graph?.addEdge(via, this.#nodeOf(unit));
    for (let file = unit.first; file < unit.end; file++) {
      this.#mark(file, FROM_NOWHERE, kind, token, true, via);
    }
    if (isTransparent(unit)) {
      for (const reference of this.#declaredNumbers(unit)) {
        if (this.#index.units[reference]!.declared) this.#markRoot(reference, number, seen);
      }
    }
    for (const sibling of siblingsWithCommands(unit, this.#index, this.#declaredNumbers(unit))) {
      this.#markRoot(sibling, number, seen);
    }
  }

  #applyDrop(): void {
    for (const [number, pattern] of (this.#options.drop ?? []).entries()) {
      this.#forMatches(pattern, (file) => {
        this.#droppedBy[file] = number + 1;
      });
    }
  }

  /** A pattern of `drop` has an effect when it takes away what was reached, or what stays with its package. */
  #checkDrop(): void {
    const patterns = this.#options.drop ?? [];
    for (const unit of patterns.length === 0 ? [] : this.#index.units) {
      for (let file = unit.first; file < unit.end; file++) {
        if (this.#staysWithUnit(unit, file)) this.#dropEffects.add(this.#droppedBy[file]!);
      }
    }
    for (const [number, pattern] of patterns.entries()) {
      if (!this.#dropEffects.has(number + 1)) throw this.#withoutEffect("drop", pattern);
    }
  }

  /** `keep` comes after everything else was reached, so that a pattern that adds nothing is seen. */
  #applyKeep(): void {
    const patterns = this.#options.keep ?? [];
    if (patterns.length === 0) return;
    this.#settle();
    for (const pattern of patterns) {
      let added = false;
      this.#forMatches(pattern, (file) => {
        const unit = this.#index.units[this.#index.unitOf(file)]!;
        if (!this.#isKept(unit, file)) added = true;
        this.#mark(file, FROM_NOWHERE, "keep", pattern, false, IMAGE);
      });
      if (!added) throw this.#withoutEffect("keep", pattern);
    }
  }

  #forMatches(pattern: string, action: (file: number) => void): boolean {
    const glob = compileGlob(pattern);
    let any = false;
    for (const unit of this.#index.units) {
      if (!glob.onPath && !glob.matches(nameOf(unit.object))) continue;
      for (let file = unit.first; file < unit.end; file++) {
        if (glob.onPath && !glob.matches(this.#index.pathOf(file))) continue;
        any = true;
        action(file);
      }
    }
    return any;
  }

  #withoutEffect(option: "keep" | "drop", pattern: string): ClosureError {
    return new ClosureError(
      "OVERRIDE_WITHOUT_EFFECT",
      `Cannot ${option} "${pattern}": it matches nothing that ${option === "keep" ? "would leave" : "would be in"} the image`,
      { hint: `Take it out of ${option}, or correct the pattern` },
    );
  }

  // ─── Reachability ─────────────────────────────────────────────────────────────────────────────────────────────────

  #settle(): void {
    let next = 0;
    for (;;) {
      const file = this.#queue[next];
      if (file !== undefined) {
        next++;
        this.#follow(file, undefined);
        continue;
      }
      const unit = this.#completeQueue.pop();
      if (unit === undefined) break;
      this.#followHard(this.#index.units[unit]!);
    }
    this.#queue.length = 0;
  }

  /** Follows the tokens of a file: all of them, or only those of some kinds. */
  #follow(file: number, only: ReadonlySet<string> | undefined): void {
    const view = this.#index.view(file);
    const node = (only === undefined ? this.#graph?.named(file) : this.#graph?.present(file)) ?? NO_NODE;
    if (only === undefined && (view.traits & TRAITS.loadsLibraries) !== 0) this.#askProviders(view, node);
    for (const { kind: name, tokens } of this.#index.usesOf(file)) {
      for (const kind of this.#followers.get(name) ?? []) {
        if (only !== undefined && !only.has(kind.name)) continue;
        for (const token of tokens) this.#followToken(view, node, kind, token);
      }
    }
  }

  /** @param node That of the file in the graph. */
  #followToken(from: FileView, node: number, kind: TokenKind, token: string): void {
    const index = this.#index;
    const scope = scopeOf(kind, from, token);
    const key = `${from.unit.number} ${kind.name} ${scope}`;
    const followed = getOrMake(this.#followed, key, () => new Map<string, number>());
    const known = followed.get(token);
    if (known !== undefined) {
      if (known !== NO_NODE) this.#graph?.addEdge(node, known);
      return;
    }
    const targets = kind.find?.(token, from, index) ?? index.offering(kind.name, token);
    if (targets.length === 0) {
      followed.set(token, NO_NODE);
      return;
    }
    const via = this.#addToken(node, from.unit, kind.name, token);
    followed.set(token, via);
    // What a tree itself provides wins over another package's copy.
    const own =
      kind.everyMatch !== true && targets.some((target) => index.unitOf(target) === from.unit.number);
    for (const target of targets) {
      const unit = index.unitOf(target);
      if (unit === from.unit.number)
        this.#mark(target, from.number, kind.name, token, kind.bulk === true, via);
      else if (!own) this.#markOther(target, from, kind, scope, token, via);
    }
  }

  /** The node of a token that a file is the first of its unit to name. */
  #addToken(node: number, unit: UnitView, kind: string, token: string): number {
    if (this.#graph === undefined) return NO_NODE;
    const via = this.#graph.addToken(unit.number, kind, token);
    this.#graph.addEdge(node, via);
    return via;
  }

  /** Marks a file of another unit, when the scope of the kind reaches it. */
  #markOther(
    target: number,
    from: FileView,
    kind: TokenKind,
    scope: TokenScope,
    token: string,
    via: number,
  ): void {
    const unit = this.#index.units[this.#index.unitOf(target)]!;
    if (kind.namesPrograms === true && !unit.root && isMaintainerOnly(nameOf(unit.object))) return;
    if (isExact(from.unit.object) && this.#bundlesLanguageOf(from.unit, unit)) return;
    const m = from.unit.number;
    const inScope =
      scope === "closure" ||
      (scope === "declared" && unit.declared) ||
      (scope === "direct-or-essential" && !unit.declared) ||
      ((scope === "direct" || scope === "direct-or-essential") && this.#isNear(m, unit.number));
    const waiting = { source: from.number, target, kind: kind.name, token, via };
    if (inScope && kind.optional === true && !this.#isWanted(from.unit, unit)) {
      getOrMake(this.#optional, unit.number, (): Waiting[] => []).push(waiting);
    } else if (inScope) {
      this.#mark(target, from.number, kind.name, token, kind.bulk === true, via);
    } else if (scope === "direct" || scope === "direct-or-essential") {
      getOrMake(this.#waiting, m, (): Waiting[] => []).push(waiting);
    }
  }

  /** Whether what was built brings a language along of which another unit holds something. */
  #bundlesLanguageOf(unit: UnitView, other: UnitView): boolean {
    const bundled = getOrMake(this.#bundled, unit.number, () =>
      this.#input.kinds.flatMap(({ name, bundle }) =>
        bundle !== undefined &&
        this.#index.offering(name, bundle).some((file) => this.#index.unitOf(file) === unit.number)
          ? [name]
          : [],
      ),
    );
    return bundled.some((name) => this.#index.holds(other, name));
  }

  /** Whether a unit, or one that refers to it, declares to need another. */
  #isNear(unit: number, other: number): boolean {
    if (this.#directOf(unit).has(other)) return true;
    for (const referrer of this.#referrers.get(unit) ?? []) {
      if (this.#directOf(referrer).has(other)) return true;
    }
    return false;
  }

  #show(kind: string, token: string): string {
    return this.#shows.get(kind)?.(token) ?? token;
  }

  /** @param via The node of the graph that the reference comes from. */
  #mark(target: number, source: number, kind: string, token: string, bulk: boolean, via: number): void {
    if (this.#droppedBy[target] !== 0) {
      this.#dropEffects.add(this.#droppedBy[target]!);
      return;
    }
    const index = this.#index;
    const unit = index.units[index.unitOf(target)]!;
    const isBulk = bulk || (kind === "symlink" && source >= 0 && this.#reached[source] === 1);
    if (isBulk && !isExact(unit.object) && this.#lacksInterpreter(target, unit.root)) {
      this.#droppedScripts.add(target);
      return;
    }
    if (isBulk && this.#granularity.isTestSuite(unit, target)) return;
    if (source >= 0 && index.unitOf(source) !== unit.number) {
      this.#addEdge(index.unitOf(source), unit.number, {
        kind,
        file: index.entryOf(source).path,
        token: this.#show(kind, token),
        target: index.entryOf(target).path,
      });
    }
    this.#graph?.addEdge(via, this.#graph.named(target));
    this.#reasons.record(target, source, kind, token);
    if (!this.#touched.has(unit.number)) {
      this.#touched.add(unit.number);
      this.#firstFiles[unit.number] = target;
      this.#want(unit.number);
      if (this.#options.minimal === "files") this.#markLanguage(unit, target);
    }
    if (!this.#complete.has(unit.number)) this.#completeIfMeant(unit, source, isBulk);
    if (this.#reached[target] !== 0) {
      if (!isBulk) this.#reached[target] = 2;
      return;
    }
    this.#reached[target] = isBulk ? 1 : 2;
    this.#queue.push(target);
  }

  /**
   * Naming a file of a unit means the unit. Naming a directory means the unit when a package of the image declares to
   * need it, too; otherwise what lies in the directory, such as the configuration of a driver that may be there.
   */
  #completeIfMeant(unit: UnitView, source: number, isBulk: boolean): void {
    if (this.#granularity.of(unit) === "files") return;
    if (source >= 0 && this.#index.unitOf(source) === unit.number) return;
    if (source < 0 || !isBulk || this.#wanted.has(unit.number)) this.#completeUnit(unit.number);
    else this.#glimpsed.add(unit.number);
  }

  /** Whether an optional reference to a unit counts. */
  #isWanted(from: UnitView, unit: UnitView): boolean {
    if (unit.root || this.#wanted.has(unit.number) || isEssential(unit.object)) return true;
    const needed = getOrMake(this.#needed, from.number, () => {
      const reached = new Set([from.number]);
      for (const number of reached) {
        for (const other of this.#declaredNumbers(this.#index.units[number]!)) reached.add(other);
      }
      return reached;
    });
    return needed.has(unit.number);
  }

  /** Notes what a unit of the image declares to need. */
  #want(unit: number): void {
    for (const other of this.#directOf(unit)) {
      this.#wanted.add(other);
      for (const { source, target, kind, token, via } of this.#optional.get(other) ?? []) {
        this.#mark(target, source, kind, token, false, via);
      }
      this.#optional.delete(other);
      if (this.#glimpsed.has(other)) this.#completeUnit(other);
    }
  }

  /** A language's library may be several packages of one source: which modules a program imports, no scan sees. */
  #markLanguage(unit: UnitView, source: number): void {
    if (!this.#index.holdsModules(unit)) return;
    for (const other of this.#index.units) {
      if (other === unit || !other.declared || this.#touched.has(other.number)) continue;
      if (sourceOf(other) !== sourceOf(unit) || !this.#index.holdsModules(other)) continue;
      for (let file = other.first; file < other.end; file++) {
        this.#mark(file, source, "language-library", nameOf(other.object), true, this.#nodeOf(unit));
      }
    }
  }

  #nodeOf(unit: UnitView): number {
    return this.#graph?.unit(unit.number) ?? NO_NODE;
  }

  #completeUnit(unit: number): void {
    if (this.#complete.has(unit)) return;
    this.#complete.add(unit);
    this.#completeQueue.push(unit);
  }

  /** Every file that stays must be usable, reached or not: its libraries, interpreter and link targets stay. */
  #followHard(unit: UnitView): void {
    for (const reference of unit.declared ? this.#declaredNumbers(unit) : []) {
      const other = this.#index.units[reference]!;
      // Nothing links against a compiler: who declares to need one runs it, whatever the language of its strings.
      if (isCompiler(other.object) && !isExact(unit.object)) this.#markWhole(other, unit, "compiler");
      else if (isDataOf(other, unit)) this.#markWhole(other, unit, "own-data");
    }
    for (let file = unit.first; file < unit.end; file++) {
      if (!this.#isKept(unit, file)) continue;
      this.#reasons.record(file, this.#firstFiles[unit.number]!, "whole-package", undefined);
      // What is reached has been followed; that it would stay in any case is a reference more.
      if (this.#reached[file] === 0 || this.#graph !== undefined) this.#follow(file, this.#hardKinds);
    }
  }

  /** Marks all of a unit that another declares to need. */
  #markWhole(unit: UnitView, from: UnitView, kind: string): void {
    if (!unit.declared || this.#edges.get(from.number)?.has(unit.number) === true) return;
    this.#addEdge(from.number, unit.number, { kind, token: nameOf(unit.object) });
    this.#completeUnit(unit.number);
    const via = this.#nodeOf(from);
    this.#graph?.addEdge(via, this.#nodeOf(unit));
    for (let file = unit.first; file < unit.end; file++) {
      this.#reasons.record(file, this.#firstFiles[from.number]!, kind, nameOf(unit.object));
      this.#mark(file, FROM_NOWHERE, kind, "", true, via);
    }
  }

  /** Whether a script's interpreter is of no declared package. A root's own shell scripts are never without. */
  #lacksInterpreter(file: number, isRoot: boolean): boolean {
    if ((this.#index.traitsOf(file) & TRAITS.script) === 0) return false;
    const interpreters = this.#interpretersOf(file);
    if (isRoot && interpreters.some((target) => SHELL.test(this.#index.pathOf(target)))) return false;
    return !interpreters.some((target) => this.#index.units[this.#index.unitOf(target)]!.declared);
  }

  #interpretersOf(file: number): readonly number[] {
    const view = this.#index.view(file);
    const found: number[] = [];
    for (const { kind: name, tokens } of this.#index.usesOf(file)) {
      if (name !== "shebang") continue;
      // `env` itself is not what the script is written for.
      const names = tokens.length > 1 ? tokens.filter((token) => token.startsWith("env ")) : tokens;
      for (const kind of this.#followers.get(name) ?? []) {
        for (const token of names) found.push(...(kind.find?.(token, view, this.#index) ?? []));
      }
    }
    return found;
  }

  /** A library that loads others, and depends on any provider of a virtual package, loads the one that was chosen. */
  #askProviders(view: FileView, node: number): void {
    const asked = this.#askedProviders.get(view.unit.number);
    if (asked !== undefined) {
      for (const via of asked) this.#graph?.addEdge(node, via);
      return;
    }
    const kind = "virtual-provider";
    const providers = providersByChoice(view.unit, this.#index, this.#declaredNumbers(view.unit)).map(
      (number) => {
        const unit = this.#index.units[number]!;
        return { unit, via: this.#addToken(node, view.unit, kind, nameOf(unit.object)) };
      },
    );
    this.#askedProviders.set(
      view.unit.number,
      providers.map(({ via }) => via),
    );
    for (const { unit, via } of providers) {
      for (let file = unit.first; file < unit.end; file++) {
        this.#mark(file, view.number, kind, nameOf(unit.object), true, via);
      }
    }
  }

  // ─── Declarations ─────────────────────────────────────────────────────────────────────────────────────────────────

  #declaredNumbers(unit: UnitView): number[] {
    return unit.object.declaredReferences.flatMap((id) => this.#numbers.get(id) ?? []);
  }

  /** What a unit declares to need, seen through metapackages. */
  #directOf(number: number): ReadonlySet<number> {
    const known = this.#direct.get(number);
    if (known !== undefined) return known;
    const direct = new Set<number>();
    const stack = [number];
    const seen = new Set(stack);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (const reference of this.#declaredNumbers(this.#index.units[at]!)) {
        direct.add(reference);
        if (seen.has(reference) || !isTransparent(this.#index.units[reference]!)) continue;
        seen.add(reference);
        stack.push(reference);
      }
    }
    this.#direct.set(number, direct);
    return direct;
  }

  #addEdge(from: number, to: number, evidence: Evidence): void {
    const edges = getOrMake(this.#edges, from, () => new Map<number, Evidence[]>());
    const list = edges.get(to);
    if (list !== undefined) {
      if (list.length < MAX_EVIDENCE) list.push(evidence);
      return;
    }
    edges.set(to, [evidence]);
    getOrMake(this.#referrers, to, () => new Set<number>()).add(from);
    this.#reconsider(from, to);
  }

  /** A new referrer may declare what the words of the unit could mean. */
  #reconsider(from: number, unit: number): void {
    const direct = this.#directOf(from);
    for (const { source, target, kind, token, via } of this.#waiting.get(unit) ?? []) {
      if (direct.has(this.#index.unitOf(target))) this.#mark(target, source, kind, token, false, via);
    }
  }

  // ─── Result ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #isKept(unit: UnitView, file: number): boolean {
    if (this.#droppedBy[file] !== 0) return false;
    return this.#reached[file] !== 0 || (this.#staysWithUnit(unit, file) && !this.#droppedScripts.has(file));
  }

  /** Whether a file stays because others of its unit do. */
  #staysWithUnit(unit: UnitView, file: number): boolean {
    return this.#complete.has(unit.number) && this.#granularity.staysUnnamed(unit, file);
  }

  #result(): Closure {
    const index = this.#index;
    const kept = new Uint8Array(index.size);
    for (const unit of index.units) {
      for (let file = unit.first; file < unit.end; file++) kept[file] = this.#isKept(unit, file) ? 1 : 0;
    }
    this.#dropScripts(kept);
    this.#restoreScripts(kept);
    this.#finishedGraph = this.#graph?.finish(kept, (file) =>
      this.#staysWithUnit(index.units[index.unitOf(file)]!, file),
    );
    const units: ClosureUnit[] = [];
    const included = new Set<string>();
    for (const number of this.#order()) {
      const unit = index.units[number]!;
      const entries = listEntries(unit, kept, this.#complete.has(number));
      if (entries.length === 0 && !unit.root) continue;
      included.add(unit.object.id);
      units.push({
        object: unit.object,
        entries,
        granularity: isWhole(unit, kept) ? "whole" : "files",
      });
    }
    return {
      roots: this.#input.roots,
      units,
      edges: this.#edgesOf(included),
      pruned: this.#prunedClasses(kept),
      dropped: listDroppedObjects(index, included),
      droppedScripts: listDroppedScripts(
        index,
        kept,
        this.#droppedScripts,
        (unit) => this.#touched.has(unit) || this.#complete.has(unit),
      ),
      dangling: listDangling(index, kept, {
        followers: this.#followers,
        hard: this.#hardKinds,
        show: (kind, token) => this.#show(kind, token),
      }),
      ...this.#replaced(included),
      starts: listStarts(index, kept, this.#reasons),
      reasons: this.#reasons,
    };
  }

  #replaced(included: ReadonlySet<string>): Pick<Closure, "replaced"> {
    const replaced = [...included].sort(compare).flatMap((id) => [...this.#replacedOf(id).values()]);
    return replaced.length === 0 ? {} : { replaced };
  }

  /** The references of the result; only after {@link run}, and when they were written down. */
  trace(): Omit<Required<TracedClosure>, "closure"> {
    const [recorder, graph] = [this.#graph, this.#finishedGraph];
    if (recorder === undefined || graph === undefined)
      throw new InternalError("references were not recorded");
    return { graph, cutReason: (file) => cutReason(file, this.#index, this.#reasons, recorder, graph) };
  }

  /** Scripts that stayed with their package go when what runs them did not stay. */
  #dropScripts(kept: Uint8Array): void {
    for (let file = 0; file < kept.length; file++) {
      if (kept[file] === 0 || this.#reached[file] !== 0) continue;
      if ((this.#index.traitsOf(file) & TRAITS.script) === 0) continue;
      if (this.#interpretersOf(file).some((target) => kept[target] === 1)) continue;
      kept[file] = 0;
      this.#droppedScripts.add(file);
    }
  }

  /** Scripts whose interpreter no package declares stay with theirs when the image has it for others. */
  #restoreScripts(kept: Uint8Array): void {
    for (const file of this.#droppedScripts) {
      const unit = this.#index.units[this.#index.unitOf(file)]!;
      if (kept[file] === 1 || this.#droppedBy[file] !== 0 || !this.#staysWithUnit(unit, file)) continue;
      if (!this.#interpretersOf(file).some((target) => kept[target] === 1)) continue;
      kept[file] = 1;
      this.#droppedScripts.delete(file);
      this.#reasons.record(file, this.#firstFiles[unit.number]!, "whole-package", undefined);
    }
  }

  /** References before referrers, the same for every order of the input. */
  #order(): number[] {
    const { units } = this.#index;
    const names = units.map(({ object }) => object.id);
    return reachDeclared(names, (id) => {
      const number = this.#numbers.get(id);
      if (number === undefined) return undefined;
      return { references: this.#declaredNumbers(units[number]!).map((reference) => names[reference]!) };
    }).map((id) => this.#numbers.get(id)!);
  }

  #edgesOf(included: ReadonlySet<string>): ReferenceEdge[] {
    const { units } = this.#index;
    const edges: ReferenceEdge[] = [];
    for (const [from, targets] of this.#edges) {
      for (const [to, evidence] of targets) {
        const edge = { from: units[from]!.object.id, to: units[to]!.object.id, evidence };
        if (included.has(edge.to) && (included.has(edge.from) || evidence[0]?.kind === "metapackage"))
          edges.push(edge);
      }
    }
    return edges.sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
  }

  #prunedClasses(kept: Uint8Array): PrunedClass[] {
    const isTest = (unit: UnitView, file: number) =>
      this.#complete.has(unit.number) && this.#granularity.isTestSuite(unit, file);
    return [...this.#pruned]
      .map(([name, total]) => ({ name, ...total }))
      .concat(countMissing(TEST_SUITES, this.#index, kept, isTest))
      .sort((a, b) => compare(a.name, b.name));
  }
}

const SHELL = /^usr\/bin\/(?:ba|da)?sh$/;

function scopeOf(kind: TokenKind, from: FileView, token: string): TokenScope {
  if (typeof kind.scope === "function") return kind.scope(from, token);
  return kind.scope ?? (kind.strength === "strong" ? "closure" : "direct");
}

function nameOf(object: StoreObject): string {
  return object.package?.name ?? object.id;
}

function isEssential(object: StoreObject): boolean {
  return object.package?.control.get("Essential") === "yes";
}

/** Whether an object is in the image with all its files: what was built, whose references its builder decided. */
function isExact({ placement }: StoreObject): boolean {
  return placement.kind !== "at-root";
}
