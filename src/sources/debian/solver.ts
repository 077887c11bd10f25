// A small complete solver for "needs one of" and "not both" rules that keeps to the preferred choices.
//
// Conflict-driven clause learning (Marques-Silva and Sakallah, GRASP, 1996; the assumptions are those of MiniSat) over
// rules that are only made when a variable becomes true, so that it sees no more of an archive than it must.
// What it finds does not depend on anything but the rules and their order.

import { InternalError } from "../../model/errors.ts";

/** A variable is a positive integer; a literal is a variable, or its negative. */
export type Literal = number;

/** A disjunction: one of its literals must hold. */
export interface Clause<Tag> {
  readonly literals: readonly Literal[];
  /** What it says, for explanations; absent for those that were learned. */
  readonly tag?: Tag;
  /** What a learned clause was derived from. */
  readonly antecedents?: readonly Clause<Tag>[];
}

export interface Rules<Tag> {
  /**
   * The rules of a variable that has become true: called at most once for each.
   *
   * A rule of `options` is a need: the first of them that can be true is chosen when none is. A rule of `literals`
   * only forbids.
   */
  expand(variable: number): Iterable<Need<Tag> | Clause<Tag>>;
}

/** "If this variable holds, one of these must, better an earlier one." */
export interface Need<Tag> {
  readonly options: readonly number[];
  readonly tag: Tag;
}

interface NeedClause<Tag> extends Clause<Tag> {
  readonly options: readonly number[];
}

export class Solver<Tag> {
  readonly #rules: Rules<Tag>;
  /** Clauses by the literals in them. */
  readonly #occurrences = new Map<Literal, Clause<Tag>[]>();
  readonly #needs = new Map<number, NeedClause<Tag>[]>();
  /** By variable: 1 true, -1 false. */
  readonly #values: (1 | -1 | undefined)[] = [];
  readonly #levels: number[] = [];
  readonly #reasons: (Clause<Tag> | undefined)[] = [];
  /** Literals that hold, in the order in which they came to. */
  readonly #trail: Literal[] = [];
  /** For each decision: the length of the trail before it, and how much of it had its needs met. */
  readonly #decisions: { trail: number; met: number }[] = [];
  #propagated = 0;
  #met = 0;

  constructor(rules: Rules<Tag>) {
    this.#rules = rules;
  }

  /** The variables that are true, in the order in which they became so. */
  trueVariables(): number[] {
    return this.#trail.filter((literal) => literal > 0);
  }

  /**
   * Demands that all these hold, for good, and solves.
   *
   * @returns Undefined, or the rules that together cannot hold.
   */
  require(facts: Iterable<{ readonly variable: number; readonly tag: Tag }>): Tag[] | undefined {
    this.#cancel(0);
    for (const { variable, tag } of facts) {
      const clause: Clause<Tag> = { literals: [variable], tag };
      const conflict = this.#add(clause) ?? this.#propagate();
      if (conflict !== undefined) return this.#core([conflict], conflict.literals);
    }
    return this.#search(undefined);
  }

  /**
   * Tries to make one more variable true beside everything that is true now.
   *
   * @param tag Names the facts that the present choices become.
   * @returns Undefined when it worked; else the rules that forbid it, and nothing has changed.
   */
  tryAdd(variable: number, tag: Tag): Tag[] | undefined {
    this.keep(this.trueVariables(), tag);
    const core = this.#search(variable);
    if (core !== undefined) this.#cancel(0);
    return core;
  }

  /** Forgets all choices, and makes facts of these variables, which must be a solution or part of one. */
  keep(variables: readonly number[], tag: Tag): void {
    this.#cancel(0);
    for (const variable of variables) {
      if (this.#values[variable] === undefined) this.#add({ literals: [variable], tag });
    }
    if (this.#propagate() !== undefined) throw new InternalError("what was solved cannot be kept");
  }

  #search(assumption: number | undefined): Tag[] | undefined {
    for (;;) {
      const conflict = this.#propagate();
      if (conflict !== undefined) {
        if (this.#decisions.length === 0) return this.#core([conflict], conflict.literals);
        this.#learn(conflict);
        continue;
      }
      if (assumption !== undefined && this.#values[assumption] === -1) {
        return this.#core([], [assumption]);
      }
      const choice =
        assumption !== undefined && this.#values[assumption] === undefined ? assumption : this.#nextChoice();
      if (choice === undefined) return undefined;
      this.#decisions.push({ trail: this.#trail.length, met: this.#met });
      this.#assign(choice, undefined);
    }
  }

  /** The best option of the first need that is not met. */
  #nextChoice(): number | undefined {
    for (; this.#met < this.#trail.length; this.#met++) {
      for (const { options } of this.#needs.get(this.#trail[this.#met]!) ?? []) {
        if (options.some((option) => this.#values[option] === 1)) continue;
        const choice = options.find((option) => this.#values[option] === undefined);
        if (choice === undefined)
          throw new InternalError("a need without options was not seen as a conflict");
        return choice;
      }
    }
    return undefined;
  }

  #assign(literal: Literal, reason: Clause<Tag> | undefined): void {
    const variable = Math.abs(literal);
    this.#values[variable] = literal > 0 ? 1 : -1;
    this.#levels[variable] = this.#decisions.length;
    this.#reasons[variable] = reason;
    this.#trail.push(literal);
  }

  #holds(literal: Literal): boolean | undefined {
    const value = this.#values[Math.abs(literal)];
    return value === undefined ? undefined : value > 0 === literal > 0;
  }

  /** Follows all consequences; returns a clause that nothing can satisfy any more, if there is one. */
  #propagate(): Clause<Tag> | undefined {
    while (this.#propagated < this.#trail.length) {
      const literal = this.#trail[this.#propagated++]!;
      for (const clause of this.#occurrences.get(-literal) ?? []) {
        const conflict = this.#follow(clause);
        if (conflict !== undefined) return conflict;
      }
      if (literal > 0 && !this.#needs.has(literal)) {
        const conflict = this.#expand(literal);
        if (conflict !== undefined) return conflict;
      }
    }
    return undefined;
  }

  #expand(variable: number): Clause<Tag> | undefined {
    const needs: NeedClause<Tag>[] = [];
    this.#needs.set(variable, needs);
    let conflict: Clause<Tag> | undefined;
    for (const rule of this.#rules.expand(variable)) {
      let clause: Clause<Tag>;
      if ("options" in rule) {
        const need = { literals: [-variable, ...rule.options], tag: rule.tag, options: rule.options };
        needs.push(need);
        clause = need;
      } else {
        clause = rule;
      }
      // All rules must be known even when one of them fails: they are asked for only once.
      conflict = this.#add(clause, conflict !== undefined) ?? conflict;
    }
    return conflict;
  }

  #add(clause: Clause<Tag>, quietly = false): Clause<Tag> | undefined {
    for (const literal of clause.literals) {
      const list = this.#occurrences.get(literal);
      if (list === undefined) this.#occurrences.set(literal, [clause]);
      else list.push(clause);
    }
    return quietly ? undefined : this.#follow(clause);
  }

  /** Assigns the last open literal of a clause; returns the clause when all its literals are false. */
  #follow(clause: Clause<Tag>): Clause<Tag> | undefined {
    let open: Literal | undefined;
    for (const literal of clause.literals) {
      const holds = this.#holds(literal);
      if (holds === true) return undefined;
      if (holds === undefined) {
        if (open !== undefined) return undefined;
        open = literal;
      }
    }
    if (open === undefined) return clause;
    this.#assign(open, clause);
    return undefined;
  }

  /** Derives from a conflict the clause that would have prevented it (first unique implication point). */
  #learn(conflict: Clause<Tag>): void {
    const level = this.#decisions.length;
    const seen = new Set<number>();
    const antecedents: Clause<Tag>[] = [];
    const lower: Literal[] = [];
    let clause = conflict;
    let pending = 0;
    let position = this.#trail.length - 1;
    let last: Literal;
    for (;;) {
      antecedents.push(clause);
      for (const literal of clause.literals) {
        const variable = Math.abs(literal);
        if (seen.has(variable) || this.#holds(literal) !== false) continue;
        seen.add(variable);
        if (this.#levels[variable] === level) pending++;
        else if (this.#levels[variable] === 0) antecedents.push(...this.#grounds([literal]));
        else lower.push(literal);
      }
      while (!seen.has(Math.abs(this.#trail[position]!))) position--;
      last = this.#trail[position--]!;
      pending--;
      if (pending === 0) break;
      clause = this.#reasons[Math.abs(last)]!;
    }
    const back = lower.reduce((most, literal) => Math.max(most, this.#levels[Math.abs(literal)]!), 0);
    this.#cancel(back);
    this.#add({ literals: [-last, ...lower], antecedents });
  }

  /** The reasons of literals that are false at level 0, whatever is chosen. */
  #grounds(literals: readonly Literal[]): Clause<Tag>[] {
    const grounds: Clause<Tag>[] = [];
    const seen = new Set<number>();
    const stack = literals.map(Math.abs);
    while (stack.length > 0) {
      const variable = stack.pop()!;
      if (seen.has(variable)) continue;
      seen.add(variable);
      const reason = this.#reasons[variable];
      if (reason === undefined) continue;
      grounds.push(reason);
      for (const literal of reason.literals) stack.push(Math.abs(literal));
    }
    return grounds;
  }

  /** The tags of all rules that a refutation rests on. */
  #core(clauses: readonly Clause<Tag>[], literals: readonly Literal[]): Tag[] {
    const seen = new Set<Clause<Tag>>();
    const stack = [...clauses, ...this.#grounds(literals)];
    const tags: Tag[] = [];
    while (stack.length > 0) {
      const clause = stack.pop()!;
      if (seen.has(clause)) continue;
      seen.add(clause);
      if (clause.tag !== undefined) tags.push(clause.tag);
      if (clause.antecedents !== undefined) stack.push(...clause.antecedents);
    }
    return tags;
  }

  #cancel(level: number): void {
    const decision = this.#decisions[level];
    if (decision === undefined) return;
    for (let index = this.#trail.length - 1; index >= decision.trail; index--) {
      const variable = Math.abs(this.#trail[index]!);
      this.#values[variable] = undefined;
      this.#reasons[variable] = undefined;
    }
    this.#trail.length = decision.trail;
    this.#decisions.length = level;
    this.#propagated = decision.trail;
    this.#met = decision.met;
  }
}
