// The fix-point of inference: the tokens of what is marked lead to further files, until nothing new is reached.

import { isCompiler } from "./declared.ts";
import { TRAITS } from "./facts.ts";
import { isExact } from "./indexed-units.ts";
import type { InferenceParts } from "./inference-parts.ts";
import { isMaintainerOnly } from "./maintainer-only.ts";
import { type Marks, NO_NODE, type Reference } from "./marks.ts";
import { FROM_NOWHERE } from "./reasons.ts";
import { isDataOf, providersByChoice } from "./relations.ts";
import { type FileView, getOrMake, nameOf, type UnitView } from "./token-index.ts";
import type { TokenKind, TokenScope } from "./token-kind.ts";

export class Follower {
  readonly #parts: InferenceParts;
  readonly #marks: Marks;
  /** The nodes of tokens that a unit has followed already, by kind and scope. */
  readonly #followed = new Map<string, Map<string, number>>();
  /** By unit the nodes of the providers that its libraries load. */
  readonly #askedProviders = new Map<number, readonly number[]>();
  /** By unit that was built the kinds of the languages that it brings along. */
  readonly #bundled = new Map<number, readonly string[]>();

  constructor(parts: InferenceParts, marks: Marks) {
    this.#parts = parts;
    this.#marks = marks;
  }

  /** Follows all that is marked, and what is marked by that. */
  settle(): void {
    const { queue, completeQueue } = this.#marks;
    let next = 0;
    for (;;) {
      const file = queue[next];
      if (file !== undefined) {
        next++;
        this.#follow(file, undefined);
        continue;
      }
      const unit = completeQueue.pop();
      if (unit === undefined) break;
      this.#followHard(this.#parts.index.units[unit]!);
    }
    queue.length = 0;
  }

  /** Follows the tokens of a file: all of them, or only those of some kinds. */
  #follow(file: number, only: ReadonlySet<string> | undefined): void {
    const { index, kinds, graph } = this.#parts;
    const view = index.view(file);
    const node = (only === undefined ? graph?.named(file) : graph?.present(file)) ?? NO_NODE;
    if (only === undefined && (view.traits & TRAITS.loadsLibraries) !== 0) this.#askProviders(view, node);
    for (const { kind: name, tokens } of index.usesOf(file)) {
      for (const kind of kinds.followersOf(name)) {
        if (only !== undefined && !only.has(kind.name)) continue;
        for (const token of tokens) this.#followToken(view, node, kind, token);
      }
    }
  }

  /** @param node That of the file in the graph. */
  #followToken(from: FileView, node: number, kind: TokenKind, token: string): void {
    const { index, graph } = this.#parts;
    const scope = scopeOf(kind, from, token);
    const key = `${from.unit.number} ${kind.name} ${scope}`;
    const followed = getOrMake(this.#followed, key, () => new Map<string, number>());
    const known = followed.get(token);
    if (known !== undefined) {
      if (known !== NO_NODE) graph?.addEdge(node, known);
      return;
    }
    const targets = kind.find?.(token, from, index) ?? index.offering(kind.name, token);
    if (targets.length === 0) {
      followed.set(token, NO_NODE);
      return;
    }
    const via = this.#addToken(node, from.unit, kind.name, token);
    followed.set(token, via);
    const reference = { source: from.number, kind: kind.name, token, via };
    // What a tree itself provides wins over another package's copy.
    const own =
      kind.everyMatch !== true && targets.some((target) => index.unitOf(target) === from.unit.number);
    for (const target of targets) {
      if (index.unitOf(target) === from.unit.number) this.#marks.mark(target, reference, kind.bulk === true);
      else if (!own) this.#markOther(target, from, kind, scope, reference);
    }
  }

  /** The node of a token that a file is the first of its unit to name. */
  #addToken(node: number, unit: UnitView, kind: string, token: string): number {
    const { graph } = this.#parts;
    if (graph === undefined) return NO_NODE;
    const via = graph.addToken(unit.number, kind, token);
    graph.addEdge(node, via);
    return via;
  }

  /** Marks a file of another unit, when the scope of the kind reaches it. */
  #markOther(target: number, from: FileView, kind: TokenKind, scope: TokenScope, reference: Reference): void {
    const { index } = this.#parts;
    const unit = index.units[index.unitOf(target)]!;
    if (kind.namesPrograms === true && !unit.root && isMaintainerOnly(nameOf(unit))) return;
    if (isExact(from.unit.object) && this.#bundlesLanguageOf(from.unit, unit)) return;
    const isDirect = scope === "direct" || scope === "direct-or-essential";
    const inScope =
      scope === "closure" ||
      (scope === "declared" && unit.declared) ||
      (scope === "direct-or-essential" && !unit.declared) ||
      (isDirect && this.#isNear(from.unit.number, unit.number));
    if (!inScope) {
      if (isDirect) this.#marks.awaitReferrer(from.unit.number, target, reference);
    } else if (kind.optional === true && !this.#marks.isWanted(from.unit, unit)) {
      this.#marks.awaitNeed(target, reference);
    } else {
      this.#marks.mark(target, reference, kind.bulk === true);
    }
  }

  /** Whether what was built brings a language along of which another unit holds something. */
  #bundlesLanguageOf(unit: UnitView, other: UnitView): boolean {
    const { index, kinds } = this.#parts;
    const bundled = getOrMake(this.#bundled, unit.number, () =>
      kinds.all.flatMap(({ name, bundle }) =>
        bundle !== undefined &&
        index.offering(name, bundle).some((file) => index.unitOf(file) === unit.number)
          ? [name]
          : [],
      ),
    );
    return bundled.some((name) => index.holds(other, name));
  }

  /** Whether a unit, or one that refers to it, declares to need another. */
  #isNear(unit: number, other: number): boolean {
    const { declarations } = this.#parts;
    if (declarations.directOf(unit).has(other)) return true;
    for (const referrer of this.#marks.edges.referrersOf(unit)) {
      if (declarations.directOf(referrer).has(other)) return true;
    }
    return false;
  }

  /** A library that loads others, and depends on any provider of a virtual package, loads the one that was chosen. */
  #askProviders({ unit: from, number: source }: FileView, node: number): void {
    const { index, declarations, graph } = this.#parts;
    const asked = this.#askedProviders.get(from.number);
    if (asked !== undefined) {
      for (const via of asked) graph?.addEdge(node, via);
      return;
    }
    const kind = "virtual-provider";
    const providers = providersByChoice(from, index, declarations.of(from)).map((number) => {
      const unit = index.units[number]!;
      const token = nameOf(unit);
      return { unit, reference: { source, kind, token, via: this.#addToken(node, from, kind, token) } };
    });
    this.#askedProviders.set(
      from.number,
      providers.map(({ reference }) => reference.via),
    );
    for (const { unit, reference } of providers) this.#marks.markAll(unit, reference);
  }

  /** Every file that stays must be usable, reached or not: its libraries, interpreter and link targets stay. */
  #followHard(unit: UnitView): void {
    const { index, declarations, kinds, graph } = this.#parts;
    const marks = this.#marks;
    for (const reference of unit.declared ? declarations.of(unit) : []) {
      const other = index.units[reference]!;
      // Nothing links against a compiler: who declares to need one runs it, whatever the language of its strings.
      if (isCompiler(other.object) && !isExact(unit.object)) this.#markWhole(other, unit, "compiler");
      else if (isDataOf(other, unit)) this.#markWhole(other, unit, "own-data");
    }
    for (let file = unit.first; file < unit.end; file++) {
      if (!marks.isKept(unit, file)) continue;
      marks.reasons.record(file, marks.firstFileOf(unit), "whole-package", undefined);
      // What is reached has been followed; that it would stay in any case is a reference more.
      if (!marks.isReached(file) || graph !== undefined) this.#follow(file, kinds.hard);
    }
  }

  /** Marks all of a unit that another declares to need. */
  #markWhole(unit: UnitView, from: UnitView, kind: string): void {
    const marks = this.#marks;
    if (!unit.declared || marks.edges.has(from.number, unit.number)) return;
    marks.addEdge(from.number, unit.number, { kind, token: nameOf(unit) });
    marks.completeUnit(unit.number);
    const via = marks.nodeOf(from);
    this.#parts.graph?.addEdge(via, marks.nodeOf(unit));
    for (let file = unit.first; file < unit.end; file++) {
      marks.reasons.record(file, marks.firstFileOf(from), kind, nameOf(unit));
    }
    marks.markAll(unit, { source: FROM_NOWHERE, kind, token: "", via });
  }
}

function scopeOf(kind: TokenKind, from: FileView, token: string): TokenScope {
  if (typeof kind.scope === "function") return kind.scope(from, token);
  return kind.scope ?? (kind.strength === "strong" ? "closure" : "direct");
}
