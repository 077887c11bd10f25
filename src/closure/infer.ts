// Reference inference: which files of a declared closure and of Debian's Essential packages the roots need at run
// time. Objects, facts and options in; closure with the evidence of every edge out. Pure. Design: docs/closure.md.

import { type BytePath, compareStrings as compare, comparePaths } from "../model/bytes.ts";
import type {
  Closure,
  ClosureUnit,
  DanglingReference,
  DroppedObject,
  DroppedScript,
  Evidence,
  OfferedPath,
  PrunedClass,
  ReferenceEdge,
} from "../model/closure.ts";
import type { StoreObject } from "../model/store-object.ts";
import type { TreeEntry } from "../model/tree.ts";
import { isCompiler, reachDeclared } from "./declared.ts";
import { ClosureError } from "./errors.ts";
import { type ObjectFacts, TRAITS } from "./facts.ts";
import { compileGlob } from "./globs.ts";
import { GranularityRule } from "./granularity.ts";
import { normalizePath } from "./literals.ts";
import { isMaintainerOnly } from "./maintainer-only.ts";
import { pruneEntries } from "./prune.ts";
import { isDataOf, isTransparent, providersByChoice, siblingsWithCommands, sourceOf } from "./relations.ts";
import { type FileView, getOrMake, TokenIndex, type UnitView } from "./token-index.ts";
import type { TokenKind, TokenScope } from "./token-kind.ts";

export interface InferenceOptions {
  /** `files`: from the entrypoints only, and file by file but for libraries of languages. */
  readonly minimal?: "files" | undefined;
  /** What the image starts: with `minimal` the only roots, otherwise beside the root objects. */
  readonly entrypoints?: readonly BytePath[] | undefined;
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
  const closure = new Inference(input, false).run();
  // Files for compilers are in the image when a compiler is.
  const hasCompiler = closure.units.some(({ object }) => isCompiler(object));
  return hasCompiler ? new Inference(input, true).run() : closure;
}

/** A token of a file that may become an edge when the file's package gets another referrer. */
interface Waiting {
  readonly source: number;
  readonly target: number;
  readonly kind: string;
  readonly token: string;
}

const FROM_NOWHERE = -1;

class Inference {
  readonly #input: InferenceInput;
  readonly #options: InferenceOptions;
  readonly #index: TokenIndex;
  readonly #granularity: GranularityRule;
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
  readonly #askedProviders = new Set<number>();
  readonly #droppedScripts = new Set<number>();
  /** Tokens that a unit has followed already, by kind and scope. */
  readonly #followed = new Map<string, Set<string>>();

  constructor(input: InferenceInput, keepDevelopmentFiles: boolean) {
    this.#input = input;
    this.#options = input.options ?? {};
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
    if (facts === undefined) throw new Error(`internal error: no facts of ${object.id}`);
    const { kept, pruned } = pruneEntries(object.tree.entries, { keepDevelopmentFiles });
    if (declared.has(object.id)) {
      for (const { name, files, size } of pruned) {
        const total = this.#pruned.get(name) ?? { files: 0, size: 0 };
        this.#pruned.set(name, { files: total.files + files, size: total.size + size });
      }
    }
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
      if (isKept) {
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
    const { entrypoints = [], minimal } = this.#options;
    for (const path of entrypoints) {
      const files = this.#index.atPath(normalizePath(path));
      if (files.length === 0) {
        throw new ClosureError(
          "ENTRYPOINT_NOT_FOUND",
          `Cannot start the image with /${path}: no package of its closure has it`,
          { hint: "Add the package that has it to contents" },
        );
      }
      for (const file of [...files, ...this.#index.linksOn(normalizePath(path))]) {
        this.#mark(file, FROM_NOWHERE, "entrypoint", `/${path}`, false);
      }
    }
    if (minimal === "files") return;
    const seen = new Set<number>();
    for (const id of [...this.#input.roots].sort(compare))
      this.#markRoot(this.#numbers.get(id)!, undefined, seen);
  }

  /** Marks all of a root; of a metapackage, and of half a one, what it is there to bring. */
  #markRoot(number: number, from: number | undefined, seen: Set<number>): void {
    if (seen.has(number)) return;
    seen.add(number);
    const unit = this.#index.units[number]!;
    if (from !== undefined) this.#addEdge(from, number, { kind: "metapackage" });
    this.#completeUnit(number);
    for (let file = unit.first; file < unit.end; file++) this.#mark(file, FROM_NOWHERE, "root", "", true);
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
        this.#mark(file, FROM_NOWHERE, "keep", pattern, false);
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
    if (only === undefined && (view.traits & TRAITS.loadsLibraries) !== 0) this.#askProviders(view);
    for (const { kind: name, tokens } of this.#index.usesOf(file)) {
      for (const kind of this.#followers.get(name) ?? []) {
        if (only !== undefined && !only.has(kind.name)) continue;
        for (const token of tokens) this.#followToken(view, kind, token);
      }
    }
  }

  #followToken(from: FileView, kind: TokenKind, token: string): void {
    const index = this.#index;
    const scope = scopeOf(kind, from, token);
    const key = `${from.unit.number} ${kind.name} ${scope}`;
    const followed = getOrMake(this.#followed, key, () => new Set<string>());
    if (followed.has(token)) return;
    followed.add(token);
    const targets = kind.find?.(token, from, index) ?? index.offering(kind.name, token);
    if (targets.length === 0) return;
    // What a tree itself provides wins over another package's copy.
    const own =
      kind.everyMatch !== true && targets.some((target) => index.unitOf(target) === from.unit.number);
    for (const target of targets) {
      const unit = index.unitOf(target);
      if (unit === from.unit.number) this.#mark(target, from.number, kind.name, token, kind.bulk === true);
      else if (!own) this.#markOther(target, from, kind, scope, token);
    }
  }

  /** Marks a file of another unit, when the scope of the kind reaches it. */
  #markOther(target: number, from: FileView, kind: TokenKind, scope: TokenScope, token: string): void {
    const unit = this.#index.units[this.#index.unitOf(target)]!;
    if (kind.namesPrograms === true && !unit.root && isMaintainerOnly(nameOf(unit.object))) return;
    const m = from.unit.number;
    const inScope =
      scope === "closure" ||
      (scope === "declared" && unit.declared) ||
      (scope === "direct-or-essential" && !unit.declared) ||
      ((scope === "direct" || scope === "direct-or-essential") && this.#isNear(m, unit.number));
    if (inScope) {
      this.#mark(target, from.number, kind.name, token, kind.bulk === true);
    } else if (scope === "direct" || scope === "direct-or-essential") {
      getOrMake(this.#waiting, m, (): Waiting[] => []).push({
        source: from.number,
        target,
        kind: kind.name,
        token,
      });
    }
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

  #mark(target: number, source: number, kind: string, token: string, bulk: boolean): void {
    if (this.#droppedBy[target] !== 0) {
      this.#dropEffects.add(this.#droppedBy[target]!);
      return;
    }
    const index = this.#index;
    const unit = index.units[index.unitOf(target)]!;
    const isBulk = bulk || (kind === "symlink" && source >= 0 && this.#reached[source] === 1);
    if (isBulk && this.#lacksInterpreter(target, unit.root)) {
      this.#droppedScripts.add(target);
      return;
    }
    if (source >= 0 && index.unitOf(source) !== unit.number) {
      this.#addEdge(index.unitOf(source), unit.number, {
        kind,
        file: index.entryOf(source).path,
        token: this.#show(kind, token),
        target: index.entryOf(target).path,
      });
    }
    if (!this.#touched.has(unit.number)) {
      this.#touched.add(unit.number);
      if (this.#granularity.of(unit) !== "files") this.#completeUnit(unit.number);
      if (this.#options.minimal === "files") this.#markLanguage(unit, target);
    }
    if (this.#reached[target] !== 0) {
      if (!isBulk) this.#reached[target] = 2;
      return;
    }
    this.#reached[target] = isBulk ? 1 : 2;
    this.#queue.push(target);
  }

  /** A language's library may be several packages of one source: which modules a program imports, no scan sees. */
  #markLanguage(unit: UnitView, source: number): void {
    if (!this.#index.holdsModules(unit)) return;
    for (const other of this.#index.units) {
      if (other === unit || !other.declared || this.#touched.has(other.number)) continue;
      if (sourceOf(other) !== sourceOf(unit) || !this.#index.holdsModules(other)) continue;
      for (let file = other.first; file < other.end; file++) {
        this.#mark(file, source, "language-library", nameOf(other.object), true);
      }
    }
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
      if (isCompiler(other.object)) this.#markWhole(other, unit, "compiler");
      else if (isDataOf(other, unit)) this.#markWhole(other, unit, "own-data");
    }
    for (let file = unit.first; file < unit.end; file++) {
      if (this.#reached[file] === 0 && this.#isKept(unit, file)) this.#follow(file, this.#hardKinds);
    }
  }

  /** Marks all of a unit that another declares to need. */
  #markWhole(unit: UnitView, from: UnitView, kind: string): void {
    if (!unit.declared || this.#edges.get(from.number)?.has(unit.number) === true) return;
    this.#addEdge(from.number, unit.number, { kind, token: nameOf(unit.object) });
    this.#completeUnit(unit.number);
    for (let file = unit.first; file < unit.end; file++) this.#mark(file, FROM_NOWHERE, kind, "", true);
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
  #askProviders(view: FileView): void {
    if (this.#askedProviders.has(view.unit.number)) return;
    this.#askedProviders.add(view.unit.number);
    for (const number of providersByChoice(view.unit, this.#index, this.#declaredNumbers(view.unit))) {
      const unit = this.#index.units[number]!;
      for (let file = unit.first; file < unit.end; file++) {
        this.#mark(file, view.number, "virtual-provider", nameOf(unit.object), true);
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
    for (const { source, target, kind, token } of this.#waiting.get(unit) ?? []) {
      if (direct.has(this.#index.unitOf(target))) this.#mark(target, source, kind, token, false);
    }
  }

  // ─── Result ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #isKept(unit: UnitView, file: number): boolean {
    if (this.#droppedBy[file] !== 0) return false;
    return this.#reached[file] !== 0 || (this.#staysWithUnit(unit, file) && !this.#droppedScripts.has(file));
  }

  /** Whether a file stays because others of its unit do. */
  #staysWithUnit(unit: UnitView, file: number): boolean {
    return this.#complete.has(unit.number) && (unit.root || this.#granularity.staysUnnamed(unit, file));
  }

  #result(): Closure {
    const index = this.#index;
    const kept = new Uint8Array(index.size);
    for (const unit of index.units) {
      for (let file = unit.first; file < unit.end; file++) kept[file] = this.#isKept(unit, file) ? 1 : 0;
    }
    this.#dropScripts(kept);
    const units: ClosureUnit[] = [];
    const included = new Set<string>();
    for (const number of this.#order()) {
      const unit = index.units[number]!;
      const entries = this.#entriesOf(unit, kept);
      if (entries.length === 0 && !unit.root) continue;
      included.add(unit.object.id);
      units.push({
        object: unit.object,
        entries,
        granularity: this.#isWhole(unit, kept) ? "whole" : "files",
      });
    }
    return {
      roots: this.#input.roots,
      units,
      edges: this.#edgesOf(included),
      pruned: this.#prunedClasses(),
      dropped: this.#droppedObjects(included),
      droppedScripts: this.#droppedScriptList(kept),
      dangling: this.#dangling(kept),
    };
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

  /** Kept files and the directories above them; directories that are shipped empty stay with their unit. */
  #entriesOf(unit: UnitView, kept: Uint8Array): TreeEntry[] {
    const files = unit.files.filter((_, i) => kept[unit.first + i] === 1);
    if (files.length === 0 && !this.#complete.has(unit.number)) return [];
    const needed = new Set<string>();
    const populated = new Set<string>();
    for (const { path } of files) addParents(needed, path);
    for (const { path } of unit.files) addParents(populated, path);
    const directories = unit.directories.filter(({ path }) => needed.has(path) || !populated.has(path));
    for (const { path } of directories) addParents(needed, path);
    const above = unit.directories.filter(({ path }) => needed.has(path));
    return [...new Set([...above, ...directories, ...files])].sort((a, b) => comparePaths(a.path, b.path));
  }

  #isWhole(unit: UnitView, kept: Uint8Array): boolean {
    for (let file = unit.first; file < unit.end; file++) {
      if (kept[file] === 0) return false;
    }
    return true;
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

  #prunedClasses(): PrunedClass[] {
    return [...this.#pruned]
      .map(([name, total]) => ({ name, ...total }))
      .sort((a, b) => compare(a.name, b.name));
  }

  #droppedObjects(included: ReadonlySet<string>): DroppedObject[] {
    const declaredBy = new Map<string, string[]>();
    for (const { object } of this.#index.units) {
      if (!included.has(object.id)) continue;
      for (const id of new Set(object.declaredReferences)) {
        if (!included.has(id) && this.#numbers.has(id))
          declaredBy.set(id, [...(declaredBy.get(id) ?? []), object.id]);
      }
    }
    return this.#index.units
      .filter((unit) => unit.declared && !included.has(unit.object.id))
      .map(({ object }) => ({ id: object.id, declaredBy: declaredBy.get(object.id) ?? [] }));
  }

  #droppedScriptList(kept: Uint8Array): DroppedScript[] {
    const scripts: DroppedScript[] = [];
    for (const file of [...this.#droppedScripts].sort((a, b) => a - b)) {
      if (kept[file] === 1) continue;
      const { unit } = this.#index.view(file);
      const tokens = this.#index.usesOf(file).find(({ kind }) => kind === "shebang")?.tokens ?? [];
      const interpreter = tokens.find((token) => token.startsWith("env "))?.slice(4) ?? `/${tokens[0] ?? ""}`;
      // A script of a package that is not in the image was not dropped but never there.
      if (!this.#touched.has(unit.number) && !this.#complete.has(unit.number)) continue;
      scripts.push({ object: unit.object.id, path: this.#index.entryOf(file).path, interpreter });
    }
    return scripts;
  }

  /** What kept files cannot do without, and no kept file is. */
  #dangling(kept: Uint8Array): DanglingReference[] {
    const dangling: DanglingReference[] = [];
    for (let file = 0; file < kept.length; file++) {
      if (kept[file] === 0) continue;
      const view = this.#index.view(file);
      for (const { kind: name, tokens } of this.#index.usesOf(file)) {
        if (name !== "shebang" && !this.#hardKinds.has(name)) continue;
        for (const kind of this.#followers.get(name) ?? []) {
          for (const token of tokens) {
            if (name === "symlink" && MADE_AT_RUN_TIME.test(token)) continue;
            const targets = kind.find?.(token, view, this.#index) ?? this.#index.offering(name, token);
            if (targets.some((target) => kept[target] === 1) || this.#isDirectory(name, token)) continue;
            dangling.push({
              object: view.unit.object.id,
              path: this.#index.entryOf(file).path,
              kind: name,
              token: this.#show(name, token),
            });
          }
        }
      }
    }
    return dangling;
  }

  #isDirectory(kind: string, token: string): boolean {
    return kind === "symlink" && this.#index.ownersOf(this.#index.resolve(token)).length > 0;
  }
}

const SHELL = /^usr\/bin\/(?:ba|da)?sh$/;
const MADE_AT_RUN_TIME = /^(?:proc|dev|sys|run|tmp|var\/run|etc\/alternatives)(?:\/|$)/;

function scopeOf(kind: TokenKind, from: FileView, token: string): TokenScope {
  if (typeof kind.scope === "function") return kind.scope(from, token);
  return kind.scope ?? (kind.strength === "strong" ? "closure" : "direct");
}

function nameOf(object: StoreObject): string {
  return object.package?.name ?? object.id;
}

function addParents(into: Set<string>, path: string): void {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const parent = path.slice(0, end);
    if (into.has(parent)) return;
    into.add(parent);
  }
}
