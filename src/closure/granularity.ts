// Whether a package that is reached stays whole, or file by file.
//
// A program computes names at run time that no scan sees, so packages of the declared closure stay whole. A package
// of C libraries does not: its libraries are found by soname and its programs by name, so those that nobody names go,
// and what is behind a gate (gates.ts) goes when nobody opens it. Essential packages that are not declared are there
// because of single programs, and stay file by file unless they hold modules of a language.

import { TRAITS } from "./facts.ts";
import { gateOf } from "./gates.ts";
import { isTestSuite } from "./test-suites.ts";
import { getOrMake, type TokenIndex, type UnitView } from "./token-index.ts";

/**
 * - `whole`: every file;
 * - `library`: every file but libraries of the loader's directories, programs and gated files that nobody names;
 * - `files`: what is named.
 */
export type Granularity = "whole" | "library" | "files";

const LOADER_DIRECTORY = /^usr\/lib(?:32|64|x32)?(?:\/[^/]+-linux-[^/]+)?\/[^/]+$/;
const PROGRAM = /^usr\/(?:s?bin|games|libexec)\//;

/** Decides for each unit, once. */
export class GranularityRule {
  readonly #index: TokenIndex;
  readonly #minimal: boolean;
  readonly #known = new Map<number, Granularity>();

  constructor(index: TokenIndex, minimal: boolean) {
    this.#index = index;
    this.#minimal = minimal;
  }

  of(unit: UnitView): Granularity {
    return getOrMake(this.#known, unit.number, () => this.#decide(unit));
  }

  #decide(unit: UnitView): Granularity {
    // Which modules of a language are imported is computed at run time.
    if (unit.root && !this.#minimal) return "whole";
    if (this.#index.holdsModules(unit)) return "whole";
    if (this.#minimal || !unit.declared) return "files";
    return this.#isLibrary(unit) ? "library" : "whole";
  }

  /** Whether it is made of C libraries: one at least for the loader to find, and no source text of any language. */
  #isLibrary(unit: UnitView): boolean {
    let found = false;
    for (let file = unit.first; file < unit.end; file++) {
      const traits = this.#index.traitsOf(file);
      if ((traits & (TRAITS.language | TRAITS.script)) !== 0) return false;
      if ((traits & TRAITS.elf) !== 0 && LOADER_DIRECTORY.test(this.#index.pathOf(file))) found = true;
    }
    return found;
  }

  /** Whether a file is of a package's test suite: only its own name brings it. */
  isTestSuite(unit: UnitView, file: number): boolean {
    return unit.object.package !== undefined && isTestSuite(this.#index.pathOf(file));
  }

  /** Whether a file of a unit stays though nobody names it, when another of the unit's files does. */
  staysUnnamed(unit: UnitView, file: number): boolean {
    if (this.isTestSuite(unit, file)) return false;
    if (unit.root) return true;
    const granularity = this.of(unit);
    if (granularity !== "library") return granularity === "whole";
    const path = this.#index.pathOf(file);
    if (gateOf(path) !== undefined || PROGRAM.test(path)) return false;
    return !(LOADER_DIRECTORY.test(path) && path.includes(".so"));
  }
}
