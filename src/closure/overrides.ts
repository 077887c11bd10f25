// `keep` and `drop` of image.ts: patterns of package names or paths that win over all rules.

import { ClosureError } from "./errors.ts";
import { compileGlob } from "./globs.ts";
import { IMAGE } from "./graph-recorder.ts";
import type { Marks } from "./marks.ts";
import { FROM_NOWHERE } from "./reasons.ts";
import { nameOf, type TokenIndex, type UnitView } from "./token-index.ts";

/** The files that `drop` takes away. */
export class DropRule {
  readonly #patterns: readonly string[];
  readonly #index: TokenIndex;
  /** For each file the number of the pattern that takes it away, counted from 1; 0 for none. */
  readonly #droppedBy: Uint16Array;
  readonly #effects = new Set<number>();

  constructor(patterns: readonly string[], index: TokenIndex) {
    this.#patterns = patterns;
    this.#index = index;
    this.#droppedBy = new Uint16Array(index.size);
    for (const [number, pattern] of patterns.entries()) {
      forMatches(pattern, index, (file) => {
        this.#droppedBy[file] = number + 1;
      });
    }
  }

  has(file: number): boolean {
    return this.#droppedBy[file] !== 0;
  }

  /** Whether a file that is reached is taken away. */
  refuses(file: number): boolean {
    if (!this.has(file)) return false;
    this.#effects.add(this.#droppedBy[file]!);
    return true;
  }

  /**
   * A pattern has an effect when it takes away what was reached, or what stays with its package.
   *
   * @throws {ClosureError} `OVERRIDE_WITHOUT_EFFECT`.
   */
  check(staysWithUnit: (unit: UnitView, file: number) => boolean): void {
    for (const unit of this.#patterns.length === 0 ? [] : this.#index.units) {
      for (let file = unit.first; file < unit.end; file++) {
        if (staysWithUnit(unit, file)) this.#effects.add(this.#droppedBy[file]!);
      }
    }
    for (const [number, pattern] of this.#patterns.entries()) {
      if (!this.#effects.has(number + 1)) throw withoutEffect("drop", pattern);
    }
  }
}

/**
 * Marks what `keep` says, after everything else was reached, so that a pattern that adds nothing is seen.
 *
 * @throws {ClosureError} `OVERRIDE_WITHOUT_EFFECT`.
 */
export function markKept(patterns: readonly string[], index: TokenIndex, marks: Marks): void {
  for (const pattern of patterns) {
    const reference = { source: FROM_NOWHERE, kind: "keep", token: pattern, via: IMAGE };
    let added = false;
    forMatches(pattern, index, (file, unit) => {
      if (!marks.isKept(unit, file)) added = true;
      marks.mark(file, reference, false);
    });
    if (!added) throw withoutEffect("keep", pattern);
  }
}

function forMatches(
  pattern: string,
  index: TokenIndex,
  action: (file: number, unit: UnitView) => void,
): void {
  const glob = compileGlob(pattern);
  for (const unit of index.units) {
    if (!glob.onPath && !glob.matches(nameOf(unit))) continue;
    for (let file = unit.first; file < unit.end; file++) {
      if (!glob.onPath || glob.matches(index.pathOf(file))) action(file, unit);
    }
  }
}

function withoutEffect(option: "keep" | "drop", pattern: string): ClosureError {
  return new ClosureError(
    "OVERRIDE_WITHOUT_EFFECT",
    `Cannot ${option} "${pattern}": it matches nothing that ${option === "keep" ? "would leave" : "would be in"} the image`,
    { hint: `Take it out of ${option}, or correct the pattern` },
  );
}
